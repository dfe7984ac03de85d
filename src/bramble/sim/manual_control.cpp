#include "bramble/sim/manual_control.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/sim/follower.hpp"

namespace bramble {
namespace {

double steer_for_angle(const VehicleConfig& config, double left_rad) {
  return -std::clamp(left_rad / (config.steering.max_angle_deg * std::numbers::pi / 180), -1.0, 1.0);
}

// Backwards the pedals work as forwards in a vehicle that has been turned around.
VehicleControl pedals_for_signed_speed(const VehicleConfig& config, const VehicleState& state, double speed_mps) {
  const double speed = state.speed_mps();
  const bool turns_back = speed * speed_mps < 0 && std::abs(speed) > 0.3;
  if (std::abs(speed_mps) < 0.05 || turns_back) {
    VehicleControl stand = pedals_for_speed(config, state, 0);
    stand.hand_brake = !turns_back && std::abs(speed) < 0.3;
    return stand;
  }
  if (speed_mps > 0) return pedals_for_speed(config, state, speed_mps);
  VehicleState turned = state;
  turned.velocity_B = -state.velocity_B;
  turned.X_MB.linear().col(0) = -state.X_MB.linear().col(0);
  turned.X_MB.linear().col(1) = -state.X_MB.linear().col(1);
  VehicleControl control = pedals_for_speed(config, turned, -speed_mps);
  control.reverse = true;
  return control;
}

class ManualDriver final : public Driver {
 public:
  ManualDriver(const ManualControl& controls, const VehicleConfig& config, Pose start)
      : controls_(controls), config_(config), start_(std::move(start)), seen_(controls.newest().second) {}
  Pose start() const override { return start_; }

  VehicleControl drive(std::int64_t, const VehicleState& state) override {
    const auto [wish, count] = controls_.newest();
    frames_since_ = count != seen_ ? 0 : std::min(frames_since_ + 1, kWishFrames);
    seen_ = count;
    return control_for(frames_since_ < kWishFrames ? wish : DriveWish(AckermannWish{}), config_, state);
  }

 private:
  const ManualControl& controls_;
  const VehicleConfig& config_;
  Pose start_;
  std::uint64_t seen_;
  int frames_since_ = kWishFrames;  // nobody has wished anything yet
};

}  // namespace

void ManualControl::wish(const DriveWish& wish) {
  const std::lock_guard lock(mutex_);
  wish_ = wish;
  ++count_;
}

std::pair<DriveWish, std::uint64_t> ManualControl::newest() const {
  const std::lock_guard lock(mutex_);
  return {wish_, count_};
}

VehicleControl control_for(const DriveWish& wish, const VehicleConfig& config, const VehicleState& state) {
  if (const auto* control = std::get_if<VehicleControl>(&wish)) return *control;
  if (const auto* ackermann = std::get_if<AckermannWish>(&wish)) {
    VehicleControl control = pedals_for_signed_speed(config, state, ackermann->speed_mps);
    control.steer = steer_for_angle(config, ackermann->steer_rad);
    return control;
  }
  const auto& twist = std::get<TwistWish>(wish);
  VehicleControl control = pedals_for_signed_speed(config, state, twist.speed_mps);
  // The bicycle's yaw rate at its speed; a skid-steered vehicle turns on the spot as if it went half a metre a second,
  // another one cannot, but has its wheels turned when it starts.
  const double speed = std::abs(twist.speed_mps) < 0.5 ? std::copysign(0.5, twist.speed_mps) : twist.speed_mps;
  control.steer = steer_for_angle(config, std::atan(config.wheels.wheelbase_m * twist.yaw_rate_radps / speed));
  return control;
}

std::unique_ptr<Driver> make_manual_driver(const ManualControl& controls, const VehicleConfig& config,
                                           const Pose& start) {
  return std::make_unique<ManualDriver>(controls, config, start);
}

}  // namespace bramble
