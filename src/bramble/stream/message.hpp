#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bramble/core/stamp.hpp"

namespace bramble {

/// A topic as every part of a stream knows it.
struct TopicInfo {
  std::string name;      ///< «/carla/hero/rgb_front/image»
  std::string type;      ///< «sensor_msgs/msg/Image»
  bool latched = false;  ///< transient-local (tf_static, camera calibration) instead of volatile
  bool operator==(const TopicInfo&) const = default;
};

/// A serialized message on its way: CDR with its 4-byte encapsulation header, exactly as DDS carries it and as a bag
/// stores it. The payload is shared and never changed, so one frame goes to many sinks without copies.
struct Message {
  TopicInfo topic;
  StampNs stamp_ns = 0;  ///< time of recording; simulated time for our own messages
  std::shared_ptr<const std::vector<std::uint8_t>> cdr;
};

}  // namespace bramble
