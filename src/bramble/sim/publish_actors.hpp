#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bramble/core/pose.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/world/world.hpp"

/// What carla_ros_bridge says of the actors of a scene: who is there, where they are, their boxes.
namespace bramble {

/// Somebody or something in the scene that CARLA would call an actor.
struct SceneActor {
  std::uint32_t id = 0;
  std::uint32_t parent_id = 0;  ///< the vehicle that carries a sensor; 0: none
  /// CARLA's blueprint: «vehicle.bramble.jeep», «walker.pedestrian.person», «sensor.lidar.ray_cast»; and
  /// «walker.animal.deer», which CARLA has none of.
  std::string type;
  std::string role_name;  ///< «hero»
  Pose X_MA = Pose::Identity();
  Eigen::Vector3d size_m = Eigen::Vector3d::Zero();              ///< of its box, along A's axes; zero: it has none
  Eigen::Vector3d centre_A = Eigen::Vector3d::Zero();            ///< of its box
  Eigen::Vector3d velocity_M = Eigen::Vector3d::Zero();          ///< of A's origin, m/s
  Eigen::Vector3d angular_velocity_M = Eigen::Vector3d::Zero();  ///< rad/s

  /// Vehicles, walkers and animals are objects of the traffic, and have markers; sensors are only listed.
  bool is_object() const { return type.starts_with("vehicle.") || type.starts_with("walker."); }
};

carla_msgs::CarlaActorList actor_list(std::span<const SceneActor> actors);

/// Vehicles, walkers and animals in the frame map, but for `left_out` (an object list as its own vehicle has it); boxes
/// as shapes, at the pose of the box's centre.
derived_object_msgs::ObjectArray object_array(StampNs stamp_ns, std::span<const SceneActor> actors,
                                              std::optional<std::uint32_t> left_out = {});

/// The boxes of vehicles and walkers in the frame map: cubes, blue as the bridge's for vehicles, red for walkers and
/// animals. They last three frames, so that what has gone disappears.
visualization_msgs::MarkerArray box_markers(StampNs stamp_ns, std::span<const SceneActor> actors);

/// The world's name and its path as an OpenDRIVE road.
carla_msgs::CarlaWorldInfo world_info(const World& world, double speed_limit_mps);

/// The line to follow, every metre or so, in the frame map.
nav_msgs::Path waypoints(StampNs stamp_ns, const Path& path);

}  // namespace bramble
