#include "bramble/serve/vehicle_observer.hpp"

#include <cmath>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

constexpr double kTrailStepM = 0.5;
constexpr std::size_t kMostTrailPoints = 8000;
constexpr std::size_t kTrailGrowth = 4;  // points, before it is sent anew

nlohmann::ordered_json known(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

}  // namespace

void VehicleObserver::take(const Message& message) {
  stamp_ns_ = message.stamp_ns;
  try {
    if (message.topic.type == nav_msgs::Odometry::kType) {
      take_odometry(message);
    } else if (message.topic.type == carla_msgs::CarlaStatus::kType) {
      frame_ = static_cast<std::int64_t>(deserialize<carla_msgs::CarlaStatus>(*message.cdr).frame);
    } else if (message.topic.type == carla_msgs::CarlaEgoVehicleStatus::kType && odometry_topic_.empty()) {
      speed_mps_ = deserialize<carla_msgs::CarlaEgoVehicleStatus>(*message.cdr).velocity;
    }
  } catch (const Error&) {
    // Another's message of another layout: the status does without.
  }
}

void VehicleObserver::take_odometry(const Message& message) {
  if (odometry_topic_.empty()) odometry_topic_ = message.topic.name;
  if (message.topic.name != odometry_topic_) return;
  const auto odometry = deserialize<nav_msgs::Odometry>(*message.cdr);
  const auto& position = odometry.pose.pose.position;
  const auto& q = odometry.pose.pose.orientation;
  x_m_ = position.x;
  y_m_ = position.y;
  yaw_rad_ = std::atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z));
  speed_mps_ = odometry.twist.twist.linear.x;
  if (!trail_.poses.empty()) {
    const auto& last = trail_.poses.back().pose.position;
    if (std::hypot(position.x - last.x, position.y - last.y) < kTrailStepM) return;
  }
  if (trail_.poses.size() >= kMostTrailPoints) {
    trail_.poses.erase(trail_.poses.begin(), trail_.poses.begin() + kMostTrailPoints / 2);
    trail_sent_ = 0;
  }
  trail_.header.frame_id = odometry.header.frame_id;
  auto& pose = trail_.poses.emplace_back();
  pose.header = odometry.header;
  pose.pose = odometry.pose.pose;
}

void VehicleObserver::describe(nlohmann::ordered_json& status) const {
  status["frame"] = frame_ ? nlohmann::ordered_json(*frame_) : nlohmann::ordered_json();
  status["stamp_s"] = seconds(stamp_ns_);
  status["speed_mps"] = known(speed_mps_);
  status["x_m"] = known(x_m_);
  status["y_m"] = known(y_m_);
  status["yaw_rad"] = known(yaw_rad_);
}

std::optional<nav_msgs::Path> VehicleObserver::new_trail() {
  if (trail_.poses.size() < trail_sent_ + kTrailGrowth) return std::nullopt;
  trail_sent_ = trail_.poses.size();
  return trail_;
}

void VehicleObserver::restart() {
  trail_.poses.clear();
  trail_sent_ = 0;
}

}  // namespace bramble
