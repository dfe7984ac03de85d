#include "bramble/core/byte_counts.hpp"

#include <cstring>

namespace bramble {

std::array<std::uint64_t, 256> count_bytes(std::span<const std::uint8_t> bytes) {
  // Several tables, so that a value that comes twice in a row need not wait for itself.
  std::array<std::array<std::uint64_t, 256>, 4> tables{};
  const std::uint8_t* const p = bytes.data();
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, p + i, 8);
    if (eight == p[i] * 0x0101010101010101ULL) {
      tables[0][p[i]] += 8;
      continue;
    }
    for (std::size_t k = 0; k < 8; ++k) ++tables[k % 4][p[i + k]];
  }
  for (; i < bytes.size(); ++i) ++tables[0][p[i]];
  std::array<std::uint64_t, 256> counts{};
  for (const auto& table : tables)
    for (std::size_t value = 0; value < counts.size(); ++value) counts[value] += table[value];
  return counts;
}

}  // namespace bramble
