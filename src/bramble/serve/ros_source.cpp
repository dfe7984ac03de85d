#include "bramble/serve/ros_source.hpp"

namespace bramble {
namespace {

constexpr auto kWait = std::chrono::milliseconds(20);
constexpr auto kLookEvery = std::chrono::milliseconds(250);
constexpr int kMostAtOnce = 200;  // messages, before the session looks after its clients

}  // namespace

RosSource::RosSource(RosNodeOptions options, bool allow_control, std::string control_topic)
    : node_(std::move(options)), control_topic_(allow_control ? std::move(control_topic) : "") {
  if (allow_control) node_.advertise({control_topic_, std::string(carla_msgs::CarlaEgoVehicleControl::kType), false});
}

std::vector<TopicInfo> RosSource::topics() const {
  std::vector<TopicInfo> topics;
  for (const auto& [_, topic] : known_) topics.push_back(topic);
  return topics;
}

void RosSource::want(const std::set<std::string>& topics, const std::set<std::string>&) { wanted_ = topics; }

void RosSource::take(const Deliver& deliver, SensorWork) {
  const auto now = std::chrono::steady_clock::now();
  if (now >= look_) {
    look_ = now + kLookEvery;
    for (const RosTopic& topic : node_.topics())
      if (topic.publishers > 0) known_.emplace(topic.info.name, topic.info);
  }
  for (const auto& [name, topic] : known_) {
    if (subscribed_.contains(name) || (is_heavy_type(topic.type) && !wanted_.contains(name))) continue;
    node_.subscribe(topic);
    subscribed_.insert(name);
  }
  auto wait = std::chrono::milliseconds(kWait);
  for (int i = 0; i < kMostAtOnce; ++i) {
    const auto message = node_.next(wait);
    if (!message) return;
    wait = std::chrono::milliseconds(0);
    observer_.take(*message);
    deliver(*message);
  }
}

void RosSource::describe(nlohmann::ordered_json& status) const { observer_.describe(status); }

bool RosSource::drive(const DriveWish& wish) {
  const auto* control = std::get_if<VehicleControl>(&wish);
  if (control_topic_.empty() || control == nullptr) return false;
  carla_msgs::CarlaEgoVehicleControl command;
  command.throttle = static_cast<float>(control->throttle);
  command.steer = static_cast<float>(control->steer);
  command.brake = static_cast<float>(control->brake);
  command.hand_brake = control->hand_brake;
  command.reverse = control->reverse;
  const std::lock_guard lock(publishing_);
  node_.publish({{control_topic_, std::string(carla_msgs::CarlaEgoVehicleControl::kType), false},
                 0,
                 std::make_shared<const std::vector<std::uint8_t>>(serialize(command))});
  return true;
}

}  // namespace bramble
