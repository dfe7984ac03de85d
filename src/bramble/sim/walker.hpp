#pragma once
#include "bramble/sim/traffic.hpp"
#include "bramble/sim/walker_look.hpp"

namespace bramble {

/// A person or an animal on foot: goes along the path, across it and back, or stands. Along the path it steps aside for
/// vehicles; it waits while one is in front of its nose; else it leaves it to drivers to take care.
class Walker final : public TrafficActor {
 public:
  /// `seed` chooses its looks. The world must outlive this.
  Walker(const World& world, const ActorScenario& actor, const ActorState& who, std::uint64_t seed);
  void step(double dt_s, const std::vector<RoadUser>& others) override;
  void stand_at(const GroundPlace& place) override;
  void add_looks(bool before, std::vector<Actor>& out) const override;

 private:
  Eigen::Vector2d place_along() const;
  double walk(double dt_s, double wanted_mps);
  void wander_along(double dt_s, const std::vector<RoadUser>& others);
  void cross(double dt_s, const std::vector<RoadUser>& others);
  void take_posture(const Eigen::Vector2d& position, double wanted_yaw_rad, double dt_s);

  const World& world_;
  ActorScenario actor_;
  WalkerLook look_;
  Track track_;
  double likes_mps_ = 1, speed_mps_ = 0, yaw_rad_ = 0;
  double s_m_ = 0;                       // along
  double direction_ = 1;                 // along the track, or across it: 1 or -1
  double aside_m_ = 0;                   // along: off its line, to make room for vehicles
  double across_m_ = 0;                  // across: from the path's centre line, to the left
  std::optional<Eigen::Vector2d> spot_;  // stands there
  bool walking_ = false;                 // across: on its way to the other side
  Posture now_, before_;
};

}  // namespace bramble
