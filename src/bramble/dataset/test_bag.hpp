#pragma once
// Bags of pictures and labels for the tests of this room.
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "bramble/bag/bag_writer.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble::test {

inline const TopicInfo kImageTopic{"/carla/hero/rgb_front/image", "sensor_msgs/msg/Image"};
inline const TopicInfo kLabelTopic{"/carla/hero/semantic_segmentation_front/image", "sensor_msgs/msg/Image"};
inline constexpr StampNs kFrame = 50'000'000;

inline Ontology ontology() {
  return Ontology("three",
                  {{0, "grass", {0, 102, 0}, 29}, {1, "dirt", {108, 64, 20}, 30}, {2, "sky", {0, 0, 255}, 11}});
}

/// An image message of random bytes (below `below`) with `pad` bytes behind each row.
inline sensor_msgs::Image image(StampNs stamp_ns, const std::string& encoding, int width, int height, int bytes,
                                std::uint32_t below = 256, int pad = 0) {
  sensor_msgs::Image message;
  message.header.stamp = to_ros_time(stamp_ns);
  message.width = static_cast<std::uint32_t>(width);
  message.height = static_cast<std::uint32_t>(height);
  message.encoding = encoding;
  message.step = static_cast<std::uint32_t>(width * bytes + pad);
  message.data.resize(static_cast<std::size_t>(message.step) * message.height);
  Random random(5, static_cast<std::uint64_t>(stamp_ns), static_cast<std::uint64_t>(bytes));
  for (auto& byte : message.data) byte = static_cast<std::uint8_t>(random.below(below));
  return message;
}
inline sensor_msgs::Image picture(StampNs stamp_ns, int width = 17, int height = 9) {
  return image(stamp_ns, "bgra8", width, height, 4);
}
inline sensor_msgs::Image label(StampNs stamp_ns, int width = 17, int height = 9) {
  return image(stamp_ns, "mono8", width, height, 1, 256, 3);
}

inline Message message(const TopicInfo& topic, StampNs stamp_ns, const sensor_msgs::Image& image) {
  return {topic, stamp_ns, std::make_shared<const std::vector<std::uint8_t>>(serialize(image))};
}

/// Writes the messages in the order given; both topics are there even without messages.
inline void write_bag(const std::filesystem::path& folder, const std::vector<Message>& messages) {
  BagWriter writer(folder);
  writer.add_topic(kImageTopic);
  writer.add_topic(kLabelTopic);
  for (const auto& message : messages) writer.write(message);
  writer.close();
}
/// Frames first to last, complete.
inline std::vector<Message> frames(int first, int last) {
  std::vector<Message> messages;
  for (int i = first; i <= last; ++i) {
    messages.push_back(message(kImageTopic, i * kFrame, picture(i * kFrame)));
    messages.push_back(message(kLabelTopic, i * kFrame, label(i * kFrame)));
  }
  return messages;
}

template <typename Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// A folder of its own, removed at the end.
class Scratch {
 public:
  explicit Scratch(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() / fmt::format("bramble_{}_{}", name, ::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

}  // namespace bramble::test
