#include "bramble/sim/wheel_odometry.hpp"

#include <cmath>
#include <numbers>

namespace bramble {

WheelOdometry::WheelOdometry(const WheelEncoder& encoder, const VehicleConfig& config, Random random)
    : encoder_(encoder),
      radius_m_(config.wheels.radius_m * (1 + encoder.radius_error)),
      track_m_(config.wheels.track_m),
      random_(random) {}

void WheelOdometry::step(const VehicleState& state, double dt_s) {
  steer_ = state.steer_rad;
  const double tick = encoder_.ticks_per_turn > 0 ? 2 * std::numbers::pi / encoder_.ticks_per_turn : 0;
  for (int w = 0; w < kWheelCount; ++w) {
    const double angle = tick > 0 ? tick * std::floor(state.wheel_turn_rad[w] / tick) : state.wheel_turn_rad[w];
    const double noise = encoder_.speed_stddev > 0 ? random_.normal(0, encoder_.speed_stddev) : 0.0;
    speeds_[w] = started_ ? (angle - angles_[w]) / dt_s + noise : 0.0;
    angles_[w] = angle;
  }
  if (!started_) {
    started_ = true;
    return;
  }
  const double left = radius_m_ * speeds_[kRearLeft], right = radius_m_ * speeds_[kRearRight];
  speed_ = 0.5 * (left + right);
  yaw_rate_ = (right - left) / track_m_;
  const double heading = yaw_ + 0.5 * yaw_rate_ * dt_s;
  x_ += speed_ * dt_s * std::cos(heading);
  y_ += speed_ * dt_s * std::sin(heading);
  yaw_ += yaw_rate_ * dt_s;
}

}  // namespace bramble
