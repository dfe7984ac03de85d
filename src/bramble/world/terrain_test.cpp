#include "bramble/world/terrain.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

// A small terrain whose heights are given by a function of the place.
template <typename Function>
Terrain terrain_of(int samples, double size_m, const Function& height) {
  Terrain terrain;
  terrain.size_m = size_m;
  terrain.samples = samples;
  for (int row = 0; row < samples; ++row)
    for (int column = 0; column < samples; ++column)
      terrain.heights.push_back(static_cast<float>(height((static_cast<double>(column) / (samples - 1) - 0.5) * size_m,
                                                          (static_cast<double>(row) / (samples - 1) - 0.5) * size_m)));
  return terrain;
}

TEST(Terrain, HeightIsExactOnAPlaneAndAtSamples) {
  const auto plane = [](double x, double y) { return 2 + 0.25 * x - 0.5 * y; };
  const Terrain terrain = terrain_of(33, 64, plane);
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    const double x = random.uniform(-32, 32);
    const double y = random.uniform(-32, 32);
    EXPECT_NEAR(terrain.height(x, y), plane(x, y), 1e-6);
    EXPECT_LT((terrain.normal(x, y) - Eigen::Vector3d(-0.25, 0.5, 1).normalized()).norm(), 1e-6);
  }
  const Terrain rough = terrain_of(9, 8, [](double x, double y) { return std::sin(3 * x) + std::cos(5 * y); });
  for (int row = 0; row < 9; ++row)
    for (int column = 0; column < 9; ++column)
      EXPECT_NEAR(rough.height(column - 4.0, row - 4.0), rough.heights[row * 9 + column], 1e-6);
}

TEST(Terrain, HeightLiesOnTheRenderedTriangles) {
  // One cell with its corners at four heights: (0,0) 0, (1,0) 1, (0,1) 5, (1,1) 2.
  Terrain terrain;
  terrain.size_m = 1;
  terrain.samples = 2;
  terrain.heights = {0, 1, 5, 2};
  // Below the diagonal from (0,0) to (1,1): the plane through 0, 1, 2. Above it: through 0, 5, 2.
  EXPECT_NEAR(terrain.height(0.25, -0.25), 0.75 * 1 + 0.25 * 1, 1e-9);
  EXPECT_NEAR(terrain.height(-0.25, 0.25), 0.75 * 5 + 0.25 * (2 - 5), 1e-9);
  EXPECT_NEAR(terrain.height(0.0, 0.0), 0.5 * (0 + 2), 1e-9) << "on the diagonal, not the mean of all four";
}

TEST(Terrain, ClampsBeyondTheRim) {
  const Terrain terrain = terrain_of(17, 16, [](double x, double) { return x; });
  EXPECT_NEAR(terrain.height(100, 0), 8, 1e-6);
  EXPECT_NEAR(terrain.height(-100, 500), -8, 1e-6);
  EXPECT_TRUE(terrain.contains(8, -8));
  EXPECT_FALSE(terrain.contains(8.01, 0));
}

TEST(Terrain, CoverIsBilinearWithPixelCentresAndGivesTheClass) {
  Terrain terrain = terrain_of(5, 4, [](double, double) { return 1.0; });
  terrain.cover = ImageU8(4, 4, 3);  // pixels of one metre, centres at -1.5, -0.5, 0.5, 1.5
  terrain.cover.at(1, 2)[0] = 255;   // x = -0.5, y = +0.5
  terrain.cover.at(1, 2)[1] = 51;
  EXPECT_NEAR(terrain.cover_at(-0.5, 0.5).dirt, 1.0, 1e-6);
  EXPECT_NEAR(terrain.cover_at(-0.5, 0.5).wear, 0.2, 1e-6);
  EXPECT_NEAR(terrain.cover_at(0.0, 0.5).dirt, 0.5, 1e-6);
  EXPECT_NEAR(terrain.cover_at(0.0, 1.0).dirt, 0.25, 1e-6);
  EXPECT_NEAR(terrain.cover_at(-0.5, -0.5).dirt, 0.0, 1e-6);
  EXPECT_EQ(terrain.class_at(-0.5, 0.5), terrain.dirt_id);
  EXPECT_EQ(terrain.class_at(0.5, 0.5), terrain.grass_id);
  terrain.water_level_m = 1.01;
  EXPECT_EQ(terrain.class_at(-0.5, 0.5), terrain.water_id);
}

}  // namespace
}  // namespace bramble
