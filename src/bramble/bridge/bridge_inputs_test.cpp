#include "bramble/bridge/bridge_inputs.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace bramble {
namespace {

TEST(BridgeInputs, ControlsAreClampedAndNothingIsMadeOfNoNumber) {
  carla_msgs::CarlaEgoVehicleControl message;
  message.throttle = 3;
  message.steer = -2;
  message.brake = std::numeric_limits<float>::quiet_NaN();
  message.manual_gear_shift = true;
  message.gear = -1;
  const VehicleControl control = control_of(message);
  EXPECT_EQ(control.throttle, 1);
  EXPECT_EQ(control.steer, -1);
  EXPECT_EQ(control.brake, 0);
  EXPECT_TRUE(control.reverse);
  geometry_msgs::Twist twist;
  twist.linear.x = std::numeric_limits<double>::infinity();
  twist.angular.z = -0.5;
  EXPECT_EQ(wish_of(twist), (TwistWish{0, -0.5}));
}

TEST(BridgeInputs, CarlasWeatherIsASky) {
  SkyScenario before;
  before.exposure = 1.5;
  before.snow = 0.25;
  carla_msgs::CarlaWeatherParameters noon;
  noon.sun_azimuth_angle = 90;  // east
  noon.sun_altitude_angle = 75;
  const SkyScenario clear = sky_of(noon, before);
  EXPECT_DOUBLE_EQ(clear.sun_azimuth_deg, 0);
  EXPECT_DOUBLE_EQ(clear.sun_elevation_deg, 75);
  EXPECT_EQ(clear.cloud_cover, 0);
  EXPECT_EQ(clear.fog_visibility_m, 0);
  EXPECT_EQ(clear.exposure, 1.5);
  EXPECT_EQ(clear.snow, 0.25);
  carla_msgs::CarlaWeatherParameters storm;
  storm.cloudiness = 100;
  storm.precipitation = 80;
  storm.precipitation_deposits = 90;
  storm.wetness = 40;
  storm.fog_density = 100;
  storm.sun_azimuth_angle = -90;  // west
  const SkyScenario wild = sky_of(storm, before);
  EXPECT_DOUBLE_EQ(wild.sun_azimuth_deg, 180);
  EXPECT_EQ(wild.cloud_cover, 1);
  EXPECT_NEAR(wild.rain, 0.8, 1e-6);
  EXPECT_NEAR(wild.wetness, 0.9, 1e-6);
  EXPECT_NEAR(wild.fog_visibility_m, 15, 1e-9);
}

}  // namespace
}  // namespace bramble
