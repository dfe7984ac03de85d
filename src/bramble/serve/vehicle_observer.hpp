#pragma once
#include <nlohmann/json.hpp>
#include <optional>

#include "bramble/ros/messages.hpp"
#include "bramble/stream/message.hpp"

namespace bramble {

/// Learns from a stream's messages where the vehicle is: odometry (nav_msgs/msg/Odometry; the first such topic),
/// CARLA's vehicle status and frame number. For sources that do not know it themselves.
class VehicleObserver {
 public:
  /// Messages that cannot be read are passed over.
  void take(const Message& message);
  /// frame, stamp_s, speed_mps, x_m, y_m, yaw_rad; null what is not known.
  void describe(nlohmann::ordered_json& status) const;
  /// The way driven so far, when it has grown since the last call by two metres or more.
  std::optional<nav_msgs::Path> new_trail();
  /// Forgets the way: time has jumped.
  void restart();

 private:
  void take_odometry(const Message& message);
  std::optional<std::int64_t> frame_;
  StampNs stamp_ns_ = 0;
  std::optional<double> speed_mps_, x_m_, y_m_, yaw_rad_;
  std::string odometry_topic_;
  nav_msgs::Path trail_;
  std::size_t trail_sent_ = 0;
};

}  // namespace bramble
