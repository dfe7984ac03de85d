#include "bramble/sim/sensor_noise.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bramble/sim/publish.hpp"
#include "bramble/sim/test_world.hpp"
#include "bramble/sim/wheel_odometry.hpp"

namespace bramble {
namespace {

TEST(Wander, KeepsItsSpreadAndForgetsInItsTime) {
  double squares = 0, product = 0, long_product = 0;
  constexpr int kRuns = 4000;
  for (int run = 0; run < kRuns; ++run) {
    Wander wander(0.5, 10, Random(3, 7, static_cast<std::uint64_t>(run)));
    const double begin = wander.value().x();
    for (int i = 0; i < 100; ++i) wander.step(0.1);  // one correlation time
    product += begin * wander.value().x();
    squares += wander.value().x() * wander.value().x();
    for (int i = 0; i < 10; ++i) wander.step(10);
    long_product += begin * wander.value().x();
  }
  EXPECT_NEAR(squares / kRuns, 0.25, 5 * 0.25 * std::sqrt(2.0 / kRuns));
  EXPECT_NEAR(product / kRuns, 0.25 * std::exp(-1.0), 5 * 0.25 / std::sqrt(kRuns));
  EXPECT_NEAR(long_product / kRuns, 0, 5 * 0.25 / std::sqrt(kRuns));
}

TEST(Imu, BiasNoiseAndDriftAddUp) {
  Sensor sensor;
  sensor.id = "imu";
  sensor.imu.gyroscope_bias = {0.01, 0, -0.02};
  sensor.imu.accelerometer_stddev = {0.1, 0.2, 0.3};
  SensorDrift drift;
  drift.first = {1, 2, 3};
  drift.second = {0.1, 0, 0};
  const VehicleState still;
  Eigen::Vector3d mean = Eigen::Vector3d::Zero(), squares = mean;
  constexpr int kDraws = 5000;
  for (int i = 0; i < kDraws; ++i) {
    const auto message = imu({}, sensor, still, drift, 5, i);
    const Eigen::Vector3d force(message.linear_acceleration.x, message.linear_acceleration.y,
                                message.linear_acceleration.z - kGravityMps2);
    mean += force / kDraws;
    squares += (force - drift.first).cwiseAbs2() / kDraws;
    EXPECT_NEAR(message.angular_velocity.x, 0.11, 1e-12);
    EXPECT_NEAR(message.angular_velocity.z, -0.02, 1e-12);
    EXPECT_NEAR(message.linear_acceleration_covariance[4], 0.04, 1e-12);
    EXPECT_EQ(message.angular_velocity_covariance[0], 0);
  }
  for (int k = 0; k < 3; ++k) {
    const double stddev = 0.1 * (k + 1);
    EXPECT_NEAR(mean[k], drift.first[k], 5 * stddev / std::sqrt(kDraws));
    EXPECT_NEAR(squares[k], stddev * stddev, 5 * stddev * stddev * std::sqrt(2.0 / kDraws));
  }
}

TEST(Gnss, BiasIsInDegreesAndDriftInMetres) {
  Sensor sensor;
  sensor.id = "gnss";
  const VehicleState still;
  SensorDrift drift;
  const auto exact = gnss({}, sensor, still, drift, 5, 0);
  EXPECT_EQ(exact.position_covariance_type, 0);
  sensor.gnss.bias = {0.001, -0.002, 3};
  drift.first = {0, 10, 0};
  const auto biased = gnss({}, sensor, still, drift, 5, 0);
  EXPECT_NEAR(biased.latitude - exact.latitude, 0.001 + 10 / 111319.49, 1e-7);
  EXPECT_NEAR(biased.longitude - exact.longitude, -0.002, 1e-9);
  EXPECT_NEAR(biased.altitude - exact.altitude, 3, 1e-9);
  sensor.gnss.stddev = {1e-5, 1e-5, 2};
  const auto known = gnss({}, sensor, still, {}, 5, 0);
  EXPECT_EQ(known.position_covariance_type, 2);
  EXPECT_NEAR(std::sqrt(known.position_covariance[4]), 1.11, 0.01);
  EXPECT_NEAR(std::sqrt(known.position_covariance[8]), 2, 1e-9);
}

// Rolls along an arc of 20 m radius, the wheels turning as the ground asks.
VehicleState on_arc(double angle_rad, const VehicleConfig& config) {
  VehicleState state;
  for (int w = 0; w < kWheelCount; ++w) {
    const double side = w == kFrontLeft || w == kRearLeft ? -0.5 : 0.5;  // the left wheels are nearer to the centre
    state.wheel_turn_rad[w] = angle_rad * (20 + side * config.wheels.track_m) / config.wheels.radius_m;
  }
  return state;
}

TEST(WheelOdometry, FollowsAnArcExactly) {
  const VehicleConfig config;
  WheelOdometry exact({}, config, Random(1)), coarse({64, 0, 0}, config, Random(1)),
      scaled({0, 0.05, 0}, config, Random(1));
  constexpr int kSteps = 400;
  for (int i = 0; i <= kSteps; ++i)
    for (WheelOdometry* wheels : {&exact, &coarse, &scaled}) wheels->step(on_arc(0.005 * i, config), 0.05);
  const double angle = 0.005 * kSteps;
  EXPECT_NEAR(exact.yaw_rad(), angle, 1e-9);
  EXPECT_NEAR(exact.x_m(), 20 * std::sin(angle), 1e-3);
  EXPECT_NEAR(exact.y_m(), 20 * (1 - std::cos(angle)), 1e-3);
  EXPECT_NEAR(exact.speed_mps(), 20 * 0.005 / 0.05, 1e-9);
  EXPECT_NEAR(coarse.yaw_rad(), angle, 0.1) << "ticks are lost, not piled up";
  EXPECT_NEAR(scaled.yaw_rad(), 1.05 * angle, 1e-9);
}

TEST(WheelOdometry, OfADriveStaysNearTheTruth) {
  const World world = make_test_world(2.0, 0.0);
  const VehicleConfig config;
  const Eigen::Vector3d p = world.path.point_at(0), t = world.path.tangent_at(0);
  Vehicle vehicle(world, config, pose_from_xyz_rpy(p.x(), p.y(), p.z(), 0, 0, std::atan2(t.y(), t.x())));
  WheelOdometry wheels({}, config, Random(1));
  const Pose X_MO = vehicle.state().X_MB;
  VehicleControl control;
  control.throttle = 0.25;
  control.steer = -0.1;
  for (int i = 0; i < 160; ++i) {
    wheels.step(vehicle.state(), 0.05);
    vehicle.step(control, 0.05);
  }
  wheels.step(vehicle.state(), 0.05);
  const Eigen::Vector3d truth = X_MO.inverse() * vehicle.state().X_MB.translation();
  EXPECT_GT(truth.head<2>().norm(), 10);
  EXPECT_NEAR(wheels.x_m(), truth.x(), 0.06 * truth.norm());
  EXPECT_NEAR(wheels.y_m(), truth.y(), 0.06 * truth.norm());
}

}  // namespace
}  // namespace bramble
