#pragma once
#include <array>

#include "bramble/sim/sensor_noise.hpp"
#include "bramble/vehicle/vehicle.hpp"

namespace bramble {

/// What encoders on the wheels measure, and where dead reckoning by the rear wheels takes the vehicle for: a drift that
/// grows with slip, ticks and a wrong radius, as on a real robot. Frame O (odom): the vehicle's pose at the first step,
/// in the plane.
class WheelOdometry {
 public:
  WheelOdometry(const WheelEncoder& encoder, const VehicleConfig& config, Random random);
  /// `dt_s` after the last call (the first call only takes the wheels' angles).
  void step(const VehicleState& state, double dt_s);

  const std::array<double, kWheelCount>& angles_rad() const { return angles_; }
  const std::array<double, kWheelCount>& speeds_rad_per_s() const { return speeds_; }
  double steer_rad() const { return steer_; }
  double x_m() const { return x_; }
  double y_m() const { return y_; }
  double yaw_rad() const { return yaw_; }
  double speed_mps() const { return speed_; }
  double yaw_rate_rad_per_s() const { return yaw_rate_; }

 private:
  WheelEncoder encoder_;
  double radius_m_, track_m_;
  Random random_;
  bool started_ = false;
  std::array<double, kWheelCount> angles_{}, speeds_{};
  double steer_ = 0, x_ = 0, y_ = 0, yaw_ = 0, speed_ = 0, yaw_rate_ = 0;
};

}  // namespace bramble
