#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

/// Turns serialized messages of ROS 1 into CDR, by the definition that a ROS 1 bag keeps of their type.
///
/// ROS 1 packs fields without alignment, little endian; strings and lists have a count of 32 bits
/// (wiki.ros.org/ROS/Technical Overview). ROS 2 knows types as package/msg/Name, and std_msgs/Header without `seq`.
/// Types made from msg/, also inside of others, get the fields that they have here: matched by name, new ones (such as
/// a Marker's texture) left at zero, old ones left out (left_out()). Other types keep theirs. Safe from many threads.
class Ros1Transcoder {
 public:
  /// `type`: «sensor_msgs/Image»; tf/tfMessage is taken for tf2_msgs/TFMessage, whose bytes are the same. Throws Error
  /// when the definition cannot be read, or a field has another kind or place than in the type known here.
  Ros1Transcoder(std::string_view type, std::string_view definition);
  ~Ros1Transcoder();
  Ros1Transcoder(Ros1Transcoder&&) noexcept;

  const std::string& type() const;        ///< in ROS 2: «sensor_msgs/msg/Image»
  const std::string& definition() const;  ///< ros2msg text of what comes out; of types that are not known here
  /// «package/msg/Name.field» that ROS 2 has no place for; `seq` of headers is not listed.
  const std::vector<std::string>& left_out() const;

  /// The message as CDR, with its encapsulation header. Throws Error when it is cut, or bytes are left over.
  std::vector<std::uint8_t> to_cdr(std::span<const std::uint8_t> ros1) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace bramble
