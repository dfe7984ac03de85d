#include "bramble/render/shared_rays.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bramble {
namespace {

TEST(SharedRays, ColourIsLinearBetweenRays) {
  for (const int spacing : {2, 3, 5}) {
    // A ramp of 10 a ray to the right and 4 downwards; another channel stands still.
    ImageU8 rays(9, 7, 2);
    for (int v = 0; v < rays.height; ++v)
      for (int u = 0; u < rays.width; ++u) {
        rays.at(u, v)[0] = static_cast<std::uint8_t>(20 + 10 * u + 4 * v);
        rays.at(u, v)[1] = 77;
      }
    ImageU8 pixels;
    interpolate_rays(rays, spacing, pixels);
    ASSERT_EQ(pixels.width, rays.width * spacing);
    ASSERT_EQ(pixels.height, rays.height * spacing);
    const auto ray = [&](int pixel, int count) {  // where the pixel lies, in rays, no farther than the outermost
      return std::clamp((pixel + 0.5) / spacing - 0.5, 0.0, count - 1.0);
    };
    for (int v = 0; v < pixels.height; ++v)
      for (int u = 0; u < pixels.width; ++u) {
        ASSERT_NEAR(pixels.at(u, v)[0], 20 + 10 * ray(u, rays.width) + 4 * ray(v, rays.height), 0.5001)
            << spacing << ": " << u << "," << v;
        ASSERT_EQ(pixels.at(u, v)[1], 77);
      }
  }
}

TEST(SharedRays, LabelsAreTheNearestRays) {
  ImageU32 rays(4, 3, 1);
  for (std::size_t i = 0; i < rays.data.size(); ++i) rays.data[i] = static_cast<std::uint32_t>(1000 + i);
  ImageU32 pixels;
  repeat_rays(rays, 3, pixels);
  ASSERT_EQ(pixels.width, 12);
  ASSERT_EQ(pixels.height, 9);
  for (int v = 0; v < pixels.height; ++v)
    for (int u = 0; u < pixels.width; ++u) ASSERT_EQ(*pixels.at(u, v), *rays.at(u / 3, v / 3));
  repeat_rays(ImageU32{}, 3, pixels);
  EXPECT_TRUE(pixels.empty());
}

}  // namespace
}  // namespace bramble
