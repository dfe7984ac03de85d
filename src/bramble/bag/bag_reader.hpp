#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bramble/bag/metadata.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {

/// Reads a rosbag2 bag with sqlite3 storage: a folder with metadata.yaml (versions 1 to 9), a folder without it (the
/// files are listed and the index made anew), or a single .db3 file. zstd-compressed messages are unpacked. Messages
/// come in order of (file, timestamp, id); memory does not grow with the bag.
class BagReader final : public Source {
 public:
  /// Only the topics in `wanted` (empty: all). Throws Error when the place is no bag, or lacks a wanted topic (it lists
  /// those there are).
  explicit BagReader(const std::filesystem::path& bag, std::vector<std::string> wanted = {});
  ~BagReader() override;

  std::vector<TopicInfo> topics() const override;
  /// Throws Error naming the file, and how many messages were read before, when the database is damaged.
  std::optional<Message> next() override;

  /// Counts and times; taken from the files themselves when metadata.yaml is missing.
  const BagMetadata& metadata() const;
  const std::filesystem::path& path() const;
  /// Bytes of all storage files.
  std::uint64_t file_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
