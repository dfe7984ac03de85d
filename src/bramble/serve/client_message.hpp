#pragma once
#include <optional>

#include "bramble/serve/hub.hpp"
#include "bramble/sim/manual_control.hpp"

namespace bramble {

inline constexpr const char* kTwistTopic = "/cmd_vel";
inline constexpr const char* kStepTopic = "/bramble/step";
inline constexpr int kMostSteps = 1000;

/// What a control message wishes: carla_msgs/msg/CarlaEgoVehicleControl or, on kTwistTopic, geometry_msgs/msg/Twist, as
/// JSON or CDR. Numbers beyond their ranges are brought into them. Throws Error for a malformed message, numbers that
/// are none, or another encoding.
DriveWish parse_control(const ClientMessage& message);

/// Frames of a message on kStepTopic, 1 to kMostSteps. Throws Error.
int parse_step(const ClientMessage& message);

}  // namespace bramble
