#pragma once
#include <memory>
#include <string>

#include "bramble/live/ros_node.hpp"
#include "bramble/sim/simulation.hpp"

namespace bramble {

/// A wish of the driver from the messages that carla_ros_bridge and its companions take.
VehicleControl control_of(const carla_msgs::CarlaEgoVehicleControl& message);
AckermannWish wish_of(const ackermann_msgs::AckermannDrive& message);
TwistWish wish_of(const geometry_msgs::Twist& message);
/// The sky with CARLA's weather: percentages of clouds, rain, wetness and fog, degrees of the sun (azimuth clockwise
/// from north). What CARLA has no word for (exposure, turbidity, snow) stays as in `before`.
SkyScenario sky_of(const carla_msgs::CarlaWeatherParameters& message, const SkyScenario& before);

/// The topics that carla_ros_bridge listens to for an ego vehicle ROLE, for a simulation that runs in this process:
///   /carla/ROLE/vehicle_control_cmd               CarlaEgoVehicleControl   while the override is off
///   /carla/ROLE/vehicle_control_cmd_manual        the same                 while it is on
///   /carla/ROLE/vehicle_control_manual_override   Bool, latched
///   /carla/ROLE/enable_autopilot                  Bool: the autopilot drives, or whoever sends controls
///   /carla/ROLE/ackermann_cmd                     AckermannDrive
///   /carla/ROLE/twist, /carla/ROLE/cmd_vel        Twist
///   /carla/weather_control                        CarlaWeatherParameters
///   /carla/control                                CarlaControl: play, pause, step once
/// and the services of SceneServices.
/// Controls count for the driver «manual» only. A message that cannot be read is warned of once a topic.
class BridgeInputs {
 public:
  /// The node, the controls (those of the simulation's options) and the simulation must outlive this.
  BridgeInputs(RosNode& node, ManualControl& controls, Simulation& simulation);
  ~BridgeInputs();
  BridgeInputs(const BridgeInputs&) = delete;
  BridgeInputs& operator=(const BridgeInputs&) = delete;

  /// Takes what has arrived; called between two frames. While the simulation is paused it waits, until somebody plays
  /// on or steps, or `gone()`; /carla/status says meanwhile that it does not run. Returns whether it waited.
  bool take(const std::function<bool()>& gone);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
