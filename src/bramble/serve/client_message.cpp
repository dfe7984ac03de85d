#include "bramble/serve/client_message.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

using nlohmann::json;

constexpr double kFastestMps = 50;
constexpr double kFastestTurnRadps = 10;

double within(double value, double low, double high, const char* what) {
  if (!std::isfinite(value)) fail("{} is no number", what);
  return std::clamp(value, low, high);
}

json parse_object(const ClientMessage& message) {
  json object = json::parse(message.payload, nullptr, false);
  if (!object.is_object()) fail("a message on {} is no JSON object", message.topic);
  return object;
}

double number(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end()) return 0;
  if (!it->is_number()) fail("'{}' is no number", key);
  return it->get<double>();
}

bool flag(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end()) return false;
  if (!it->is_boolean()) fail("'{}' is neither true nor false", key);
  return it->get<bool>();
}

const json& part(const json& object, const char* key) {
  static const json nothing = json::object();
  const auto it = object.find(key);
  if (it == object.end()) return nothing;
  if (!it->is_object()) fail("'{}' is no object", key);
  return *it;
}

VehicleControl checked(double throttle, double steer, double brake, bool hand_brake, bool reverse) {
  VehicleControl control;
  control.throttle = within(throttle, 0, 1, "throttle");
  control.steer = within(steer, -1, 1, "steer");
  control.brake = within(brake, 0, 1, "brake");
  control.hand_brake = hand_brake;
  control.reverse = reverse;
  return control;
}

TwistWish checked(double speed_mps, double yaw_rate_radps) {
  return {within(speed_mps, -kFastestMps, kFastestMps, "linear.x"),
          within(yaw_rate_radps, -kFastestTurnRadps, kFastestTurnRadps, "angular.z")};
}

}  // namespace

DriveWish parse_control(const ClientMessage& message) {
  const bool twist = message.topic == kTwistTopic;
  if (message.encoding == "json") {
    const json object = parse_object(message);
    if (twist) return checked(number(part(object, "linear"), "x"), number(part(object, "angular"), "z"));
    return checked(number(object, "throttle"), number(object, "steer"), number(object, "brake"),
                   flag(object, "hand_brake"), flag(object, "reverse"));
  }
  if (message.encoding == "cdr") {
    if (twist) {
      const auto command = deserialize<geometry_msgs::Twist>(message.payload);
      return checked(command.linear.x, command.angular.z);
    }
    const auto command = deserialize<carla_msgs::CarlaEgoVehicleControl>(message.payload);
    return checked(command.throttle, command.steer, command.brake, command.hand_brake, command.reverse);
  }
  fail("{} takes messages in json or cdr, not '{}'", message.topic, message.encoding.substr(0, 32));
}

int parse_step(const ClientMessage& message) {
  if (message.encoding != "json") fail("{} takes messages in json", message.topic);
  const json object = parse_object(message);
  const auto frames = object.find("frames");
  if (frames == object.end()) return 1;
  if (!frames->is_number_integer() || *frames < 1 || *frames > kMostSteps)
    fail("'frames' must be a whole number from 1 to {}", kMostSteps);
  return frames->get<int>();
}

}  // namespace bramble
