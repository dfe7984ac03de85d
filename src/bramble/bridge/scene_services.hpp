#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bramble/live/ros_node.hpp"
#include "bramble/sim/simulation.hpp"

namespace bramble {

/// Somebody that carla_ros_bridge's spawn_object asks for.
struct SpawnWish {
  ActorScenario actor;
  std::optional<GroundPlace> place;  ///< none: anywhere on the path
};

/// What a request means. A blueprint with * is any that matches. Attributes are course (along, across, stand), speed
/// (m/s), gap and trigger (m; see ActorScenario), and CARLA's role_name; without a course who has a pose stands there,
/// as all that CARLA spawns does until somebody drives it, and who comes anywhere goes along the path. `seed` chooses
/// what is left to chance. Throws Error for a blueprint, attribute or value that there is not.
SpawnWish spawn_wish_of(const carla_msgs::SpawnObject_Request& request, std::uint64_t seed);

/// carla_ros_bridge's services for the actors of a simulation in this process:
///   /carla/spawn_object     SpawnObject: a vehicle, person or animal; its height is that of the ground
///   /carla/destroy_object   DestroyObject: anybody but the ego vehicle and what it carries
///   /carla/get_blueprints   GetBlueprints
class SceneServices {
 public:
  /// The node and the simulation must outlive this.
  SceneServices(RosNode& node, Simulation& simulation);
  /// Answers what has been asked; called between two frames. Who was spawned is there with the next one.
  void answer();

 private:
  carla_msgs::SpawnObject_Response spawn(const carla_msgs::SpawnObject_Request& request);
  RosNode& node_;
  Simulation& simulation_;
  std::uint64_t requests_ = 0;  // to spawn
};

}  // namespace bramble
