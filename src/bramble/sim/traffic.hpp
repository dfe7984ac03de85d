#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bramble/render/renderer.hpp"
#include "bramble/sim/give_way.hpp"
#include "bramble/sim/vehicle_look.hpp"
#include "bramble/vehicle/vehicle.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

/// The instance id of a scenario's first actor; the next ones count down. It is positive as a signed number, too, which
/// is what ids are in SpawnObject and in pictures of instances.
inline constexpr std::uint32_t kFirstActorInstanceId = 0x7ffffffd;

/// A moving actor as everybody may know it.
struct ActorState {
  std::uint32_t id = 0;  ///< instance id in every picture and cloud
  std::string name, kind;
  std::string class_name;                                ///< vehicle, person or animal
  ClassId class_id = kIgnoreId;                          ///< kIgnoreId where the ontology lacks the class
  Pose X_MA = Pose::Identity();                          ///< on the ground below the box's middle, x forward
  Eigen::Vector3d size_m = Eigen::Vector3d::Ones();      ///< the box stands on A's origin
  Eigen::Vector3d velocity_M = Eigen::Vector3d::Zero();  ///< m/s, mean of the last step
  double yaw_rate_radps = 0;
};

/// Kinds of actors (ActorScenario::kind) as CARLA would call them: «vehicle.bramble.truck», «walker.pedestrian.person»;
/// and «walker.animal.deer», which CARLA has none of.
std::string blueprint_of(const std::string& kind);
/// All of them, sorted.
std::vector<std::string> actor_blueprints();
/// The way back. Nothing for another blueprint.
std::optional<std::string> kind_of_blueprint(const std::string& blueprint);

/// A place on the ground, seen from above.
struct GroundPlace {
  Eigen::Vector2d position = Eigen::Vector2d::Zero();  ///< metres, M
  double yaw_rad = 0;
};

/// One actor, moved by its own rules.
class TrafficActor {
 public:
  virtual ~TrafficActor() = default;
  /// Puts one that stands (course) somewhere else than beside the path; before its first step.
  virtual void stand_at(const GroundPlace& place) = 0;
  /// Moves on among the others as they were at the step's begin (itself may be among them).
  virtual void step(double dt_s, const std::vector<RoadUser>& others) = 0;
  /// Its bodies now, or where they were before the last step: the same meshes in the same order.
  virtual void add_looks(bool before, std::vector<Actor>& out) const = 0;
  const ActorState& state() const { return state_; }

 protected:
  /// Takes the new pose; velocities follow from the way since the last one.
  void move_to(const Pose& X_MA, double dt_s);
  ActorState state_;
};

/// Everybody else on the path of a scenario. They see each other and the ego vehicle, give way as drivers do
/// (give_way), and are moved along the ground, not by forces: nothing that runs into them moves them. Deterministic:
/// what they do follows from the scenario and from where the ego vehicle was.
class Traffic {
 public:
  /// `home` holds config/vehicles; `ego` is where the drive begins: nobody starts within a few metres of it, but as
  /// much further on. The world must outlive this.
  Traffic(const World& world, const std::vector<ActorScenario>& actors, const std::filesystem::path& home,
          const RoadUser& ego);
  void step(double dt_s, const RoadUser& ego);

  /// Somebody appears between two steps. One that goes along or across the path begins where the path is nearest to
  /// `place`, one that stands begins at `place` itself; without a place, where ActorScenario::at says. Returns its id,
  /// which nobody had before. Throws Error when somebody is there already, or no ground to stand on.
  std::uint32_t spawn(ActorScenario actor, const std::optional<GroundPlace>& place, const RoadUser& ego);
  /// Somebody disappears between two steps; false when nobody has that id.
  bool destroy(std::uint32_t id);

  std::vector<ActorState> actors() const;  ///< in the scenario's order, then as they appeared
  std::vector<RoadUser> road_users() const;
  /// For the physics of the ego vehicle, during the last step: where they were at its begin, and how they moved.
  std::vector<MovingBody> bodies() const;
  void add_looks(std::vector<Actor>& out) const;
  void add_poses_before(std::vector<Pose>& out) const;  ///< of add_looks' actors before the last step

 private:
  std::unique_ptr<TrafficActor> make(const ActorScenario& actor);
  const World& world_;
  std::filesystem::path home_;
  std::uint32_t next_id_;
  std::vector<std::unique_ptr<TrafficActor>> actors_;
  std::vector<ActorState> before_;
};

/// Whether two of them share a place on the ground.
bool overlap(const RoadUser& a, const RoadUser& b);
/// The ego vehicle as others see it.
RoadUser road_user_of(const VehicleState& state, const VehicleConfig& config);

}  // namespace bramble
