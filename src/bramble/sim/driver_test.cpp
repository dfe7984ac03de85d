#include "bramble/sim/driver.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/sim/rig.hpp"
#include "bramble/sim/test_world.hpp"
#include "bramble/sim/track.hpp"

namespace bramble {
namespace {

struct Drive {
  std::vector<Eigen::Matrix4d> poses;
  double distance_m = 0;
  double largest_lateral_m = 0;
  double turned_rad = 0;  // around the map's middle
  double slowest_mps = 1e9;
  bool on_terrain = true;
  Trace trace;
};

Drive drive(const World& world, Driver& driver, const VehicleConfig& config, int frames) {
  Drive result;
  Vehicle vehicle(world, config, driver.start());
  result.trace.scenario = world.name;
  result.trace.start_x_m = quantized(driver.start().translation().x());
  result.trace.start_y_m = quantized(driver.start().translation().y());
  result.trace.start_yaw_rad = quantized(rpy_of(driver.start().linear()).z());
  double s = -1;
  Eigen::Vector2d last = vehicle.state().X_MB.translation().head<2>();
  for (int frame = 0; frame < frames; ++frame) {
    const VehicleState& state = vehicle.state();
    const Eigen::Vector2d p = state.X_MB.translation().head<2>();
    result.distance_m += (p - last).norm();
    result.turned_rad += std::atan2(last.x() * p.y() - last.y() * p.x(), last.dot(p));
    last = p;
    s = world.path.nearest_s(p.x(), p.y(), s);
    result.largest_lateral_m = std::max(result.largest_lateral_m, std::abs(world.path.lateral_offset(p.x(), p.y(), s)));
    if (frame > 100) result.slowest_mps = std::min(result.slowest_mps, state.speed_mps());
    result.on_terrain = result.on_terrain && world.terrain.contains(p.x(), p.y());
    result.poses.push_back(state.X_MB.matrix());
    Trace::Row row;
    row.control = quantized(driver.drive(frame, state));
    row.x_m = quantized(p.x());
    row.y_m = quantized(p.y());
    row.yaw_rad = quantized(rpy_of(state.X_MB.linear()).z());
    row.speed_mps = quantized(state.speed_mps());
    result.trace.rows.push_back(row);
    vehicle.step(row.control, kFrameS);
  }
  return result;
}

TEST(Track, OfACircleHasItsCurvatureAndDirection) {
  Path path;
  for (int k = 0; k < 250; ++k)
    path.points.emplace_back(20 * std::cos(k * 0.025132741), 20 * std::sin(k * 0.025132741), 0);
  SpeedRules rules;
  const Track track = Track::along(path, false, rules);
  EXPECT_NEAR(track.length_m(), 2 * 3.14159265 * 20, 0.05);
  for (double s = 0; s < 120; s += 7) {
    EXPECT_NEAR(track.at(s).curvature_per_m, 1 / 20.0, 1e-3);
    EXPECT_NEAR(track.at(s).speed_mps, std::min(rules.limit_mps, std::sqrt(rules.lateral_mps2 * 20)), 0.05);
    EXPECT_NEAR(std::abs(wrap_angle(track.at(s).heading_rad - (s / 20 + 3.14159265 / 2))), 0, 0.02);
  }
  EXPECT_NEAR(track.nearest_s({20, -0.3}, 0.5), track.length_m() - 0.3, 0.01) << "the search goes over the seam";
  const Track back = Track::along(path, true, rules);
  EXPECT_NEAR(back.at(10).curvature_per_m, -1 / 20.0, 1e-3);
  EXPECT_THROW(Track::along(Path{}, false, rules), Error);
}

TEST(Track, BrakesAheadOfABend) {
  std::vector<Eigen::Vector3d> points;
  for (int i = 0; i < 100; ++i) points.emplace_back(0.5 * i, 0, 0);
  for (int i = 1; i < 40; ++i) points.emplace_back(49.5 + 5 * std::sin(0.1 * i), 5 - 5 * std::cos(0.1 * i), 0);
  SpeedRules rules;
  rules.limit_mps = 12;
  const Track track = Track::through(points, 0.1, rules);
  const double in_bend = track.at(55).speed_mps;
  EXPECT_LT(in_bend, 4);
  EXPECT_NEAR(track.at(10).speed_mps, std::min(12.0, std::sqrt(in_bend * in_bend + 2 * rules.braking_mps2 * 38)), 0.5);
  for (double s = 0; s < 60; s += 0.5) {
    const double a = track.at(s).speed_mps, b = track.at(s + 0.5).speed_mps;
    EXPECT_LE(a * a - b * b, 2 * rules.braking_mps2 * 0.5 + 0.15) << s;
  }
}

TEST(Drivers, AnOpenPathIsDrivenToItsEnd) {
  World world = make_test_world();
  world.path.closed = false;
  world.path.points.resize(200);
  const VehicleConfig config;
  for (const char* name : {"autopilot", "reverse"}) {
    const bool forwards = name[0] == 'a';
    const Eigen::Vector2d from = (forwards ? world.path.points.front() : world.path.points.back()).head<2>();
    const Eigen::Vector2d to = (forwards ? world.path.points.back() : world.path.points.front()).head<2>();
    const auto driver = make_driver(name, world, config, {});
    EXPECT_LT((driver->start().translation().head<2>() - from).norm(), 0.01) << name;
    const Drive result = drive(world, *driver, config, 800);
    const Eigen::Vector2d end = result.poses.back().block<2, 1>(0, 3);
    EXPECT_LT((end - to).norm(), 3) << name << " stands with its front axle at the end";
    EXPECT_LT(std::abs(result.trace.rows.back().speed_mps), 0.05) << name;
    EXPECT_LT((result.poses[700].block<2, 1>(0, 3) - end).norm(), 0.2) << name << ": but for creep across the slope";
    EXPECT_LT(result.largest_lateral_m, 0.5 * world.path.width_m + 1) << name;
  }
  EXPECT_EQ(Track::along(world.path, false, {}).at(1e9).speed_mps, 0);
}

TEST(Drivers, AutopilotStaysOnThePathBothWays) {
  for (const double hill_m : {0.0, 3.0})
    for (const char* name : {"autopilot", "reverse"}) {
      const World world = make_test_world(hill_m);
      const VehicleConfig config;
      const auto driver = make_driver(name, world, config, {});
      const Drive result = drive(world, *driver, config, 1400);
      EXPECT_LT(result.largest_lateral_m, 0.5 * world.path.width_m + 1) << name << " hills " << hill_m;
      EXPECT_GE(result.distance_m / (1400 * kFrameS), 4) << name << " hills " << hill_m;
      EXPECT_GT(result.slowest_mps, 1.5) << name << " hills " << hill_m;
      EXPECT_GT((name[0] == 'a' ? 1 : -1) * result.turned_rad, 6.3) << name << " goes around";
    }
}

TEST(Drivers, AutopilotComesBackFromBesideThePath) {
  const World world = make_test_world();
  const VehicleConfig config;
  const auto driver = make_driver("autopilot", world, config, {});
  // Eight metres to the right, looking away.
  Pose start = driver->start();
  start.translate(Eigen::Vector3d(0, -8, 0));
  start.rotate(Eigen::AngleAxisd(2.5, Eigen::Vector3d::UnitZ()));
  Vehicle vehicle(world, config, start);
  for (int frame = 0; frame < 400; ++frame) vehicle.step(driver->drive(frame, vehicle.state()), kFrameS);
  const Eigen::Vector3d p = vehicle.state().X_MB.translation();
  EXPECT_LT(std::abs(world.path.lateral_offset(p.x(), p.y(), world.path.nearest_s(p.x(), p.y()))), 1);
  EXPECT_GT(vehicle.state().speed_mps(), 3);
}

TEST(Drivers, AutopilotBacksOffWhenStuck) {
  World world = make_test_world(0);
  const VehicleConfig config;
  const auto driver = make_driver("autopilot", world, config, {});
  // A tree before the bumper.
  Mesh trunk;
  trunk.positions = {{-0.2F, 0, 0}, {0.2F, 0, 5}, {0, 0.2F, 2}};
  trunk.triangles = {{0, 1, 2}};
  world.meshes.push_back(trunk);
  Instance tree;
  tree.collision_radius_m = 0.4F;
  const Eigen::Vector3d place = driver->start() * Eigen::Vector3d(4, 0, 0);
  tree.X_MA.translation() =
      Eigen::Vector3d(place.x(), place.y(), world.terrain.height(place.x(), place.y())).cast<float>();
  world.instances.push_back(tree);
  Vehicle vehicle(world, config, driver->start());
  double slowest = 0;
  for (int frame = 0; frame < 300; ++frame) {
    vehicle.step(driver->drive(frame, vehicle.state()), kFrameS);
    slowest = std::min(slowest, vehicle.state().speed_mps());
  }
  EXPECT_GE(vehicle.state().collisions, 1);
  EXPECT_LT(slowest, -0.5);
}

TEST(Drivers, ManualLikeWandersStopsAndStaysNearThePath) {
  const World world = make_test_world();
  const VehicleConfig config;
  DriverOptions options;
  options.seed = 3;
  const auto driver = make_driver("manual-like", world, config, options);
  const Drive result = drive(world, *driver, config, 2000);
  EXPECT_LT(result.largest_lateral_m, 0.5 * world.path.width_m + 1.5);
  EXPECT_GT(result.largest_lateral_m, 0.3) << "a person does not keep to the centre line";
  EXPECT_LT(result.slowest_mps, 0.1) << "stops";
  EXPECT_GT(result.distance_m, 250);
  options.seed = 4;
  const auto other = make_driver("manual-like", world, config, options);
  EXPECT_NE(drive(world, *other, config, 300).poses.back(), result.poses[299]) << "seeded";
}

TEST(Drivers, ATraceReplaysBitForBit) {
  const World world = make_test_world();
  const VehicleConfig config;
  const auto driver = make_driver("manual-like", world, config, {});
  const Drive recorded = drive(world, *driver, config, 900);
  const Trace trace = Trace::parse(recorded.trace.to_csv(), "trace.csv");
  const auto replay = make_trace_driver(trace, config);
  EXPECT_EQ(replay->frame_count(), 900);
  const Drive again = drive(world, *replay, config, 900);
  for (std::size_t i = 0; i < 900; ++i) ASSERT_EQ(recorded.poses[i], again.poses[i]) << "frame " << i;
}

TEST(Drivers, ATraceIsFollowedInAChangedWorldToo) {
  const World world = make_test_world(3.0, 0.02);
  const VehicleConfig config;
  const auto driver = make_driver("manual-like", world, config, {});
  const Drive recorded = drive(world, *driver, config, 900);
  World changed = make_test_world(3.4, 0.04);
  const auto replay = make_trace_driver(recorded.trace, config);
  const Drive again = drive(changed, *replay, config, 950);  // 50 frames past the end
  double largest = 0;
  for (std::size_t i = 0; i < 900; ++i)
    largest = std::max(largest, (recorded.poses[i] - again.poses[i]).block<2, 1>(0, 3).norm());
  EXPECT_GT(largest, 0) << "the worlds differ";
  EXPECT_LT(largest, 0.7);
  EXPECT_TRUE(again.on_terrain);
  const double crept = (again.poses[949] - again.poses[940]).block<2, 1>(0, 3).norm();
  EXPECT_LT(crept, 0.05) << "stands still at the end";
}

void expect_refused(const std::string& text, const std::vector<std::string>& words) {
  try {
    Trace::parse(text, "drive.csv");
    ADD_FAILURE() << "accepted: " << text;
  } catch (const Error& error) {
    for (const auto& word : words) EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

TEST(Trace, MistakesNameTheLine) {
  const std::string head =
      "# trace: 1\n# start: 0 0 0\nframe,throttle,steer,brake,hand_brake,reverse,x_m,y_m,yaw_rad,speed_mps\n";
  EXPECT_EQ(Trace::parse(head + "0,0,0,0,0,0,0,0,0,0\n1,0.5,-1,0,1,0,1,2,3,4\n", "x").rows[1].control.throttle, 0.5);
  expect_refused("", {"drive.csv", "header"});
  expect_refused(head, {"drive.csv", "2 frames"});
  expect_refused(head + "0,0,0,0,0,0,0,0,0\n", {"drive.csv:4", "10 columns"});
  expect_refused(head + "0,zero,0,0,0,0,0,0,0,0\n", {"drive.csv:4", "throttle", "zero"});
  expect_refused(head + "0,1.5,0,0,0,0,0,0,0,0\n", {"drive.csv:4", "throttle", "1.5"});
  expect_refused(head + "0,nan,0,0,0,0,0,0,0,0\n", {"drive.csv:4", "throttle"});
  expect_refused(head + "1,0,0,0,0,0,0,0,0,0\n", {"drive.csv:4", "frame 0"});
  expect_refused("# trace: 2\n" + head, {"drive.csv:1", "version 2"});
  expect_refused(head.substr(head.find("frame")) + "0,0,0,0,0,0,0,0,0,0\n1,0,0,0,0,0,0,0,0,0\n", {"# start"});
}

TEST(Drivers, UnknownOnesAreRefusedWithTheNearestName) {
  const World world = make_test_world();
  const VehicleConfig config;
  try {
    make_driver("autopilt", world, config, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean autopilot"), std::string::npos) << error.what();
  }
  EXPECT_THROW(make_driver("trace:/nowhere.csv", world, config, {}), Error);
}

}  // namespace
}  // namespace bramble
