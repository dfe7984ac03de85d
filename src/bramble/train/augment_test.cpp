#include "bramble/train/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bramble/ontology/ontology.hpp"

namespace bramble {
namespace {

constexpr int kWidth = 40, kHeight = 24;
constexpr std::size_t kPixels = kWidth * kHeight;

AugmentOptions nothing() { return {false, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}; }

// Labels in patches of 8x8; the colour says the class: red = 60 · id, green = column, blue = row.
struct Pair {
  ImageU8 rgb{kWidth, kHeight, 3}, label{kWidth, kHeight, 1};
  Pair() {
    for (int v = 0; v < kHeight; ++v)
      for (int u = 0; u < kWidth; ++u) {
        const int id = (u / 8 + 2 * (v / 8)) % 4;
        *label.at(u, v) = static_cast<std::uint8_t>(id);
        rgb.at(u, v)[0] = static_cast<std::uint8_t>(60 * id);
        rgb.at(u, v)[1] = static_cast<std::uint8_t>(u);
        rgb.at(u, v)[2] = static_cast<std::uint8_t>(v);
      }
  }
};

struct Result {
  std::vector<float> rgb = std::vector<float>(3 * kPixels);
  std::vector<std::int64_t> label = std::vector<std::int64_t>(kPixels);
};

Result vary(const AugmentOptions& options, std::uint64_t seed) {
  const Pair pair;
  Result out;
  augment(pair.rgb, pair.label, options, Random(seed), out.rgb.data(), out.label.data());
  return out;
}

TEST(Augment, ByNothingIsTheSample) {
  const Pair pair;
  Result plain;
  plain_sample(pair.rgb, pair.label, plain.rgb.data(), plain.label.data());
  EXPECT_FLOAT_EQ(plain.rgb[kPixels + 7], 7 / 255.0F);               // green of (7, 0)
  EXPECT_FLOAT_EQ(plain.rgb[2 * kPixels + 5 * kWidth], 5 / 255.0F);  // blue of (0, 5)
  const Result same = vary(nothing(), 3);
  EXPECT_EQ(same.label, plain.label);
  for (std::size_t i = 0; i < 3 * kPixels; ++i) ASSERT_NEAR(same.rgb[i], plain.rgb[i], 1e-6);
}

TEST(Augment, FlipsPictureAndLabelTogether) {
  const Pair pair;
  AugmentOptions options = nothing();
  options.flip = true;
  int flipped = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Result out = vary(options, seed);
    const bool flip = out.rgb[kPixels] > 0.1F;  // green of the first pixel: column 39 or 0
    flipped += flip;
    for (int u = 0; u < kWidth; ++u) {
      const int from = flip ? kWidth - 1 - u : u;
      ASSERT_EQ(out.label[static_cast<std::size_t>(u)], *pair.label.at(from, 0));
      ASSERT_NEAR(out.rgb[kPixels + static_cast<std::size_t>(u)], from / 255.0, 1e-6);
    }
  }
  EXPECT_NEAR(flipped, 100, 35);  // five standard deviations of a fair coin
}

// Wherever green and blue say that the pixel lies well inside a patch, the label must be that patch's.
TEST(Augment, KeepsLabelsUnderTheirPixels) {
  const Pair pair;
  AugmentOptions options = nothing();
  options.flip = true;
  options.scale_low = 0.7;
  options.scale_high = 1.8;
  std::size_t judged = 0, ignored = 0;
  double smallest_window = 1e9, largest_window = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Result out = vary(options, seed);
    double low = 1e9, high = 0;
    for (std::size_t i = 0; i < kPixels; ++i) {
      if (out.label[i] == kIgnoreId) {
        ++ignored;
        continue;
      }
      const double u = out.rgb[kPixels + i] * 255, v = out.rgb[2 * kPixels + i] * 255;
      low = std::min(low, u);
      high = std::max(high, u);
      const double inside_u = std::fmod(u + 0.5, 8), inside_v = std::fmod(v + 0.5, 8);
      if (inside_u < 1 || inside_u > 7 || inside_v < 1 || inside_v > 7) continue;
      ++judged;
      ASSERT_EQ(out.label[i], *pair.label.at(static_cast<int>(u + 0.5), static_cast<int>(v + 0.5))) << seed;
    }
    smallest_window = std::min(smallest_window, high - low);
    largest_window = std::max(largest_window, high - low);
  }
  EXPECT_GT(judged, 10000U);
  EXPECT_GT(ignored, 1000U);  // the rim around pictures made smaller
  EXPECT_LT(smallest_window, 25);
  EXPECT_GT(largest_window, 38.5);
}

TEST(Augment, DependsOnItsRandomNumbersOnly) {
  const AugmentOptions options;
  EXPECT_EQ(vary(options, 7).rgb, vary(options, 7).rgb);
  EXPECT_EQ(vary(options, 7).label, vary(options, 7).label);
  EXPECT_NE(vary(options, 7).rgb, vary(options, 8).rgb);
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    for (const float value : vary(options, seed).rgb) ASSERT_TRUE(value >= 0 && value <= 1);
}

// A soft lens is the same from all sides: a single bright pixel becomes 1-2-1 by 1-2-1.
TEST(Augment, BlursEvenly) {
  ImageU8 rgb(kWidth, kHeight, 3), label(kWidth, kHeight, 1);
  for (int c = 0; c < 3; ++c) rgb.at(20, 10)[c] = 240;
  AugmentOptions options = nothing();
  options.blur_chance = 1;
  Result out;
  augment(rgb, label, options, Random(1), out.rgb.data(), out.label.data());
  const double weights[] = {0.25, 0.5, 0.25};
  for (int dv = -2; dv <= 2; ++dv)
    for (int du = -2; du <= 2; ++du) {
      const double expected = std::abs(du) < 2 && std::abs(dv) < 2 ? weights[du + 1] * weights[dv + 1] * 240 / 255 : 0;
      EXPECT_NEAR(out.rgb[static_cast<std::size_t>((10 + dv) * kWidth + 20 + du)], expected, 1e-6) << du << ',' << dv;
    }
}

// Each effect alone: the picture stays on 0…1, changes, comes again with the same numbers, and keeps its labels.
TEST(Augment, DegradesPicturesOnly) {
  const Result before = vary(nothing(), 1);
  for (const auto effect :
       {&AugmentOptions::noise_chance, &AugmentOptions::jpeg_chance, &AugmentOptions::weather_chance}) {
    AugmentOptions options = nothing();
    options.*effect = 1;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      const Result out = vary(options, seed);
      EXPECT_NE(out.rgb, before.rgb);
      EXPECT_EQ(out.label, before.label);
      EXPECT_EQ(out.rgb, vary(options, seed).rgb);
      for (const float value : out.rgb) ASSERT_TRUE(value >= 0 && value <= 1) << value;
    }
  }
}

TEST(Augment, AddsNoiseOfTheStatedSize) {
  ImageU8 rgb(200, 150, 3, 128), label(200, 150, 1);
  AugmentOptions options = nothing();
  options.noise_chance = 1;
  std::vector<float> out(3 * 200 * 150);
  std::vector<std::int64_t> ids(200 * 150);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    augment(rgb, label, options, Random(seed), out.data(), ids.data());
    double sum = 0, squares = 0;
    for (const float value : out) {
      const double d = value - 128 / 255.0;
      sum += d;
      squares += d * d;
    }
    const double sigma = std::sqrt(squares / static_cast<double>(out.size()));
    EXPECT_NEAR(sum / static_cast<double>(out.size()), 0, 6 * sigma / std::sqrt(200.0 * 150));
    EXPECT_GT(sigma, 0.0045);
    EXPECT_LT(sigma, 0.042);
  }
}

// One small stone in a field: windows laid around classes show it about half of the time, others rarely.
TEST(Augment, LaysWindowsAroundRareClasses) {
  ImageU8 rgb(64, 48, 3), label(64, 48, 1);
  *label.at(3, 44) = 1;
  AugmentOptions options = nothing();
  options.scale_low = options.scale_high = 3;
  const auto seen = [&](double chance) {
    options.class_crop = chance;
    int count = 0;
    std::vector<float> out(3 * 64 * 48);
    std::vector<std::int64_t> ids(64 * 48);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      augment(rgb, label, options, Random(seed), out.data(), ids.data());
      count += std::find(ids.begin(), ids.end(), 1) != ids.end();
      EXPECT_EQ(std::find(ids.begin(), ids.end(), kIgnoreId), ids.end());  // the window stays inside
    }
    return count;
  };
  EXPECT_GT(seen(1), 80);
  EXPECT_LT(seen(0), 40);
}

}  // namespace
}  // namespace bramble
