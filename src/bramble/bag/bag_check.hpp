#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bramble/stream/stream.hpp"

namespace bramble {

/// What a complete reading of a bag found.
struct BagCheck {
  struct Topic {
    TopicInfo info;
    std::uint64_t message_count = 0;
    std::uint64_t bytes = 0;
    StampNs first_ns = 0;
    StampNs last_ns = 0;
    bool known_type = false;  ///< the payloads were decoded; otherwise only read
  };
  std::vector<Topic> topics;
  std::uint64_t message_count = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> problems;  ///< a line each, with file or topic, number and reason; empty: the bag is whole
};

/// Reads a whole bag: SQLite's own integrity check of each file; every payload of a known type decoded to its last
/// byte, pictures against their size; counts, times and topics against metadata.yaml; rows that name no topic. At most
/// 20 problems of one topic are listed, then counted. Reads on after damage, so that it tells how much is whole. Throws
/// Error only when the place is no bag. `each` is called once for each message, for progress.
BagCheck check_bag(const std::filesystem::path& bag, const std::function<void()>& each = {});

}  // namespace bramble
