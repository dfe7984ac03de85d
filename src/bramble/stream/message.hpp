#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bramble/core/stamp.hpp"

namespace bramble {

/// What a bag says of a type that is not one of ours, to be passed on to the next bag.
struct TypeDefinition {
  std::string encoding;  ///< «ros2msg», «ros2idl»
  std::string text;
  std::string hash;  ///< RIHS01_…, empty if unknown
};

/// A topic as every part of a stream knows it.
struct TopicInfo {
  std::string name;      ///< «/carla/hero/rgb_front/image»
  std::string type;      ///< «sensor_msgs/msg/Image»
  bool latched = false;  ///< transient-local (tf_static, camera calibration) instead of volatile
  /// Null for types made from msg/, and where nothing is known. Topics do not differ by it.
  std::shared_ptr<const TypeDefinition> definition = {};
  bool operator==(const TopicInfo& other) const {
    return name == other.name && type == other.type && latched == other.latched;
  }
};

/// A serialized message on its way: CDR with its 4-byte encapsulation header, exactly as DDS carries it and as a bag
/// stores it. The payload is shared and never changed, so one frame goes to many sinks without copies.
struct Message {
  TopicInfo topic;
  StampNs stamp_ns = 0;  ///< time of recording; simulated time for our own messages
  std::shared_ptr<const std::vector<std::uint8_t>> cdr;
};

}  // namespace bramble
