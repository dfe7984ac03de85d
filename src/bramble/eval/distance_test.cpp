#include "bramble/eval/distance.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

TEST(DistanceScore, CountsEachPixelInItsBand) {
  ImageU8 label(4, 2, 1), estimate(4, 2, 1);
  ImageF32 depth(4, 2, 1);
  label.data = {0, 1, 1, 0, 255, 1, 0, 1};
  estimate.data = {0, 1, 0, 0, 1, 1, 1, 1};
  depth.data = {4.99F, 5, 12, 39.9F, 3, 0, 300, 100};  // 255 is ignored; 0 and 300 are no distance
  DistanceScore score(2);
  EXPECT_TRUE(score.empty());
  score.add(label, estimate, depth);
  score.merge(score);            // twice
  score.merge(DistanceScore());  // nothing
  const auto& bands = score.bands();
  ASSERT_EQ(bands.size(), 6U);
  EXPECT_EQ(bands[0].total.count(0, 0), 2U);
  EXPECT_EQ(bands[0].total.total(), 2U);
  EXPECT_EQ(bands[1].total.count(1, 1), 2U);
  EXPECT_EQ(bands[2].total.count(1, 0), 2U);
  EXPECT_EQ(bands[3].total.count(0, 0), 2U);
  EXPECT_EQ(bands[4].total.total(), 0U);
  EXPECT_EQ(bands[5].total.count(1, 1), 2U);
  EXPECT_FALSE(score.empty());
}

TEST(DistanceScore, RefusesAnotherSize) {
  DistanceScore score(2);
  EXPECT_THROW(score.add(ImageU8(4, 2, 1), ImageU8(4, 2, 1), ImageF32(2, 2, 1)), Error);
}

}  // namespace
}  // namespace bramble
