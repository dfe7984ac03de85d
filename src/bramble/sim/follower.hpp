#pragma once
#include "bramble/sim/track.hpp"
#include "bramble/vehicle/vehicle.hpp"

namespace bramble {

/// What a driver wants beside the line itself.
struct FollowWish {
  double offset_m = 0;         ///< to the left of the line
  double speed_mps = -1;       ///< negative: the track's plan
  double speed_factor = 1;     ///< on the track's plan
  double speed_cap_mps = 1e9;  ///< never faster
  double steering_gain = 2;    ///< 1/s: how sharply distance from the line is corrected
};

/// Throttle or brake that gives this force along the vehicle [N] at this speed.
VehicleControl pedals_for_force(const VehicleConfig& config, double speed_mps, double force_n);

/// Throttle or brake that brings a vehicle to this speed forwards [m/s] gently, its slope included; below 0.1: to a
/// stand.
VehicleControl pedals_for_speed(const VehicleConfig& config, const VehicleState& state, double speed_mps);

/// Keeps a vehicle on a track: steering by Stanley's law at the front axle (Hoffmann et al., "Autonomous automobile
/// trajectory tracking for off-road driving", ACC 2007), speed by the force that the wanted acceleration needs, slope
/// included. Slows down when far off the line. When the vehicle pushes without moving for two seconds, it backs off for
/// two seconds with the wheels turned the other way and tries again.
class Follower {
 public:
  /// `s_m`: where on the track the vehicle is, or negative to search.
  Follower(const Track& track, const VehicleConfig& config, double s_m = -1)
      : track_(track), config_(config), s_m_(s_m) {}
  VehicleControl follow(const VehicleState& state, const FollowWish& wish);
  /// Arc length of base_link on the track as of the last call.
  double s_m() const { return s_m_; }
  /// Moves the place on the track along with a vehicle that someone else controls.
  void observe(const VehicleState& state);

 private:
  const Track& track_;
  const VehicleConfig& config_;
  double s_m_;
  int stuck_steps_ = 0;
  int backing_steps_ = 0;
};

}  // namespace bramble
