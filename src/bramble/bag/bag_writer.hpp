#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "bramble/stream/stream.hpp"

namespace bramble {

struct BagOptions {
  /// Layout to write: humble (metadata 5, database schema 3; read by Humble and all later) or jazzy (9 and 4).
  std::string ros_distro = "humble";
  std::string storage = "sqlite3";  ///< or mcap
  /// How SQLite keeps its file whole meanwhile (rosbag2's --storage-preset-profile): «resilient», the default, or
  /// «none», faster; sqlite_storage.hpp says what each means. mcap has «none» only.
  std::string storage_preset;
  std::string compression;  ///< none, «zstd», or «lz4» (chunks of MCAP only)
  /// What is compressed: «chunk» (of MCAP, in the file's own way), «message» (of sqlite3) or «file» (each when it is
  /// whole, as .zstd; what a kill leaves of the last one is plain). Empty: chunk or message, as the storage has it.
  std::string compression_mode;
  /// Messages are committed to disk after this many bytes; what is committed survives a kill.
  std::uint64_t commit_bytes = 4 << 20;
  /// Called after each commit, with how many messages are written so far: the first so many that came to write() are
  /// in files of the operating system, and survive a kill of the process at any later moment (not a power cut: no
  /// fsync). Comes on the thread that writes.
  std::function<void(std::uint64_t messages)> on_commit;
  /// A new file begins when the one in work has this many bytes of messages or spans this time; 0: never.
  std::uint64_t split_bytes = 0;
  std::int64_t split_ns = 0;
  /// Goes on with a folder that a killed recorder left (no metadata.yaml): keeps all files but the last, which may not
  /// be whole. Without such a folder the bag is begun.
  bool resume = false;
};

/// Writes a rosbag2 folder: NAME/NAME_0.db3 or .mcap (NAME_1.db3, …) and NAME/metadata.yaml, as `ros2 bag
/// record -s sqlite3`. A killed recorder loses at most the last uncommitted batch (rosbag2's own default loses the
/// file). The same messages give the same bytes. Topics may be added on another thread than messages are written.
/// Layouts: rosbag2's sqlite storage plug-in and metadata_io, Humble and Jazzy.
class BagWriter final : public Sink {
 public:
  /// Throws Error when the folder exists already or cannot be made.
  explicit BagWriter(const std::filesystem::path& folder, BagOptions options = {});
  /// Without close(): commits what was written; the bag has no metadata.yaml then and is still readable.
  ~BagWriter() override;
  BagWriter(const BagWriter&) = delete;
  BagWriter& operator=(const BagWriter&) = delete;

  /// Registers a topic before its first message (a topic without messages is then in the bag too).
  void add_topic(const TopicInfo& topic);
  /// Throws Error on a full disk; everything committed before stays readable, and nothing more is taken.
  void write(const Message& message) override;
  /// Ends the file in work (if it holds anything): the next message begins another, with every topic so far.
  void split();
  /// Files that are complete.
  std::size_t whole_files() const;
  /// Commits the rest, folds in the log and writes metadata.yaml. Throws Error on a full disk; the bag is then readable
  /// without its index.
  void close() override;

  std::uint64_t message_count() const;
  std::uint64_t byte_count() const;
  /// Messages that survive a kill of this process: what on_commit told last.
  std::uint64_t committed_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
