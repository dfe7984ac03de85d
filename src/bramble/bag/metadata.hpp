#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/stream/message.hpp"

namespace bramble {

struct BagTopic {
  TopicInfo info;
  std::string serialization_format = "cdr";
  std::uint64_t message_count = 0;
};

/// What one file of a bag holds.
struct BagSpan {
  StampNs start_ns = 0;
  std::int64_t duration_ns = 0;
  std::uint64_t message_count = 0;
};

/// What metadata.yaml says about a bag.
struct BagMetadata {
  int version = 5;
  std::string storage = "sqlite3";  ///< or «mcap»; «ros1» for what is no rosbag2 bag
  StampNs start_ns = 0;
  std::int64_t duration_ns = 0;
  std::uint64_t message_count = 0;
  std::vector<BagTopic> topics;
  std::vector<std::string> files;  ///< relative to the folder, in order
  std::vector<BagSpan> spans;      ///< of the files, where known; a single file holds everything
  std::string compression_format;  ///< «» or «zstd»
  std::string compression_mode;    ///< «», «file» or «message», lower case; of a single MCAP file also «chunk»
  std::string ros_distro = "humble";
};

/// last - first, wrapping around: the stamps of a damaged bag may be anything.
inline std::int64_t duration_between(StampNs first_ns, StampNs last_ns) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(last_ns) - static_cast<std::uint64_t>(first_ns));
}

/// And the moment at its end, with stamps of any value.
inline StampNs moment_after(StampNs first_ns, std::int64_t duration_ns) {
  return static_cast<StampNs>(static_cast<std::uint64_t>(first_ns) + static_cast<std::uint64_t>(duration_ns));
}

/// Adds a file to what is said of a bag: its name, its topics (merged by name), counts and times.
void add_file(BagMetadata& bag, const std::string& name, const BagMetadata& content);

/// Reads metadata.yaml (versions 1 to 9). Throws Error naming the file.
BagMetadata read_bag_metadata(const std::filesystem::path& folder);
/// The same from its text; `name` stands in messages.
BagMetadata parse_bag_metadata(const std::string& text, const std::string& name);
/// The text of metadata.yaml as Humble (version 5) or Jazzy (9) writes it.
std::string bag_metadata_yaml(const BagMetadata& metadata);
/// The lines under its root key, two columns further left: what storage files keep of it.
std::string metadata_map_yaml(const BagMetadata& metadata);
/// The offered QoS of a topic as bags store it: a YAML list in a string, enums as numbers (up to version 8) or names
/// (9).
std::string qos_profile_yaml(bool latched, bool names);

}  // namespace bramble
