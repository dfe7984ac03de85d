#include "bramble/sim/follower.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bramble {
namespace {
constexpr int kPatienceSteps = 40;  // two seconds
}

VehicleControl pedals_for_force(const VehicleConfig& config, double speed_mps, double force_n) {
  VehicleControl control;
  const double dragging_n = config.engine.braking_force_n;  // with the throttle released
  if (force_n > 0)
    control.throttle = std::min(force_n / std::max(config.engine_force_n(speed_mps), 1.0), 0.9);
  else if (force_n < -dragging_n)
    control.brake = std::min((-force_n - dragging_n) / config.brakes.max_force_n, 1.0);
  return control;
}

VehicleControl pedals_for_speed(const VehicleConfig& config, const VehicleState& state, double speed_mps) {
  VehicleControl control;
  const double speed = state.speed_mps();
  if (speed_mps < 0.1) {
    control.brake = std::clamp(0.15 + 0.12 * std::abs(speed), 0.0, 0.6);
    return control;
  }
  const double wanted_mps2 = std::clamp(1.2 * (speed_mps - speed), -3.0, 1.8);
  const double nose_up = state.X_MB.linear()(2, 0);  // sine of the slope ahead
  const double weight_n = config.mass_kg * kGravityMps2;
  const double force_n = config.mass_kg * wanted_mps2 + weight_n * nose_up + config.resistance.rolling * weight_n;
  return pedals_for_force(config, speed, force_n);
}

void Follower::observe(const VehicleState& state) {
  s_m_ = track_.nearest_s(state.X_MB.translation().head<2>(), s_m_);
  // Lost (moved by hand, or off beyond the search window): look everywhere.
  if ((track_.at(s_m_).position - state.X_MB.translation().head<2>()).norm() > 15)
    s_m_ = track_.nearest_s(state.X_MB.translation().head<2>(), -1);
}

VehicleControl Follower::follow(const VehicleState& state, const FollowWish& wish) {
  observe(state);
  const double speed = state.speed_mps();
  const double yaw = rpy_of(state.X_MB.linear()).z();

  // Stanley's law, a little ahead of the front axle to make up for the steering's own lag.
  const double ahead_m = 0.5 * config_.wheels.wheelbase_m + 0.12 * std::max(speed, 0.0);
  const Eigen::Vector3d front = state.X_MB * Eigen::Vector3d(ahead_m, 0, 0);
  const double front_s = track_.nearest_s(front.head<2>(), s_m_ + ahead_m);
  const Track::Place place = track_.at(front_s);
  const Eigen::Vector2d off = front.head<2>() - place.position;
  const double left_m = -std::sin(place.heading_rad) * off.x() + std::cos(place.heading_rad) * off.y();
  const double error_m = left_m - wish.offset_m;
  const double heading_error = wrap_angle(place.heading_rad - yaw);
  const double angle = heading_error - std::atan2(wish.steering_gain * error_m, std::max(speed, 0.0) + 1.5);
  const double most = config_.steering.max_angle_deg * std::numbers::pi / 180;
  const double steer = -std::clamp(angle / most, -1.0, 1.0);

  double speed_mps = wish.speed_mps >= 0 ? wish.speed_mps : wish.speed_factor * place.speed_mps;
  speed_mps = std::min(speed_mps, wish.speed_cap_mps);
  if (std::abs(error_m) > 1.5 || std::abs(heading_error) > 0.6) speed_mps = std::min(speed_mps, 2.5);

  if (backing_steps_ > 0) {
    --backing_steps_;
    VehicleControl back = pedals_for_speed(config_, state, 0);
    back.reverse = true;
    back.brake = 0;
    back.steer = -steer;
    back.throttle = speed > -1.5 ? 0.3 : 0;
    if (backing_steps_ < 6) back = VehicleControl{.throttle = 0, .steer = steer, .brake = 0.5};
    return back;
  }
  VehicleControl control = pedals_for_speed(config_, state, speed_mps);
  control.steer = steer;
  stuck_steps_ = speed_mps > 0.5 && std::abs(speed) < 0.2 ? stuck_steps_ + 1 : 0;
  if (stuck_steps_ > kPatienceSteps) {
    stuck_steps_ = 0;
    backing_steps_ = kPatienceSteps;
  }
  return control;
}

}  // namespace bramble
