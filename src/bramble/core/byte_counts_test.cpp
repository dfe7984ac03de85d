#include "bramble/core/byte_counts.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

TEST(ByteCounts, CountWhateverTheBytes) {
  Random random(3);
  for (std::size_t size = 0; size < 400; ++size)
    for (const std::uint32_t longest : {1U, 40U}) {
      std::vector<std::uint8_t> bytes;
      std::array<std::uint64_t, 256> expected{};
      while (bytes.size() < size) {
        const auto value = static_cast<std::uint8_t>(random.below(256));
        for (std::uint32_t n = 1 + random.below(longest); n > 0 && bytes.size() < size; --n) {
          bytes.push_back(value);
          ++expected[value];
        }
      }
      ASSERT_EQ(count_bytes(bytes), expected) << size;
    }
}

}  // namespace
}  // namespace bramble
