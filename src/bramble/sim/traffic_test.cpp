#include "bramble/sim/traffic.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/sim/drive_statistics.hpp"
#include "bramble/sim/publish_actors.hpp"
#include "bramble/sim/simulation.hpp"
#include "bramble/sim/test_world.hpp"
#include "bramble/sim/walker_look.hpp"

namespace bramble {
namespace {

const std::filesystem::path kHome = BRAMBLE_SOURCE_DIR;

std::shared_ptr<const World> world_with_classes() {
  static const auto world = [] {
    auto made = std::make_shared<World>(make_test_world());
    auto classes = made->ontology.classes();
    classes.push_back({4, "vehicle", {255, 255, 0}, 14});
    classes.push_back({5, "person", {200, 150, 255}, 12});
    classes.push_back({6, "animal", {255, 128, 0}, 35});
    made->ontology = Ontology("traffic", classes);
    return made;
  }();
  return world;
}

ActorScenario actor(const std::string& kind, const std::string& course, double at) {
  ActorScenario result;
  result.name = kind + " " + course + fmt::format(" {:.2f}", at);
  result.kind = kind;
  result.course = course;
  result.at = at;
  return result;
}

std::vector<ActorScenario> company() {
  std::vector<ActorScenario> actors = {actor("jeep", "along", 0.5),    actor("truck", "along", 0.12),
                                       actor("person", "across", 0.3), actor("deer", "across", 0.72),
                                       actor("person", "along", 0.2),  actor("cow", "stand", 0.6)};
  actors[0].direction = "against";
  actors[1].speed_mps = 3;
  return actors;
}

Rig rig_with_flow() {
  return Rig::parse(R"({"objects": [{"type": "vehicle.bramble.jeep", "id": "hero", "sensors": [
    {"type": "sensor.camera.rgb", "id": "rgb", "spawn_point": {"x": 1.5, "z": 1.7}, "image_size_x": 160, "image_size_y": 120, "fov": 90},
    {"type": "sensor.camera.semantic_segmentation", "id": "label", "spawn_point": {"x": 1.5, "z": 1.7}, "image_size_x": 160, "image_size_y": 120, "fov": 90},
    {"type": "sensor.camera.instance_segmentation", "id": "instance", "spawn_point": {"x": 1.5, "z": 1.7}, "image_size_x": 160, "image_size_y": 120, "fov": 90},
    {"type": "sensor.camera.optical_flow", "id": "flow", "spawn_point": {"x": 1.5, "z": 1.7}, "image_size_x": 160, "image_size_y": 120, "fov": 90},
    {"type": "sensor.lidar.ray_cast_semantic", "id": "lidar", "spawn_point": {"z": 2.4}, "range": 60, "channels": 32, "points_per_second": 320000, "rotation_frequency": 20}
  ]}]})",
                    "test rig");
}

std::unique_ptr<Simulation> simulate(const std::vector<ActorScenario>& actors, SimulationOptions options,
                                     double start_s_m = 0) {
  DriveScenario drive;
  drive.start_s_m = start_s_m;
  auto simulation =
      std::make_unique<Simulation>(world_with_classes(), drive, rig_with_flow(), VehicleConfig{}, options);
  simulation->populate(actors, kHome);
  return simulation;
}

SimulationOptions unseen(std::int64_t frames) {
  SimulationOptions options;
  options.frames = frames;
  options.topics = {"/clock"};
  return options;
}

RoadUser road_user(const ActorState& state) {
  RoadUser user;
  user.id = state.id;
  user.vehicle = state.class_name == "vehicle";
  user.position = state.X_MA.translation().head<2>();
  user.yaw_rad = std::atan2(state.X_MA.linear()(1, 0), state.X_MA.linear()(0, 0));
  user.length_m = state.size_m.x();
  user.width_m = state.size_m.y();
  return user;
}

// Both directions, among vehicles that come and go before, people and animals that cross: nobody touches anybody.
TEST(Traffic, TheAutopilotGetsThroughWithoutTouchingAnybody) {
  for (const char* driver : {"autopilot", "reverse"}) {
    SimulationOptions options = unseen(3000);
    options.driver = driver;
    const auto simulation = simulate(company(), options);
    DriveStatistics statistics(simulation->world());
    int slow = 0, near = 0;
    while (simulation->advance()) {
      statistics.add(simulation->frame());
      slow += simulation->frame().state.speed_mps() < 1;
      const RoadUser ego = road_user_of(simulation->frame().state, VehicleConfig{});
      const auto& actors = simulation->frame().actors;
      for (std::size_t i = 0; i < actors.size(); ++i) {
        const RoadUser one = road_user(actors[i]);
        near += (one.position - ego.position).norm() < 8;
        ASSERT_FALSE(overlap(ego, one)) << driver << " and " << actors[i].name << " at frame "
                                        << simulation->frame().index;
        for (std::size_t k = 0; k < i; ++k) {
          if (actors[i].class_name != "vehicle" && actors[k].class_name != "vehicle") continue;
          ASSERT_FALSE(overlap(one, road_user(actors[k])))
              << actors[i].name << " and " << actors[k].name << " at frame " << simulation->frame().index;
        }
      }
    }
    EXPECT_EQ(statistics.collisions(), 0) << driver;
    EXPECT_GT(statistics.distance_m(), 240) << driver << " stays somewhere";
    EXPECT_GT(near, 100) << "they did meet";
    EXPECT_LT(statistics.max_lateral_m(), 0.5 * simulation->world().path.width_m + 1) << driver;
    EXPECT_LT(slow, 1500) << driver;
  }
}

TEST(Traffic, EverybodyMovesAsHeIsToldAndStaysHimself) {
  const auto simulation = simulate(company(), unseen(400));
  ASSERT_TRUE(simulation->advance());
  const std::vector<ActorState> first = simulation->frame().actors;
  ASSERT_EQ(first.size(), 6u);
  EXPECT_EQ(first[0].class_id, 4);
  EXPECT_EQ(first[2].class_id, 5);
  EXPECT_EQ(first[3].class_id, 6);
  std::vector<double> fastest(first.size());
  Pose last_jeep = first[0].X_MA;
  while (simulation->advance()) {
    const auto& actors = simulation->frame().actors;
    for (std::size_t i = 0; i < actors.size(); ++i) {
      EXPECT_EQ(actors[i].id, kFirstActorInstanceId - i);
      EXPECT_EQ(actors[i].name, first[i].name);
      fastest[i] = std::max(fastest[i], actors[i].velocity_M.norm());
      const Eigen::Vector3d p = actors[i].X_MA.translation();
      EXPECT_NEAR(p.z(), simulation->world().terrain.height(p.x(), p.y()), 0.12) << actors[i].name;
    }
    EXPECT_NEAR((actors[0].X_MA.translation() - last_jeep.translation()).norm() / kFrameS, actors[0].velocity_M.norm(),
                1e-9);
    last_jeep = actors[0].X_MA;
  }
  EXPECT_GT(fastest[0], 2.5);
  EXPECT_NEAR(fastest[1], 3, 0.3) << "the truck's own speed";
  EXPECT_NEAR(fastest[4], std::hypot(1.4, 0.8), 0.1) << "a walker's, which steps aside on its way";
  EXPECT_EQ(fastest[5], 0) << "a cow that stands";
  // The jeep goes against the path.
  const Path& path = simulation->world().path;
  const Eigen::Vector3d way = simulation->frame().actors[0].velocity_M;
  const Eigen::Vector3d p = simulation->frame().actors[0].X_MA.translation();
  EXPECT_LT(way.dot(path.tangent_at(path.nearest_s(p.x(), p.y()))), 0);
}

TEST(Traffic, IsToldOfAsObjectsWithTheirBoxes) {
  const auto simulation = simulate(company(), unseen(40));
  while (simulation->advance()) {
  }
  const auto objects = object_array(7, simulation->actors(), kEgoActorId).objects;
  const auto& actors = simulation->frame().actors;
  ASSERT_EQ(objects.size(), actors.size());
  using derived_object_msgs::Object;
  const std::array<std::uint8_t, 6> kinds = {Object::CLASSIFICATION_CAR,        Object::CLASSIFICATION_TRUCK,
                                             Object::CLASSIFICATION_PEDESTRIAN, Object::CLASSIFICATION_UNKNOWN_MEDIUM,
                                             Object::CLASSIFICATION_PEDESTRIAN, Object::CLASSIFICATION_UNKNOWN_MEDIUM};
  for (std::size_t i = 0; i < actors.size(); ++i) {
    EXPECT_EQ(objects[i].id, actors[i].id);
    EXPECT_EQ(objects[i].classification, kinds[i]) << actors[i].name;
    EXPECT_EQ(objects[i].shape.dimensions[0], actors[i].size_m.x());
    const Eigen::Vector3d middle = actors[i].X_MA * Eigen::Vector3d(0, 0, 0.5 * actors[i].size_m.z());
    EXPECT_NEAR(objects[i].pose.position.z, middle.z(), 1e-9);
    EXPECT_EQ(objects[i].twist.linear.x, actors[i].velocity_M.x());
  }
}

TEST(Traffic, IsTheSameInEveryRun) {
  std::vector<Eigen::Matrix4d> runs[2];
  for (auto& run : runs) {
    const auto simulation = simulate(company(), unseen(600));
    while (simulation->advance()) {
      run.push_back(simulation->frame().state.X_MB.matrix());
      for (const ActorState& state : simulation->frame().actors) run.push_back(state.X_MA.matrix());
    }
  }
  ASSERT_EQ(runs[0].size(), runs[1].size());
  for (std::size_t i = 0; i < runs[0].size(); ++i) ASSERT_EQ(runs[0][i], runs[1][i]) << i;
}

// What cameras and LiDARs say of somebody who moves agrees with where he is.
TEST(Traffic, SensorsSeeItsClassIdPlaceAndMotion) {
  std::vector<ActorScenario> actors = {actor("jeep", "along", 0.08)};
  actors[0].direction = "against";
  SimulationOptions options;
  options.frames = 3;
  const auto simulation = simulate(actors, options);
  ActorState before;
  Pose X_MC_before;
  const auto& sensors = simulation->rig().sensors;
  const Sensor& camera = sensors[simulation->sensor_index("flow")];
  Pose X_BC = camera.X_BS;
  X_BC.linear() = X_BC.linear() * R_body_optical();
  while (simulation->advance()) {
    if (simulation->frame().index < 2) {
      before = simulation->frame().actors[0];
      X_MC_before = simulation->frame().state.X_MB * X_BC;
      simulation->render_cameras();
      continue;
    }
    const ActorState& now = simulation->frame().actors[0];
    const CameraFrame& picture = *simulation->frame().readings[simulation->sensor_index("flow")].camera;
    const Pose X_MC = simulation->frame().state.X_MB * X_BC;
    const Pose moved = before.X_MA * now.X_MA.inverse();
    int seen = 0, flow_right = 0, in_box = 0;
    for (int v = 0; v < 120; ++v)
      for (int u = 0; u < 160; ++u) {
        if (*picture.instance.at(u, v) != now.id) continue;
        ++seen;
        EXPECT_EQ(*picture.semantic.at(u, v), now.class_id);
        const double f = camera.camera.focal_px(), depth = *picture.depth_m.at(u, v);
        const Eigen::Vector3d p_M =
            X_MC * Eigen::Vector3d((u + 0.5 - 80) / f * depth, (v + 0.5 - 60) / f * depth, depth);
        const Eigen::Vector3d p_A = now.X_MA.inverse() * p_M;
        in_box += std::abs(p_A.x()) < 0.5 * now.size_m.x() + 0.3 && std::abs(p_A.y()) < 0.5 * now.size_m.y() + 0.2 &&
                  p_A.z() > -0.1 && p_A.z() < now.size_m.z() + 0.1;
        const Eigen::Vector3d p_C = X_MC_before.inverse() * (moved * p_M);
        const Eigen::Vector2d expected(u + 0.5 - (80 + f * p_C.x() / p_C.z()), v + 0.5 - (60 + f * p_C.y() / p_C.z()));
        const Eigen::Vector2d flow(160 * picture.flow.at(u, v)[0], 120 * picture.flow.at(u, v)[1]);
        flow_right += (flow - expected).norm() < 0.05;
      }
    EXPECT_GT(seen, 30);
    EXPECT_EQ(in_box, seen);
    EXPECT_GT(flow_right, 0.75 * seen) << "all but the wheels, which turn";
    int echoes = 0;
    const auto& lidar = sensors[simulation->sensor_index("lidar")];
    for (const LidarPoint& point : simulation->frame().readings[simulation->sensor_index("lidar")].points) {
      if (point.instance != now.id) continue;
      ++echoes;
      EXPECT_EQ(point.class_id, now.class_id);
      const Eigen::Vector3d p_A = now.X_MA.inverse() * (simulation->frame().state.X_MB * lidar.X_BS *
                                                        Eigen::Vector3d(point.x, point.y, point.z));
      EXPECT_LT(std::abs(p_A.x()), 0.5 * now.size_m.x() + 0.3);
      EXPECT_LT(std::abs(p_A.y()), 0.5 * now.size_m.y() + 0.2);
    }
    EXPECT_GT(echoes, 10);
  }
}

TEST(Traffic, ADriveTakenUpInTheMiddleMeetsTheSame) {
  const auto messages = [](std::int64_t first_frame) {
    SimulationOptions options;
    options.first_frame = first_frame;
    options.frames = 62 - first_frame;
    options.sensor_every = 60;
    options.topics = {"/carla/hero/rgb/image", "/carla/hero/instance/image", "/carla/hero/lidar"};
    const auto simulation = simulate(company(), options);
    std::vector<Message> result;
    while (auto message = simulation->next()) result.push_back(std::move(*message));
    return result;
  };
  const auto whole = messages(0), later = messages(30);
  ASSERT_EQ(later.size(), 3U);
  ASSERT_EQ(whole.size(), 6U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(*later[i].cdr, *whole[i + 3].cdr) << whole[i + 3].topic.name;
}

TEST(Traffic, NobodyStartsWhereTheDriveBegins) {
  const auto simulation = simulate({actor("truck", "along", 0.0), actor("truck", "along", 0.01)}, unseen(2));
  ASSERT_TRUE(simulation->advance());
  const RoadUser ego = road_user_of(simulation->frame().state, VehicleConfig{});
  const auto& actors = simulation->frame().actors;
  EXPECT_GT((road_user(actors[0]).position - ego.position).norm(), 8);
  EXPECT_GT((road_user(actors[1]).position - road_user(actors[0]).position).norm(), 8);
  std::vector<ActorScenario> many;
  for (int i = 0; i < 60; ++i) many.push_back(actor("truck", "along", i / 60.0));
  EXPECT_THROW(simulate(many, unseen(2)), Error);
  EXPECT_THROW(const_cast<Simulation&>(*simulation).populate({}, kHome), Error) << "in the middle of a drive";
}

TEST(Traffic, SomebodyAppearsWhereHeIsWantedIsSeenAndDisappears) {
  SimulationOptions options;
  options.frames = 200;
  const auto simulation = simulate({actor("cow", "stand", 0.6)}, options);
  ASSERT_TRUE(simulation->advance());
  const Pose X_MB = simulation->frame().state.X_MB;
  const double yaw = std::atan2(X_MB.linear()(1, 0), X_MB.linear()(0, 0));
  const Eigen::Vector3d ahead = X_MB * Eigen::Vector3d(9, 1.5, 0);
  ActorScenario truck = actor("truck", "stand", 0);
  const std::uint32_t id = simulation->spawn(truck, GroundPlace{ahead.head<2>(), yaw + 1});
  EXPECT_EQ(id, kFirstActorInstanceId - 1);
  const auto pixels = [&](std::uint32_t of) {
    simulation->render_cameras();
    const auto& seen = simulation->frame().readings[simulation->sensor_index("instance")].camera->instance.data;
    return std::count(seen.begin(), seen.end(), of);
  };
  ASSERT_TRUE(simulation->advance());
  ASSERT_EQ(simulation->frame().actors.size(), 2U);
  const ActorState there = simulation->frame().actors[1];
  EXPECT_EQ(there.id, id);
  EXPECT_NEAR((there.X_MA.translation().head<2>() - ahead.head<2>()).norm(), 0, 0.05);
  EXPECT_NEAR(wrap_angle(std::atan2(there.X_MA.linear()(1, 0), there.X_MA.linear()(0, 0)) - yaw - 1), 0, 0.01);
  EXPECT_NEAR(there.velocity_M.norm(), 0, 1e-9);
  EXPECT_GT(pixels(id), 500);
  EXPECT_THROW(simulation->spawn(actor("person", "stand", 0), GroundPlace{ahead.head<2>(), 0}), Error) << "taken";
  EXPECT_THROW(simulation->spawn(actor("jeep", "stand", 0), GroundPlace{X_MB.translation().head<2>(), 0}), Error)
      << "where the ego vehicle is";
  EXPECT_THROW(simulation->spawn(actor("cow", "stand", 0), GroundPlace{{1e6, 0}, 0}), Error) << "no land";
  EXPECT_TRUE(simulation->destroy(id));
  EXPECT_FALSE(simulation->destroy(id));
  EXPECT_FALSE(simulation->destroy(kEgoActorId));
  ASSERT_TRUE(simulation->advance());
  EXPECT_EQ(simulation->frame().actors.size(), 1U);
  EXPECT_EQ(pixels(id), 0);
  // The next one has an id of his own; along the path he goes the way that he looks.
  const Path& path = simulation->world().path;
  const double s = path.nearest_s(X_MB.translation().x(), X_MB.translation().y()) + 25;
  const Eigen::Vector3d far = path.point_at(s), tangent = path.tangent_at(s);
  const auto jeep =
      simulation->spawn(actor("jeep", "along", 0), GroundPlace{far.head<2>(), std::atan2(tangent.y(), tangent.x())});
  EXPECT_LT(jeep, id);
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(simulation->advance());
  EXPECT_GT(simulation->frame().actors.back().velocity_M.dot(tangent), 1);
}

TEST(Traffic, KindsHaveCarlasNames) {
  EXPECT_EQ(blueprint_of("truck"), "vehicle.bramble.truck");
  EXPECT_EQ(blueprint_of("person"), "walker.pedestrian.person");
  EXPECT_EQ(blueprint_of("boar"), "walker.animal.boar");
  EXPECT_EQ(kind_of_blueprint("walker.animal.cow"), "cow");
  EXPECT_EQ(kind_of_blueprint("vehicle.tesla.model3"), std::nullopt);
  EXPECT_EQ(actor_blueprints().size(), 7U);
}

TEST(RoadUser, OverlapIsOfBoxesThatAreTurned) {
  RoadUser a, b;
  a.length_m = b.length_m = 4;
  a.width_m = b.width_m = 1;
  b.position = {0, 1.5};
  EXPECT_FALSE(overlap(a, b));
  b.yaw_rad = 0.5;
  EXPECT_TRUE(overlap(a, b));
  b.position = {2, 2};
  b.yaw_rad = std::numbers::pi / 2;
  EXPECT_TRUE(overlap(a, b)) << "corners";
  b.position = {2.6, 2.6};
  EXPECT_FALSE(overlap(a, b));
}

// A straight line of 200 m to the east.
Track straight() {
  std::vector<Eigen::Vector3d> points;
  for (int i = 0; i <= 200; ++i) points.emplace_back(i, 0, 0);
  return Track::through(points, 0.5, {});
}
OwnPlace at_50(double speed_mps = 5) {
  OwnPlace own;
  own.id = 1;
  own.s_m = 50;
  own.speed_mps = speed_mps;
  return own;
}
RoadUser vehicle_at(double x, double y, double speed_mps) {
  RoadUser user;
  user.id = 2;
  user.vehicle = true;
  user.position = {x, y};
  user.yaw_rad = speed_mps < 0 ? std::numbers::pi : 0;
  user.velocity_mps = {speed_mps, 0};
  user.length_m = 4;
  user.width_m = 1.8;
  return user;
}
RoadUser walker_at(double x, double y, double across_mps) {
  RoadUser user;
  user.id = 3;
  user.position = {x, y};
  user.yaw_rad = across_mps < 0 ? -std::numbers::pi / 2 : std::numbers::pi / 2;
  user.velocity_mps = {0, across_mps};
  user.length_m = 0.5;
  user.width_m = 0.5;
  return user;
}

TEST(GiveWay, StopsInTimeBehindWhatStandsAndFollowsWhatGoes) {
  const Track track = straight();
  EXPECT_TRUE(std::isinf(give_way(track, at_50(), {}).speed_cap_mps));
  EXPECT_TRUE(std::isinf(give_way(track, at_50(), {vehicle_at(30, 0, 6)}).speed_cap_mps)) << "behind";
  EXPECT_TRUE(std::isinf(give_way(track, at_50(), {vehicle_at(120, 0, 0)}).speed_cap_mps)) << "far";
  // 20 m ahead, noses and gap off: v^2 = 2 a room.
  const double room = 20 - 2 - 2 - 3;
  EXPECT_NEAR(give_way(track, at_50(), {vehicle_at(70, 0, 0)}).speed_cap_mps, std::sqrt(2 * 1.5 * room), 1e-9);
  EXPECT_NEAR(give_way(track, at_50(), {vehicle_at(70, 0, 3)}).speed_cap_mps, std::sqrt(9 + 2 * 1.5 * room), 1e-9);
  EXPECT_EQ(give_way(track, at_50(), {vehicle_at(56, 0, 0)}).speed_cap_mps, 0);
  EXPECT_TRUE(std::isinf(give_way(track, at_50(), {vehicle_at(80, 6, 0)}).speed_cap_mps)) << "parked beside the path";
}

TEST(GiveWay, PassesOncomingVehiclesOnTheRight) {
  const Track track = straight();
  const Courtesy courtesy = give_way(track, at_50(), {vehicle_at(75, 0, -4)});
  EXPECT_LT(courtesy.offset_m, -1);
  EXPECT_GE(courtesy.speed_cap_mps, 2.4) << "on its way aside it goes on";
  EXPECT_LT(courtesy.speed_cap_mps, 5);
  OwnPlace aside = at_50(2.5);
  aside.lateral_m = -1.25;
  EXPECT_NEAR(give_way(track, aside, {vehicle_at(54, 1.2, -2.5)}).speed_cap_mps, 2.5, 1e-9);
}

TEST(GiveWay, BrakesForWhoIsAboutToCrossAndPassesWhoStands) {
  const Track track = straight();
  EXPECT_TRUE(std::isinf(give_way(track, at_50(), {walker_at(70, -4, 0)}).speed_cap_mps));
  EXPECT_LT(give_way(track, at_50(), {walker_at(70, -4, 1.4)}).speed_cap_mps, 7);
  EXPECT_LT(give_way(track, at_50(), {walker_at(58, -3.5, 1.4)}).speed_cap_mps, 3);
  EXPECT_TRUE(std::isinf(give_way(track, at_50(), {walker_at(70, -4, -1.4)}).speed_cap_mps)) << "goes away";
  const Courtesy beside = give_way(track, at_50(), {walker_at(58, -1.9, 0)});
  EXPECT_GE(beside.speed_cap_mps, 2.5);
  EXPECT_GT(beside.offset_m, 0.2) << "keeps some distance";
}

TEST(WalkerLook, FeetStandOnTheGroundAndStayWhereTheyArePutDown) {
  for (const char* kind : {"person", "deer", "boar", "cow"}) {
    const WalkerLook look(kind, 3, 0, 9);
    std::size_t parts = 0;
    for (int step = 0; step < 24; ++step) {
      Posture posture;
      posture.X_MA.translation() = Eigen::Vector3d(3, 4, 5);
      posture.swing = 1;
      posture.stride_rad = 2 * std::numbers::pi * step / 24;
      std::vector<Actor> actors;
      look.add_actors(posture, actors);
      EXPECT_TRUE(parts == 0 || parts == actors.size());
      parts = actors.size();
      Eigen::Vector3d low = Eigen::Vector3d::Constant(1e9), high = -low;
      for (const Actor& actor : actors)
        for (const auto& p : actor.mesh->positions) {
          low = low.cwiseMin(actor.X_MA * p.cast<double>());
          high = high.cwiseMax(actor.X_MA * p.cast<double>());
        }
      EXPECT_NEAR(low.z(), 5, 0.07) << kind << " at " << step;
      EXPECT_NEAR(high.z() - 5, look.size_m().z(), 0.45) << kind;
      EXPECT_LT((high - low).x(), 1.7 * look.size_m().x() + 0.7) << kind;
    }
    EXPECT_GT(look.stride_m(), 0.5) << kind;
  }
  EXPECT_THROW(WalkerLook("unicorn", 1, 0, 0), Error);
}

}  // namespace
}  // namespace bramble
