#pragma once
#include <cstdint>
#include <mutex>
#include <variant>

#include "bramble/sim/driver.hpp"

namespace bramble {

/// A speed and a steering angle, as ackermann_msgs/AckermannDrive.
struct AckermannWish {
  double speed_mps = 0;  ///< negative: backwards
  double steer_rad = 0;  ///< of the front axle, positive to the left
  bool operator==(const AckermannWish&) const = default;
};

/// A speed and a yaw rate, as geometry_msgs/Twist on a cmd_vel topic.
struct TwistWish {
  double speed_mps = 0;       ///< negative: backwards
  double yaw_rate_radps = 0;  ///< positive to the left
  bool operator==(const TwistWish&) const = default;
};

using DriveWish = std::variant<VehicleControl, AckermannWish, TwistWish>;

/// Where somebody outside the simulation (a keyboard, a gamepad, a ROS topic) leaves what the vehicle is to do, and the
/// «manual» driver finds it. Any thread may call.
class ManualControl {
 public:
  /// The newest wish counts.
  void wish(const DriveWish& wish);
  /// The newest wish, and how many there have been.
  std::pair<DriveWish, std::uint64_t> newest() const;

 private:
  mutable std::mutex mutex_;
  DriveWish wish_ = VehicleControl{};
  std::uint64_t count_ = 0;
};

/// Simulated frames for which a wish is carried out when no other follows; then the vehicle brakes to a stand.
inline constexpr int kWishFrames = 20;

/// What pedals and steering wheel bring a vehicle closer to a wish. A change of direction goes through a stand.
VehicleControl control_for(const DriveWish& wish, const VehicleConfig& config, const VehicleState& state);

/// A driver that does what is wished, from the place `start`. The controls must outlive it.
std::unique_ptr<Driver> make_manual_driver(const ManualControl& controls, const VehicleConfig& config,
                                           const Pose& start);

}  // namespace bramble
