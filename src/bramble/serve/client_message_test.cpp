#include "bramble/serve/client_message.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

constexpr const char* kControl = "/carla/hero/vehicle_control_cmd";

ClientMessage json_message(const std::string& topic, const std::string& text) {
  return {1, topic, "json", "", {text.begin(), text.end()}};
}

TEST(ClientMessage, ReadsControlInJsonAndCdr) {
  const DriveWish expected =
      VehicleControl{.throttle = 0.5, .steer = -1, .brake = 0, .hand_brake = false, .reverse = true};
  EXPECT_EQ(parse_control(json_message(kControl, R"({"throttle": 0.5, "steer": -3, "reverse": true, "other": 1})")),
            expected);
  carla_msgs::CarlaEgoVehicleControl control;
  control.throttle = 0.5F;
  control.steer = -2;
  control.reverse = true;
  EXPECT_EQ(parse_control({1, kControl, "cdr", "", serialize(control)}), expected);
  EXPECT_EQ(parse_control(json_message(kControl, "{}")), DriveWish(VehicleControl{}));
}

TEST(ClientMessage, ReadsTwists) {
  EXPECT_EQ(parse_control(json_message(kTwistTopic, R"({"linear": {"x": -2}, "angular": {"z": 0.5}})")),
            DriveWish(TwistWish{-2, 0.5}));
  geometry_msgs::Twist twist;
  twist.linear.x = 1e9;
  EXPECT_EQ(parse_control({1, kTwistTopic, "cdr", "", serialize(twist)}), DriveWish(TwistWish{50, 0}));
}

TEST(ClientMessage, RefusesWhatIsNone) {
  for (const char* bad : {"", "{", "[]", "1", R"({"throttle": "1"})", R"({"reverse": 1})", R"({"throttle": null})"})
    EXPECT_THROW(parse_control(json_message(kControl, bad)), Error) << bad;
  EXPECT_THROW(parse_control({1, kControl, "cdr", "", {0, 1, 0, 0, 1}}), Error);
  EXPECT_THROW(parse_control({1, kControl, "protobuf", "", {}}), Error);
  carla_msgs::CarlaEgoVehicleControl control;
  control.steer = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(parse_control({1, kControl, "cdr", "", serialize(control)}), Error);
}

TEST(ClientMessage, ReadsSteps) {
  EXPECT_EQ(parse_step(json_message(kStepTopic, R"({"frames": 20})")), 20);
  EXPECT_EQ(parse_step(json_message(kStepTopic, "{}")), 1);
  for (const char* bad : {R"({"frames": 0})", R"({"frames": 1.5})", R"({"frames": 1e30})", R"({"frames": 99999})", "2"})
    EXPECT_THROW(parse_step(json_message(kStepTopic, bad)), Error) << bad;
}

}  // namespace
}  // namespace bramble
