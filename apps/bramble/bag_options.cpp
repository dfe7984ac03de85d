#include "bag_options.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace bramble {

void add_bag_options(CLI::App& cmd, BagOptions& options) {
  cmd.add_option("-s,--storage", options.storage, "how the bag is stored")
      ->check(CLI::IsMember({"sqlite3", "mcap"}))
      ->capture_default_str();
  cmd.add_option(
         "--storage-preset-profile", options.storage_preset,
         "sqlite3: resilient (default; others can read meanwhile, a power cut damages nothing) or none (twice as "
         "fast). A kill loses nothing that is written with either")
      ->check(CLI::IsMember({"none", "resilient"}));
  cmd.add_option("--compression-format", options.compression, "compress the bag (lz4: chunks of mcap)")
      ->check(CLI::IsMember({"zstd", "lz4"}));
  cmd.add_option("--compression-mode", options.compression_mode,
                 "what is compressed: whole files, messages (sqlite3, its default) or chunks (mcap, its default)")
      ->check(CLI::IsMember({"file", "message", "chunk"}));
  cmd.add_option("-b,--max-bag-size", options.split_bytes, "begin another file after this many bytes of messages");
  cmd.add_option_function<double>(
         "--max-bag-duration", [&options](double s) { options.split_ns = static_cast<std::int64_t>(s * 1e9); },
         "begin another file after this many seconds")
      ->check(CLI::PositiveNumber);
  // A promise, made only when it is kept.
  cmd.add_flag_callback(
      "--report-written",
      [&options] {
        options.on_commit = [](std::uint64_t messages) {
          fmt::print("written {}\n", messages);
          std::fflush(stdout);
        };
      },
      "print «written N» whenever the first N messages are on files: a kill of this process loses none of them");
  cmd.add_option("--max-cache-size", options.commit_bytes, "write at the latest after this many bytes of messages")
      ->capture_default_str();
  cmd.add_option("--ros-distro,--distro", options.ros_distro,
                 "layout of the bag: humble is read by all that came later")
      ->check(CLI::IsMember({"humble", "jazzy"}))
      ->capture_default_str();
}

}  // namespace bramble
