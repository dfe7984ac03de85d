#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "bramble/core/stamp.hpp"
#include "bramble/ros/cdr.hpp"
#include "bramble/ros/generated_messages.hpp"  // structs bramble::<package>::<Name>, made from msg/

namespace bramble {

// Messages are plain structs named by package: msg/sensor_msgs/msg/Image.msg is bramble::sensor_msgs::Image. Each has
// kType («sensor_msgs/msg/Image»), its constants, ==, and visit_fields(message, f), which calls f(name, field) for each
// field in wire order. AllMessages is the tuple of all. A service is its request and its response:
// msg/carla_msgs/srv/SpawnObject.srv is carla_msgs::SpawnObject_Request and …_Response. tools/msggen makes them; a new
// type is a new .msg or .srv file.

/// CDR bytes of a message, with encapsulation header.
template <typename T>
std::vector<std::uint8_t> serialize(const T& message, std::size_t size_hint = 0) {
  CdrWriter writer;
  writer.reserve(size_hint + 256);
  write_fields(writer, message);
  return writer.take();
}

/// The message in a payload. Throws Error when it is cut or malformed. Up to 3 trailing pad bytes are tolerated.
template <typename T>
T deserialize(std::span<const std::uint8_t> payload) {
  CdrReader reader(payload);
  T message;
  read_fields(reader, message);
  if (reader.left() > 3) fail("{} bytes stand behind the end of a {}", reader.left(), T::kType);
  return message;
}

template <typename T>
void check_payload(std::span<const std::uint8_t> payload) {
  (void)deserialize<T>(payload);
}

/// What is known about a type.
struct MessageType {
  std::string_view name;                         ///< «sensor_msgs/msg/Image»
  std::string_view hash;                         ///< RIHS01_…, the type hash of ROS 2 Iron and later
  std::string_view definition;                   ///< ros2msg text with its dependencies, as bags store it
  void (*check)(std::span<const std::uint8_t>);  ///< throws Error when a payload is not of this type
};

/// All types made from msg/, sorted by name.
const std::vector<MessageType>& message_types();
/// The type of that name, or null.
const MessageType* find_message_type(std::string_view name);

/// A service made from msg/: its messages are those of its name with _Request and _Response.
struct ServiceType {
  std::string_view name;  ///< «carla_msgs/srv/SpawnObject»
  std::string_view hash;  ///< RIHS01_…
};

/// All services made from msg/, sorted by name.
const std::vector<ServiceType>& service_types();
/// The service of that name, or null.
const ServiceType* find_service_type(std::string_view name);

/// A stamp as ROS writes it: seconds rounded down, nanoseconds in [0, 1e9), before zero too.
inline builtin_interfaces::Time to_ros_time(StampNs stamp_ns) {
  const StampNs second = stamp_ns / kNsPerSecond - (stamp_ns % kNsPerSecond < 0 ? 1 : 0);
  builtin_interfaces::Time time;
  time.sec = static_cast<std::int32_t>(second);
  time.nanosec = static_cast<std::uint32_t>(stamp_ns - second * kNsPerSecond);
  return time;
}
inline StampNs to_stamp(const builtin_interfaces::Time& time) {
  return static_cast<StampNs>(time.sec) * kNsPerSecond + time.nanosec;
}

}  // namespace bramble
