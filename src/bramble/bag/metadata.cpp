#include "bramble/bag/metadata.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// A text as a double-quoted YAML scalar.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\x{:02x}", c);
    else
      out += c;
  }
  return out + "\"";
}

// A name as rosbag2 writes it: plain when YAML cannot take it for anything else, else quoted.
std::string name_text(const std::string& name) {
  static const std::array<std::string_view, 8> words = {"true", "false", "null", "yes", "no", "on", "off", "y"};
  const bool plain = name.size() > 1 && (std::isalpha(static_cast<unsigned char>(name[0])) || name[0] == '/') &&
                     std::find(words.begin(), words.end(), lower(name)) == words.end() &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) || c == '/' || c == '_' || c == '.' || c == '-';
                     });
  return plain ? name : quoted(name);
}

}  // namespace

BagMetadata read_bag_metadata(const std::filesystem::path& folder) {
  const auto file = folder / "metadata.yaml";
  return parse_bag_metadata(read_text_file(file), file.string());
}

BagMetadata parse_bag_metadata(const std::string& text, const std::string& name) {
  try {
    const YAML::Node root = YAML::Load(text)["rosbag2_bagfile_information"];
    if (!root) fail("{} holds no rosbag2_bagfile_information; it is not a rosbag2 bag", name);
    BagMetadata bag;
    bag.version = root["version"].as<int>();
    if (bag.version > 9) fail("{} has version {}; versions up to 9 are read", name, bag.version);
    bag.storage = root["storage_identifier"].as<std::string>();
    bag.duration_ns = root["duration"]["nanoseconds"].as<std::int64_t>(0);
    bag.start_ns = root["starting_time"]["nanoseconds_since_epoch"].as<std::int64_t>(0);
    bag.message_count = root["message_count"].as<std::uint64_t>(0);
    if (bag.message_count == 0) bag.start_ns = 0;  // rosbag2 writes the largest number there is
    bag.compression_format = root["compression_format"].as<std::string>("");
    bag.compression_mode = lower(root["compression_mode"].as<std::string>(""));
    if (bag.compression_mode == "none") bag.compression_mode.clear();
    bag.ros_distro = root["ros_distro"].as<std::string>("");
    for (const auto& entry : root["topics_with_message_count"]) {
      const YAML::Node info = entry["topic_metadata"];
      BagTopic topic;
      topic.info.name = info["name"].as<std::string>();
      topic.info.type = info["type"].as<std::string>();
      topic.serialization_format = info["serialization_format"].as<std::string>("cdr");
      topic.message_count = entry["message_count"].as<std::uint64_t>(0);
      const YAML::Node qos = info["offered_qos_profiles"];
      const std::string profile = qos && qos.IsScalar() ? qos.Scalar() : qos ? YAML::Dump(qos) : "";
      topic.info.latched =
          profile.find("durability: 1") != std::string::npos || profile.find("transient_local") != std::string::npos;
      bag.topics.push_back(topic);
    }
    for (const auto& entry : root["relative_file_paths"]) bag.files.push_back(entry.as<std::string>());
    return bag;
  } catch (const YAML::Exception& error) {
    fail("{}:{}: {}; the bag's index is damaged, delete it and the bag is read without it", name, error.mark.line + 1,
         error.msg);
  }
}

std::string qos_profile_yaml(bool latched, bool names) {
  const auto infinite = "{sec: 9223372036, nsec: 854775807}";
  return fmt::format(
      "- {{history: {}, depth: {}, reliability: {}, durability: {}, deadline: {}, lifespan: {}, liveliness: {}, "
      "liveliness_lease_duration: {}, avoid_ros_namespace_conventions: false}}",
      names ? "keep_last" : "1", latched ? 1 : 10, names ? "reliable" : "1",
      latched ? (names ? "transient_local" : "1") : (names ? "volatile" : "2"), infinite, infinite,
      names ? "automatic" : "1", infinite);
}

std::string bag_metadata_yaml(const BagMetadata& bag) {
  const bool native_qos = bag.version >= 9;
  const StampNs start = bag.message_count > 0 ? bag.start_ns : std::numeric_limits<std::int64_t>::max();
  std::string out = "rosbag2_bagfile_information:\n";
  out += fmt::format("  version: {}\n  storage_identifier: {}\n", bag.version, name_text(bag.storage));
  out += fmt::format("  duration:\n    nanoseconds: {}\n", bag.duration_ns);
  out +=
      fmt::format("  starting_time:\n    nanoseconds_since_epoch: {}\n  message_count: {}\n", start, bag.message_count);
  out += bag.topics.empty() ? "  topics_with_message_count: []\n" : "  topics_with_message_count:\n";
  for (const auto& topic : bag.topics) {
    out += fmt::format("    - topic_metadata:\n        name: {}\n        type: {}\n        serialization_format: {}\n",
                       name_text(topic.info.name), name_text(topic.info.type), name_text(topic.serialization_format));
    const auto qos = qos_profile_yaml(topic.info.latched, native_qos);
    out += native_qos ? fmt::format("        offered_qos_profiles:\n          {}\n", qos)
                      : fmt::format("        offered_qos_profiles: {}\n", quoted(qos));
    if (bag.version >= 7) {
      const auto* type = find_message_type(topic.info.type);
      out += fmt::format("        type_description_hash: {}\n",
                         type ? std::string(type->hash)
                         : topic.info.definition && !topic.info.definition->hash.empty()
                             ? name_text(topic.info.definition->hash)
                             : "\"\"");
    }
    out += fmt::format("      message_count: {}\n", topic.message_count);
  }
  const std::string mode = upper(bag.compression_mode);  // as rosbag2 writes it
  out +=
      fmt::format("  compression_format: {}\n  compression_mode: {}\n", quoted(bag.compression_format), quoted(mode));
  out += "  relative_file_paths:\n";
  for (const auto& file : bag.files) out += fmt::format("    - {}\n", name_text(file));
  out += "  files:\n";
  for (std::size_t i = 0; i < bag.files.size(); ++i) {
    const BagSpan span = i < bag.spans.size() ? bag.spans[i] : BagSpan{start, bag.duration_ns, bag.message_count};
    out += fmt::format(
        "    - path: {}\n      starting_time:\n        nanoseconds_since_epoch: {}\n      duration:\n        "
        "nanoseconds: {}\n      message_count: {}\n",
        name_text(bag.files[i]), span.message_count > 0 ? span.start_ns : start, span.duration_ns, span.message_count);
  }
  if (bag.version >= 6) out += "  custom_data: ~\n";
  if (bag.version >= 8) out += fmt::format("  ros_distro: {}\n", name_text(bag.ros_distro));
  return out;
}

void add_file(BagMetadata& bag, const std::string& name, const BagMetadata& content) {
  bag.files.push_back(name);
  bag.spans.push_back({content.start_ns, content.duration_ns, content.message_count});
  bag.storage = content.storage;
  for (const BagTopic& topic : content.topics) {
    const auto same = std::find_if(bag.topics.begin(), bag.topics.end(),
                                   [&](const BagTopic& other) { return other.info.name == topic.info.name; });
    if (same == bag.topics.end())
      bag.topics.push_back(topic);
    else
      same->message_count += topic.message_count;
  }
  if (content.message_count == 0) return;
  const StampNs end = moment_after(content.start_ns, content.duration_ns);
  const bool first = bag.message_count == 0;
  const StampNs bag_end = first ? end : std::max(moment_after(bag.start_ns, bag.duration_ns), end);
  bag.start_ns = first ? content.start_ns : std::min(bag.start_ns, content.start_ns);
  bag.duration_ns = duration_between(bag.start_ns, bag_end);
  bag.message_count += content.message_count;
}

std::string metadata_map_yaml(const BagMetadata& metadata) {
  const auto yaml = bag_metadata_yaml(metadata);
  std::string inner;
  for (std::size_t at = yaml.find('\n') + 1; at < yaml.size();) {
    const std::size_t end = yaml.find('\n', at);
    inner += yaml.substr(at + 2, end - at - 1);
    at = end + 1;
  }
  return inner;
}

}  // namespace bramble
