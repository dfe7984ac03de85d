#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

/// A field of a message definition.
struct DefinedField {
  enum class List { kNone, kFixed, kVariable };
  /// A primitive («bool», «byte», «char», «int8» … «uint64», «float32», «float64», «string», «wstring», «time»,
  /// «duration»), or the full name of a message («std_msgs/msg/Header»). ROS 2's builtin_interfaces/Time and Duration
  /// are «time» and «duration»: their eight bytes are those of ROS 1's primitives.
  std::string type;
  std::string name;
  List list = List::kNone;
  std::uint64_t count = 0;  ///< elements of a fixed list
  bool primitive() const { return type.find('/') == std::string::npos; }
  bool operator==(const DefinedField&) const = default;
};

struct DefinedMessage {
  std::vector<DefinedField> fields;    ///< in wire order
  std::vector<std::string> constants;  ///< «int32 ADD=0», as they stand
  bool operator==(const DefinedMessage&) const = default;
};

/// What a bag says of a type: the message itself and those it uses.
struct MessageDefinition {
  std::string root;                                ///< full name, «sensor_msgs/msg/Image»
  std::map<std::string, DefinedMessage> messages;  ///< by full name
  bool operator==(const MessageDefinition&) const = default;
};

/// «sensor_msgs/Image» and «sensor_msgs/msg/Image» as the latter. Throws Error for another form.
std::string full_message_name(std::string_view name);

/// Reads the text of a .msg file of ROS 1 or ROS 2, with those of the messages it uses behind lines of «=» and
/// «MSG: package/Name», as bags of either keep them (rosbag2's ros2msg; wiki.ros.org/msg). A message that is used must
/// be there, and none may contain itself. Throws Error naming the type and the line.
MessageDefinition parse_message_definition(std::string_view type, std::string_view text);

/// The text again, as ROS 2 writes it (ros2msg).
std::string message_definition_text(const MessageDefinition& definition);

}  // namespace bramble
