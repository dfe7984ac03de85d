#include "bramble/vehicle/vehicle.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/vehicle/ground_ray.hpp"

namespace bramble {
namespace {

World world_of(const std::function<double(double, double)>& height, bool dirt = true) {
  World world;
  world.name = "test";
  world.ontology = Ontology("test", {{0, "grass", {0, 100, 0}, 0}, {1, "dirt", {100, 60, 20}, 0}});
  world.terrain.size_m = 128;
  world.terrain.samples = 257;
  world.terrain.cover = ImageU8(4, 4, 3, 0);
  for (std::size_t i = 0; i < 16; ++i) world.terrain.cover.data[3 * i] = dirt ? 255 : 0;
  for (int j = 0; j < 257; ++j)
    for (int i = 0; i < 257; ++i)
      world.terrain.heights.push_back(static_cast<float>(height(-64 + 0.5 * i, -64 + 0.5 * j)));
  return world;
}

// A plain at 37 m, with a far corner at 90 m and another at 0 m: the middle of the heights is not the plain's.
World plain(bool dirt = true) {
  return world_of([](double x, double y) { return x > 63 && y > 63 ? 90.0 : x < -63 && y < -63 ? 0.0 : 37.0; }, dirt);
}

Pose at(double x, double y, double z, double yaw = 0) { return pose_from_xyz_rpy(x, y, z, 0, 0, yaw); }

TEST(Vehicle, StandsOnThePlainAtItsHeight) {
  const World world = plain();
  const Vehicle vehicle(world, {}, at(3, -4, 0, 0.7));
  const VehicleState& state = vehicle.state();
  EXPECT_NEAR(state.X_MB.translation().z(), 37, 0.005);
  EXPECT_NEAR(state.X_MB.translation().x(), 3, 0.01);
  EXPECT_NEAR(rpy_of(state.X_MB.linear()).z(), 0.7, 1e-3);
  EXPECT_LT(std::abs(rpy_of(state.X_MB.linear()).y()), 0.002) << "level at rest";
  EXPECT_LT(state.velocity_B.norm(), 0.01);
  for (int w = 0; w < kWheelCount; ++w) {
    EXPECT_TRUE(state.on_ground[w]);
    EXPECT_NEAR(state.X_MW[w].translation().z(), 37 + vehicle.config().wheels.radius_m, 0.005);
  }
  EXPECT_GT((state.X_MB.inverse() * state.X_MW[kFrontLeft].translation()).x(), 1);
  EXPECT_GT((state.X_MB.inverse() * state.X_MW[kFrontLeft].translation()).y(), 0.5);
}

TEST(Vehicle, FallsFreely) {
  const World world = plain();
  Vehicle vehicle(world, {}, at(0, 0, 0));
  vehicle.place(at(0, 0, 60));
  for (int i = 0; i < 20; ++i) vehicle.step({}, 0.05);
  // Semi-implicit Euler with 5 ms falls g dt t / 2 further than g t² / 2.
  const double fallen = 0.5 * kGravityMps2 * (1.0 + kPhysicsStepS);
  EXPECT_NEAR(vehicle.state().X_MB.translation().z(), 60 - fallen, 0.003);
  EXPECT_NEAR(vehicle.state().velocity_B.z(), -kGravityMps2, 0.01);
  EXPECT_NEAR(vehicle.state().acceleration_B.z(), -kGravityMps2, 0.01);
  EXPECT_FALSE(vehicle.state().on_ground[0]);
  for (int i = 0; i < 200; ++i) vehicle.step({.brake = 1}, 0.05);
  EXPECT_NEAR(vehicle.state().X_MB.translation().z(), 37, 0.02) << "lands and comes to rest";
}

// The body's own collision with Bullet's height field: upside down, no wheel touches the ground.
TEST(Vehicle, BodyMeetsTheHeightFieldWhereTerrainSaysItIs) {
  const World world = plain();
  Vehicle vehicle(world, {}, at(0, 0, 0));
  vehicle.place(pose_from_xyz_rpy(0, 0, 39.2, 3.14159265, 0, 0));
  for (int i = 0; i < 100; ++i) vehicle.step({}, 0.05);
  EXPECT_NEAR(vehicle.state().X_MB.translation().z(), 37 + vehicle.config().body.top_m, 0.06);
}

TEST(Vehicle, BrakesInTheDistanceOfTheClosedForm) {
  for (const bool dirt : {true, false}) {
    const World world = plain(dirt);
    VehicleConfig config;
    config.resistance.air_drag_area_m2 = 0;
    Vehicle vehicle(world, config, at(-50, 0, 0));
    vehicle.place(at(-50, 0, 37), {12, 0, 0});
    VehicleControl control;
    control.brake = dirt ? 0.3 : 1;
    const double start = vehicle.state().X_MB.translation().x();
    for (int i = 0; i < 200; ++i) vehicle.step(control, 0.05);
    const double weight = config.mass_kg * kGravityMps2;
    const double grip = dirt ? config.grip.at("dirt") : config.grip.at("grass");
    const double rolling = config.resistance.rolling * weight * (grip < 0.8 ? 0.8 / grip : 1);
    const double force =
        std::min(control.brake * config.brakes.max_force_n + rolling + config.engine.braking_force_n, grip * weight);
    const double expected = 12.0 * 12.0 / (2 * force / config.mass_kg);
    EXPECT_NEAR(vehicle.state().X_MB.translation().x() - start, expected, 0.06 * expected) << "dirt " << dirt;
    EXPECT_LT(vehicle.state().velocity_B.norm(), 0.02);
  }
}

TEST(Vehicle, GainsSpeedAsTheEngineSays) {
  const World world = plain();
  VehicleConfig config;
  config.resistance.air_drag_area_m2 = 0;
  Vehicle vehicle(world, config, at(-50, 0, 0));
  for (int i = 0; i < 40; ++i) vehicle.step({.throttle = 0.5}, 0.05);
  const double force = 0.5 * config.engine.max_force_n - config.resistance.rolling * config.mass_kg * kGravityMps2;
  EXPECT_NEAR(vehicle.state().speed_mps(), 2 * force / config.mass_kg, 0.15);
  for (int i = 0; i < 90; ++i) vehicle.step({.throttle = 0.4, .reverse = true}, 0.05);
  EXPECT_LT(vehicle.state().speed_mps(), -1) << "reverse drives backwards";
}

TEST(Vehicle, TurnsLeftForNegativeSteerOnTheCircleOfItsGeometry) {
  const World world = plain();
  VehicleConfig config;
  Vehicle vehicle(world, config, at(0, 0, 0));
  VehicleControl control{.steer = -0.5};
  double yaw = 0;
  for (int i = 0; i < 200; ++i) {
    control.throttle = vehicle.state().speed_mps() < 2 ? 0.15 : 0;
    vehicle.step(control, 0.05);
    yaw += vehicle.state().angular_velocity_B.z() * 0.05;
  }
  EXPECT_GT(yaw, 1) << "left";
  const double radius = config.wheels.wheelbase_m / std::tan(0.5 * config.steering.max_angle_deg * 3.14159265 / 180);
  EXPECT_NEAR(vehicle.state().speed_mps() / vehicle.state().angular_velocity_B.z(), radius, 0.12 * radius);
}

TEST(Vehicle, HoldsOnASlopeAndSlidesWhereGripEnds) {
  const World slope = world_of([](double x, double) { return 0.2 * x; });
  Vehicle vehicle(slope, {}, at(0, 0, 0));
  for (int i = 0; i < 100; ++i) vehicle.step({.brake = 1}, 0.05);
  EXPECT_LT(std::abs(vehicle.state().X_MB.translation().x()), 0.15);
  const Eigen::Vector3d parked = vehicle.state().X_MB.translation();
  for (int i = 0; i < 1200; ++i) vehicle.step({.brake = 1}, 0.05);
  EXPECT_LT((vehicle.state().X_MB.translation() - parked).norm(), 0.005) << "does not creep";
  EXPECT_NEAR(rpy_of(vehicle.state().X_MB.linear()).y(), -std::atan(0.2), 0.02) << "nose up";
  VehicleConfig ice;
  ice.grip["dirt"] = 0.08;
  Vehicle slider(slope, ice, at(40, 0, 0));
  for (int i = 0; i < 100; ++i) slider.step({.brake = 1}, 0.05);
  EXPECT_LT(slider.state().X_MB.translation().x(), 35);
}

TEST(Vehicle, IsStoppedByATreeAndCountsIt) {
  World world = plain();
  Mesh trunk;
  trunk.positions = {{-0.2F, 0, 0}, {0.2F, 0, 5}, {0, 0.2F, 2}};
  trunk.triangles = {{0, 1, 2}};
  world.meshes.push_back(trunk);
  Instance tree;
  tree.collision_radius_m = 0.4F;
  tree.X_MA.translation() = Eigen::Vector3f(15, 0, 37);
  world.instances.push_back(tree);
  tree.X_MA.translation() = Eigen::Vector3f(8, 0, 37);
  tree.X_MA.linear() = Eigen::Matrix3f::Identity() * 0.05F;  // 25 cm high: lower than the body
  world.instances.push_back(tree);
  Vehicle vehicle(world, {}, at(0, 0, 0));
  for (int i = 0; i < 120; ++i) vehicle.step({.throttle = 0.4}, 0.05);
  EXPECT_GT(vehicle.state().X_MB.translation().x(), 10);
  EXPECT_LT(vehicle.state().X_MB.translation().x(), 15);
  EXPECT_GE(vehicle.state().collisions, 1);
}

TEST(Vehicle, IsStoppedByOthersAndHitByThem) {
  const World world = plain();
  MovingBody other;
  other.id = 7;
  other.size_m = {4, 1.8, 1.7};
  other.X_MA.translation() = Eigen::Vector3d(15, 0, 37);
  Vehicle vehicle(world, {}, at(0, 0, 0));
  for (int i = 0; i < 120; ++i) {
    vehicle.meet({other});
    vehicle.step({.throttle = 0.4}, 0.05);
  }
  EXPECT_GT(vehicle.state().X_MB.translation().x(), 10);
  EXPECT_LT(vehicle.state().X_MB.translation().x(), 13 - 1.9) << "its nose is at the other's tail";
  EXPECT_GE(vehicle.state().collisions, 1);
  // Gone again, and what is far off changes nothing, bit for bit.
  Vehicle alone(world, {}, at(-40, 20, 0)), among(world, {}, at(-40, 20, 0));
  for (int i = 0; i < 60; ++i) {
    alone.step({.throttle = 0.4}, 0.05);
    among.meet({other});
    among.step({.throttle = 0.4}, 0.05);
  }
  EXPECT_EQ(alone.state().X_MB.matrix(), among.state().X_MB.matrix());
  // One that comes along hits a vehicle that stands.
  Vehicle parked(world, {}, at(0, -20, 0));
  other.X_MA.translation() = Eigen::Vector3d(-12, -20, 37);
  other.velocity_M = {4, 0, 0};
  for (int i = 0; i < 60; ++i) {
    parked.meet({other});
    parked.step({}, 0.05);
    other.X_MA.translation() += 0.05 * other.velocity_M;
  }
  EXPECT_GE(parked.state().collisions, 1);
  EXPECT_GT(parked.state().X_MB.translation().x(), 1) << "is pushed on";
}

TEST(Vehicle, BushesGiveWayAndStonesAreSlippery) {
  World world = plain();
  world.ontology = Ontology("test", {{0, "grass", {0, 100, 0}, 0},
                                     {1, "dirt", {100, 60, 20}, 0},
                                     {2, "bush", {1, 1, 1}, 0},
                                     {3, "rubble", {2, 2, 2}, 0}});
  Mesh shrub, stone;
  shrub.positions = {{-0.7F, -0.7F, 0}, {0.7F, 0.7F, 1.6F}, {0, 0.2F, 1}};
  stone.positions = {{-0.6F, -0.6F, 0}, {0.6F, 0.6F, 0.1F}, {0, 0.2F, 0.1F}};
  shrub.triangles = stone.triangles = {{0, 1, 2}};
  world.meshes = {shrub, stone};
  Instance bush;
  bush.class_id = 2;
  bush.collision_radius_m = 0.3F;
  bush.X_MA.translation() = Eigen::Vector3f(5, 0, 37);
  world.instances.push_back(bush);
  const auto run = [](const World& where, double y, const VehicleControl& control, double speed) {
    Vehicle vehicle(where, {}, at(-5, y, 0));
    vehicle.place(vehicle.state().X_MB, {speed, 0, 0});
    for (int i = 0; i < 100; ++i) vehicle.step(control, 0.05);
    return vehicle.state();
  };
  const VehicleState through = run(world, 0, {}, 7), beside = run(world, 20, {}, 7);
  EXPECT_EQ(through.collisions, 0);
  EXPECT_GT(through.X_MB.translation().x(), 10) << "through the bush";
  EXPECT_LT(through.speed_mps(), beside.speed_mps() - 0.3) << "which took some speed";
  EXPECT_GT(through.speed_mps(), 0.5 * beside.speed_mps());
  // Stones all over: braked hard, v^2 / (2 mu g).
  Instance gravel;
  gravel.class_id = 3;
  gravel.mesh = 1;
  for (int i = 0; i < 40; ++i)
    for (int j = -2; j <= 2; ++j) {
      gravel.X_MA.translation() =
          Eigen::Vector3f(-10.0F + 0.7F * static_cast<float>(i), 20 + 0.7F * static_cast<float>(j), 37);
      world.instances.push_back(gravel);
    }
  const VehicleConfig config;
  EXPECT_NEAR(run(world, 20, {.brake = 1}, 8).X_MB.translation().x() + 5,
              64 / (2 * config.grip.at("rubble") * kGravityMps2), 0.8);
}

// Nothing but gravity, springs and brakes: on hills and bumps the sum of motion and height only ever falls, but for
// what the springs hold for a moment.
TEST(Vehicle, EnergyNeverGrowsWithoutTheEngine) {
  const World world = world_of(
      [](double x, double y) { return 20 + 0.0015 * (x * x + y * y) + 0.02 * std::sin(1.7 * x) * std::cos(1.3 * y); });
  VehicleConfig config;
  config.engine.braking_force_n = 0;
  config.resistance.rolling = 0;  // the least that takes energy away
  config.resistance.air_drag_area_m2 = 0;
  Vehicle vehicle(world, config, at(-45, 6, 0));
  const auto energy = [&] {  // per kilogram; turning counted with the box's inertia about its upright axis
    const auto& b = config.body;
    const double spin = (b.length_m * b.length_m + b.width_m * b.width_m) / 12;
    return 0.5 * vehicle.state().velocity_B.squaredNorm() +
           0.5 * spin * vehicle.state().angular_velocity_B.squaredNorm() +
           kGravityMps2 * (vehicle.state().X_MB.translation().z() - 20);
  };
  const double start = energy();
  double least = start, most_gain = 0;
  for (int i = 0; i < 20 * 120; ++i) {
    vehicle.step({}, 0.05);
    least = std::min(least, energy());
    most_gain = std::max(most_gain, energy() - least);
  }
  // A spring pressed by 5 cm more than at rest holds about g * 0.05.
  EXPECT_LT(most_gain, kGravityMps2 * 0.06);
  EXPECT_LT(least, start) << "dampers took some";
  EXPECT_GT(start, 25) << "it did come down a hill";
}

// On a slope that is too steep for its grip a braked vehicle slides down with g (sin - grip cos).
TEST(Vehicle, SlidesAsTheClosedFormSays) {
  const World slope = world_of([](double x, double) { return 0.35 * x; });
  VehicleConfig config;
  config.grip["dirt"] = 0.2;
  config.resistance.air_drag_area_m2 = 0;
  Vehicle vehicle(slope, config, at(45, 0, 0));
  for (int i = 0; i < 20; ++i) vehicle.step({.brake = 1}, 0.05);
  const double before = vehicle.state().speed_mps();
  for (int i = 0; i < 20; ++i) vehicle.step({.brake = 1}, 0.05);
  const double angle = std::atan(0.35);
  EXPECT_NEAR(vehicle.state().speed_mps() - before, -kGravityMps2 * (std::sin(angle) - 0.2 * std::cos(angle)), 0.12);
}

TEST(Vehicle, StaysOnTheTerrain) {
  const World world = plain();
  Vehicle vehicle(world, {}, at(40, 0, 0));
  for (int i = 0; i < 300; ++i) vehicle.step({.throttle = 1}, 0.05);
  EXPECT_TRUE(world.terrain.contains(vehicle.state().X_MB.translation().x(), vehicle.state().X_MB.translation().y()));
  EXPECT_GT(vehicle.state().X_MB.translation().z(), 35);
}

TEST(Vehicle, SameControlsGiveTheSameBits) {
  const World world =
      world_of([](double x, double y) { return 2 * std::sin(0.1 * x) * std::cos(0.13 * y) + 0.05 * std::sin(2 * x); });
  std::vector<Eigen::Matrix4d> runs[2];
  for (auto& run : runs) {
    Vehicle vehicle(world, {}, at(-20, 5, 0, 0.3));
    Random random(7);
    for (int i = 0; i < 100; ++i) {
      vehicle.step({.throttle = random.uniform(0, 0.6), .steer = random.uniform(-1, 1)}, 0.05);
      run.push_back(vehicle.state().X_MB.matrix());
    }
  }
  for (std::size_t i = 0; i < runs[0].size(); ++i) ASSERT_EQ(runs[0][i], runs[1][i]) << i;
  EXPECT_GT((runs[0].back() - runs[0].front()).norm(), 1);
}

// Ten hours in circles over bumps and at rest, one after the other: nothing drifts, nothing builds up, and afterwards
// it brakes as a vehicle does that was just made. BRAMBLE_TEST_HOURS: how many hours of simulated time (0.2 unless
// told).
TEST(Vehicle, IsTheSameAfterManyHours) {
  const char* const told = std::getenv("BRAMBLE_TEST_HOURS");
  const double hours = told ? std::stod(told) : 0.2;
  const World world = world_of([](double x, double y) { return 20 + 0.08 * std::sin(0.9 * x) * std::cos(1.1 * y); });
  const auto braking_distance = [](Vehicle& vehicle) {
    vehicle.place(at(0, -40, 20.1), {8, 0, 0});
    const double start = vehicle.state().X_MB.translation().x();
    for (int i = 0; i < 100; ++i) vehicle.step({.brake = 0.5}, 0.05);
    return vehicle.state().X_MB.translation().x() - start;
  };
  Vehicle fresh(world, {}, at(0, 0, 0)), old(world, {}, at(0, 0, 0));
  const double expected = braking_distance(fresh);
  EXPECT_GT(expected, 4);

  const auto energy = [](const Vehicle& vehicle) {  // per kilogram
    return 0.5 * vehicle.state().velocity_B.squaredNorm() +
           kGravityMps2 * (vehicle.state().X_MB.translation().z() - 20);
  };
  old.place(at(8, 0, 20.2));
  const auto frames = static_cast<std::int64_t>(hours * 3600 * 20);
  constexpr std::int64_t kRound = 12000;  // ten minutes: eight of driving, two of rest
  double most = 0, farthest = 0;
  Pose parked = Pose::Identity();
  for (std::int64_t i = 0; i < frames; ++i) {
    const std::int64_t phase = i % kRound;
    VehicleControl control;
    if (phase < 9600) {
      control.throttle = std::clamp(0.4 * (5 - old.state().speed_mps()), 0.0, 1.0);
      control.steer = -0.6;
    } else {
      control.brake = 1;
      control.hand_brake = true;
    }
    old.step(control, 0.05);
    most = std::max(most, energy(old));
    farthest = std::max(farthest, old.state().X_MB.translation().head<2>().norm());
    if (phase == 9800) parked = old.state().X_MB;
    if (phase == kRound - 1) {
      const Pose moved = parked.inverse() * old.state().X_MB;
      ASSERT_LT(moved.translation().norm(), 0.005) << "creeps at rest after " << i / 72000.0 << " h";
      ASSERT_LT(Eigen::AngleAxisd(moved.linear()).angle(), 0.005) << "turns at rest after " << i / 72000.0 << " h";
      ASSERT_LT(old.state().velocity_B.norm(), 0.01);
    }
  }
  EXPECT_LT(most, 0.5 * 6.0 * 6.0) << "never faster than the driver asks for, by much";
  EXPECT_LT(farthest, 60);
  EXPECT_EQ(old.state().collisions, 0);
  EXPECT_NEAR(braking_distance(old), expected, 0.02);
}

TEST(Vehicle, RefusesWhatItCannotDo) {
  const World world = plain();
  EXPECT_THROW(Vehicle(world, {}, at(63.5, 0, 0)), Error);
  EXPECT_THROW(Vehicle(world, {}, at(NAN, 0, 0)), Error);
  Vehicle vehicle(world, {}, at(0, 0, 0));
  EXPECT_THROW(vehicle.step({}, 0.012), Error);
  EXPECT_THROW(vehicle.step({}, 0), Error);
}

TEST(Vehicle, ShiftsUpAndDownAndLosesForceMeanwhile) {
  const World world = plain();
  VehicleConfig config;
  Vehicle vehicle(world, config, at(-60, 0, 0));
  int highest = 0, without_force = 0;
  for (int i = 0; i < 160 && vehicle.state().X_MB.translation().x() < 20; ++i) {
    vehicle.step({.throttle = 0.6}, 0.05);
    highest = std::max(highest, vehicle.state().gear);
    without_force += vehicle.state().acceleration_B.x() < 0.3;
  }
  EXPECT_GE(highest, 2);
  EXPECT_GE(without_force, 4) << "a quarter of a second for a shift";
  EXPECT_LT(without_force, 40);
  for (int i = 0; i < 200; ++i) vehicle.step({.brake = 0.3}, 0.05);
  EXPECT_EQ(vehicle.state().gear, 1);
  for (int i = 0; i < 40; ++i) vehicle.step({.throttle = 0.3, .reverse = true}, 0.05);
  EXPECT_EQ(vehicle.state().gear, -1);
}

TEST(Vehicle, BrakesLongerInTheMud) {
  const auto distance = [](float wetness) {
    World world = plain();
    world.sky.wetness = wetness;
    VehicleConfig config;
    config.brakes.max_force_n = 60000;  // the ground is the limit
    Vehicle vehicle(world, config, at(-50, 0, 0));
    vehicle.place(vehicle.state().X_MB, {8, 0, 0});
    const double from = vehicle.state().X_MB.translation().x();
    for (int i = 0; i < 200; ++i) vehicle.step({.brake = 1}, 0.05);
    return vehicle.state().X_MB.translation().x() - from;
  };
  const VehicleConfig config;
  // v^2 / (2 mu g), by the grip of dirt and of mud.
  EXPECT_NEAR(distance(0), 64 / (2 * config.grip.at("dirt") * kGravityMps2), 0.8);
  EXPECT_NEAR(distance(1), 64 / (2 * config.grip.at("mud") * kGravityMps2), 1.2);
}

TEST(Vehicle, SkidSteeringTurnsAsAskedAndOnTheSpot) {
  const World world = plain();
  const auto config = VehicleConfig::load(BRAMBLE_SOURCE_DIR "/config/vehicles/robot.yaml");
  Vehicle robot(world, config, at(0, 0, 0));
  double yaw = 0;
  VehicleControl control{.steer = -0.6};
  for (int i = 0; i < 200; ++i) {
    control.throttle = robot.state().speed_mps() < 1 ? 0.4 : 0;
    robot.step(control, 0.05);
    if (i >= 100) yaw += robot.state().angular_velocity_B.z() * 0.05 / 5;
  }
  const double wanted = robot.state().speed_mps() * std::tan(0.6 * std::numbers::pi / 4) / config.wheels.wheelbase_m;
  EXPECT_NEAR(yaw, wanted, 0.35 * wanted);
  const Eigen::Vector3d before = robot.state().X_MB.translation();
  for (int i = 0; i < 60; ++i) robot.step({.steer = 1, .brake = 1}, 0.05);
  for (int i = 0; i < 100; ++i) robot.step({.steer = 1}, 0.05);
  EXPECT_LT(robot.state().angular_velocity_B.z(), -0.3) << "turns right on the spot";
  EXPECT_LT((robot.state().X_MB.translation() - before).norm(), 1.5);
}

TEST(Vehicle, EveryShippedOneStandsDrivesAndStops) {
  const World world = plain();
  for (const char* name : {"jeep", "truck", "robot"}) {
    const auto config = VehicleConfig::load(fmt::format(BRAMBLE_SOURCE_DIR "/config/vehicles/{}.yaml", name));
    Vehicle vehicle(world, config, at(-40, 0, 0));
    EXPECT_NEAR(vehicle.state().X_MB.translation().z(), 37, 0.05) << name;
    for (int i = 0; i < 100; ++i) vehicle.step({.throttle = vehicle.state().speed_mps() < 2 ? 0.4 : 0.05}, 0.05);
    EXPECT_GT(vehicle.state().speed_mps(), 1) << name;
    for (int i = 0; i < 100; ++i) vehicle.step({.brake = 0.8}, 0.05);
    EXPECT_LT(vehicle.state().velocity_B.norm(), 0.05) << name;
    EXPECT_GT(vehicle.state().X_MB.linear()(2, 2), 0.999) << name << " stands level";
  }
}

TEST(GroundRay, FindsTheSurfaceExactly) {
  World world = world_of([](double x, double y) { return std::sin(1.3 * x) + std::cos(0.9 * y) * 1.5; });
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const Eigen::Vector3d from(random.uniform(-50, 50), random.uniform(-50, 50), 5);
    const Eigen::Vector3d to = from + Eigen::Vector3d(random.uniform(-2, 2), random.uniform(-2, 2), -12);
    const auto share = ground_hit(world.terrain, from, to);
    ASSERT_TRUE(share);
    const Eigen::Vector3d hit = from + *share * (to - from);
    EXPECT_NEAR(hit.z(), world.terrain.height(hit.x(), hit.y()), 1e-7);
  }
  EXPECT_FALSE(ground_hit(world.terrain, {0, 0, 9}, {0, 0, 5}));
  EXPECT_EQ(ground_hit(world.terrain, {0, 0, -9}, {0, 0, -15}), 0.0);
}

TEST(VehicleConfig, ShippedFileIsTheDefault) {
  const auto config = VehicleConfig::load(BRAMBLE_SOURCE_DIR "/config/vehicles/jeep.yaml");
  const VehicleConfig plain_config;
  EXPECT_EQ(config.mass_kg, plain_config.mass_kg);
  EXPECT_EQ(config.grip, plain_config.grip);
  EXPECT_EQ(config.suspension.damping_rebound, plain_config.suspension.damping_rebound);
  EXPECT_NEAR(config.engine_force_n(2), config.engine.max_force_n, 1e-9);
  EXPECT_NEAR(config.engine_force_n(20), config.engine.max_power_w / 20, 1e-9);
  EXPECT_EQ(config.engine_force_n(-30), 0);
}

TEST(VehicleConfig, MistakesAreNamed) {
  try {
    VehicleConfig::parse("mass_kg: -3\nwheels: {wheelbas_m: 2}\nengine: {max_power_w: much}\n", "car.yaml");
    FAIL();
  } catch (const Error& error) {
    const std::string text = error.what();
    for (const char* part : {"car.yaml:1", "mass_kg", "wheelbas_m", "wheelbase_m", "max_power_w"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace bramble
