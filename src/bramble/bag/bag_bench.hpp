#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

namespace bramble {

struct BagBenchOptions {
  std::uint64_t bytes = 400'000'000;  ///< of payloads
  std::size_t small_messages = 200'000;
  std::filesystem::path folder;       ///< where the files go for the time of the bench; empty: the temporary folder
  std::filesystem::path python;       ///< with rosbags
  std::filesystem::path peer_script;  ///< bench/bag_peer.py
  int rounds = 3;                     ///< each figure is the best of so many
};

/// Writing and reading of frames like those of a drive (a picture of 3.1 MB, class ids, a cloud, eight small messages)
/// beside write(2) and read(2) of the same bytes in the same pieces, and beside Python rosbags; no compression. Files
/// are read back from the page cache, as those of write(2) are. Keys: bytes, messages; write2_mb_per_s, read2_mb_per_s;
/// for sqlite3 (as it is by default), sqlite3_none (its preset none) and mcap each STORAGE_write_mb_per_s,
/// STORAGE_write_ratio (to write(2)), STORAGE_read_…; rosbags_… the same, and STORAGE_over_rosbags_write, …_read;
/// STORAGE_small_… the same for so many IMU messages of eight topics, in messages a second;
/// sqlite3…_write_over_rosbag2_settings: beside SQLite alone, set as rosbag2 sets it by default (journal in memory, no
/// sync: the fastest it gets). The peer's are null and `note` says why when it could not run.
nlohmann::json bench_bag(const BagBenchOptions& options);

}  // namespace bramble
