#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bramble/bag/metadata.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {

/// What to do about a damaged bag.
enum class Damage {
  kRefuse,   ///< throw an Error at the first damage, naming the file and how many messages were read before
  kRecover,  ///< give every message that is whole; damage() tells what was lost
};

/// Reads a rosbag2 bag with sqlite3 or MCAP storage: a folder with metadata.yaml (versions 1 to 9), a folder without it
/// (the files are listed and the index made anew), or a single .db3 or .mcap file. Bags of ROS 1 (.bag, also a folder
/// of them) are read as if they were of ROS 2. Compression by message and by file (zstd) is undone; a file is unpacked
/// into the temporary folder and removed with the reader. Messages come in order of (file, timestamp, id). Memory holds
/// one message, and 24 bytes for each of a file that has no usable time index. The bag is never changed, not even to
/// fold in the log of a killed recorder. Rows that name no known topic are left out.
class BagReader final : public Source {
 public:
  /// Only the topics in `wanted` (empty: all). Throws Error when the place is no bag, or lacks a wanted topic (it lists
  /// those there are).
  explicit BagReader(const std::filesystem::path& bag, std::vector<std::string> wanted = {},
                     Damage damage = Damage::kRefuse);
  ~BagReader() override;

  /// Storage files in a folder, in the order of their numbers, whatever metadata.yaml says.
  static std::vector<std::filesystem::path> storage_files(const std::filesystem::path& folder);

  std::vector<TopicInfo> topics() const override;
  /// Throws Error naming the file, and how many messages were read before, when the database is damaged (kRefuse).
  std::optional<Message> next() override;
  /// The next message is the first of this stamp or later, whatever was read before. What lies between is not
  /// read, where the storage has an order of time.
  void seek(StampNs stamp_ns);

  /// Counts and times; taken from the files themselves when metadata.yaml is missing.
  const BagMetadata& metadata() const;
  const std::filesystem::path& path() const;
  /// Storage files with their folder, in order.
  std::vector<std::filesystem::path> files() const;
  /// Bytes of all storage files as they lie on disk.
  std::uint64_t file_bytes() const;
  /// What could not be read so far, a line each (kRecover); empty for a whole bag.
  const std::vector<std::string>& damage() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
