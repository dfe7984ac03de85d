#include "bramble/infer/label_upsample.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

/// The definition, pixel by pixel in double precision, with the margin by which the winner won.
struct Naive {
  int winner = 0;
  double margin = 0;
};
Naive naive_at(const std::vector<float>& logits, int classes, int rows, int columns, int width, int height, int u,
               int v) {
  const double x = std::clamp((u + 0.5) * columns / width - 0.5, 0.0, columns - 1.0);
  const double y = std::clamp((v + 0.5) * rows / height - 0.5, 0.0, rows - 1.0);
  const int x0 = static_cast<int>(std::floor(x));
  const int y0 = static_cast<int>(std::floor(y));
  const int x1 = std::min(x0 + 1, columns - 1);
  const int y1 = std::min(y0 + 1, rows - 1);
  std::vector<double> values;
  for (int k = 0; k < classes; ++k) {
    const auto at = [&](int row, int column) { return logits[(k * rows + row) * columns + column]; };
    values.push_back((1 - (y - y0)) * ((1 - (x - x0)) * at(y0, x0) + (x - x0) * at(y0, x1)) +
                     (y - y0) * ((1 - (x - x0)) * at(y1, x0) + (x - x0) * at(y1, x1)));
  }
  const int winner = static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
  std::vector<double> sorted = values;
  std::sort(sorted.rbegin(), sorted.rend());
  return {winner, sorted.size() > 1 ? sorted[0] - sorted[1] : 1.0};
}

struct Sizes {
  int classes, rows, columns, width, height;
};

class ArgmaxUpsampled : public testing::TestWithParam<Sizes> {};

TEST_P(ArgmaxUpsampled, AgreesWithNaiveUpsampling) {
  const auto [classes, rows, columns, width, height] = GetParam();
  Random random(3, stream_of("logits"));
  std::vector<float> logits(static_cast<std::size_t>(classes) * rows * columns);
  for (float& value : logits) value = static_cast<float>(random.normal());
  const ImageU8 labels = argmax_upsampled(logits, classes, rows, columns, width, height);
  ASSERT_EQ(labels.width, width);
  ASSERT_EQ(labels.height, height);
  int close_calls = 0;
  for (int v = 0; v < height; ++v) {
    for (int u = 0; u < width; ++u) {
      const Naive naive = naive_at(logits, classes, rows, columns, width, height, u, v);
      if (naive.margin < 1e-4) {
        ++close_calls;  // float and double may differ here
        continue;
      }
      ASSERT_EQ(*labels.at(u, v), naive.winner) << "at " << u << ", " << v;
    }
  }
  EXPECT_LT(close_calls, width * height / 100 + 1);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ArgmaxUpsampled,
                         testing::Values(Sizes{7, 24, 32, 128, 96}, Sizes{3, 5, 7, 61, 43}, Sizes{2, 1, 1, 9, 4},
                                         Sizes{20, 6, 9, 600, 80}, Sizes{4, 30, 40, 17, 11}, Sizes{1, 4, 4, 8, 8}));

TEST(ArgmaxUpsampledRule, TieGoesToTheLowerId) {
  const std::vector<float> logits(3 * 2 * 2, 0.5F);
  const ImageU8 labels = argmax_upsampled(logits, 3, 2, 2, 6, 6);
  EXPECT_TRUE(std::all_of(labels.data.begin(), labels.data.end(), [](auto id) { return id == 0; }));
}

TEST(ArgmaxUpsampledRule, RefusesLogitsOfAnotherSize) {
  const std::vector<float> logits(11);
  EXPECT_THROW(argmax_upsampled(logits, 3, 2, 2, 6, 6), Error);
}

TEST(LabelUpsample, ProbabilitiesAreTheSoftmaxOfInterpolatedLogits) {
  constexpr int kClasses = 5, kRows = 6, kColumns = 9, kWidth = 301, kHeight = 47;
  Random random(3, stream_of("softmax"));
  std::vector<float> logits(static_cast<std::size_t>(kClasses) * kRows * kColumns);
  for (float& value : logits) value = static_cast<float>(random.normal(0, 4));
  const ClassMaps maps = classify_upsampled(logits, kClasses, kRows, kColumns, kWidth, kHeight,
                                            {.confidence = true, .probability_of = {3, 0}});
  EXPECT_EQ(maps.labels, argmax_upsampled(logits, kClasses, kRows, kColumns, kWidth, kHeight));
  ASSERT_EQ(maps.probability.size(), 2U);
  for (int v = 0; v < kHeight; ++v)
    for (int u = 0; u < kWidth; ++u) {
      const double y = std::clamp((v + 0.5) * kRows / kHeight - 0.5, 0.0, kRows - 1.0);
      const double x = std::clamp((u + 0.5) * kColumns / kWidth - 0.5, 0.0, kColumns - 1.0);
      const int y0 = static_cast<int>(y), x0 = static_cast<int>(x);
      const int y1 = std::min(y0 + 1, kRows - 1), x1 = std::min(x0 + 1, kColumns - 1);
      double sum = 0;
      std::vector<double> p(kClasses);
      for (int k = 0; k < kClasses; ++k) {
        const auto at = [&](int row, int column) { return double(logits[(k * kRows + row) * kColumns + column]); };
        p[k] = std::exp((1 - (y - y0)) * ((1 - (x - x0)) * at(y0, x0) + (x - x0) * at(y0, x1)) +
                        (y - y0) * ((1 - (x - x0)) * at(y1, x0) + (x - x0) * at(y1, x1)));
        sum += p[k];
      }
      ASSERT_NEAR(*maps.confidence.at(u, v), 255 * *std::max_element(p.begin(), p.end()) / sum, 0.6) << u << ", " << v;
      ASSERT_NEAR(*maps.probability[0].at(u, v), 255 * p[3] / sum, 0.6) << u << ", " << v;
      ASSERT_NEAR(*maps.probability[1].at(u, v), 255 * p[0] / sum, 0.6) << u << ", " << v;
    }
  EXPECT_THROW(classify_upsampled(logits, kClasses, kRows, kColumns, 8, 8, {.probability_of = {5}}), Error);
}

}  // namespace
}  // namespace bramble
