#include "bramble/render/stars.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

// Directions evenly over the sphere: the share that meets a star is their number times a star's solid angle.
TEST(Stars, AreAsManyAndAsSmallAsTheHeaderSays) {
  Random random(5);
  constexpr int kSamples = 4'000'000;
  int met = 0, bright = 0;
  for (int n = 0; n < kSamples; ++n) {
    const double z = random.uniform(-1.0, 1.0), a = random.uniform(0.0, 6.283185307179586);
    const double r = std::sqrt(1 - z * z);
    const float light = star_light(Eigen::Vector3f(float(r * std::cos(a)), float(r * std::sin(a)), float(z)));
    ASSERT_GE(light, 0);
    ASSERT_LE(light, 1);
    met += light > 0;
    bright += light > 0.1F;
  }
  const double solid_angle = 3.14159265 * 0.0011 * 0.0011;
  const double expected = 4800.0 * kSamples * solid_angle / (4 * 3.14159265);
  EXPECT_NEAR(met, expected, 5 * std::sqrt(expected) + 0.05 * expected);
  EXPECT_LT(bright, 0.1 * met) << "most stars are faint";
  EXPECT_GT(bright, 0);
}

}  // namespace
}  // namespace bramble
