#pragma once
#include "bramble/sim/traffic.hpp"

namespace bramble {

/// A vehicle on the path that is led, not driven: it keeps to its line with the speed that an autopilot would plan and
/// stands with its wheels on the ground.
class RoadVehicle final : public TrafficActor {
 public:
  /// `config` is that of `actor.kind`. The world must outlive this.
  RoadVehicle(const World& world, const ActorScenario& actor, const VehicleConfig& config, const ActorState& who);
  void step(double dt_s, const std::vector<RoadUser>& others) override;
  void stand_at(const GroundPlace& place) override;
  void add_looks(bool before, std::vector<Actor>& out) const override;
  /// Moves its start on along its own way; before the first step.
  void start_later(double by_m);

 private:
  void settle();
  VehicleState standing() const;
  Pose box_pose() const;
  const World& world_;
  ActorScenario actor_;
  VehicleConfig config_;
  VehicleLook look_;
  Track track_;
  double s_m_ = 0, speed_mps_ = 0, offset_m_ = 0, drift_rad_ = 0, rolled_m_ = 0;
  std::optional<GroundPlace> spot_;  // of its box's middle, when it stands off its track
  VehicleState now_, before_;
};

}  // namespace bramble
