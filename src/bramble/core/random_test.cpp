#include "bramble/core/random.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace bramble {
namespace {

// Known answers published with Random123 (kat_vectors, philox4x32 with 10 rounds).
TEST(Philox, MatchesPublishedVectors) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
  EXPECT_EQ(philox4x32({0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU}, {0xffffffffU, 0xffffffffU}),
            (std::array<std::uint32_t, 4>{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
}

TEST(Random, SameSeedAndStreamGiveTheSameDraws) {
  Random a(7, stream_of("trees"));
  Random b(7, stream_of("trees"));
  Random other(7, stream_of("bushes"));
  int equal_to_other = 0;
  for (int i = 0; i < 100; ++i) {
    const auto value = a.next_u32();
    EXPECT_EQ(value, b.next_u32());
    equal_to_other += value == other.next_u32();
  }
  EXPECT_EQ(equal_to_other, 0);
}

// Mean and variance within 5 standard errors: false alarm below one in a million, and the seed is fixed.
TEST(Random, MomentsAreThoseOfTheDistributions) {
  constexpr int kDraws = 100'000;
  Random random(3);
  double uniform_sum = 0, normal_sum = 0, normal_square = 0;
  for (int i = 0; i < kDraws; ++i) {
    uniform_sum += random.uniform();
    const double n = random.normal();
    normal_sum += n;
    normal_square += n * n;
  }
  EXPECT_NEAR(uniform_sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(normal_sum / kDraws, 0.0, 5 * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(normal_square / kDraws, 1.0, 5 * std::sqrt(2.0 / kDraws));
}

}  // namespace
}  // namespace bramble
