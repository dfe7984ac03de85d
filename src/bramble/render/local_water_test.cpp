#include <gtest/gtest.h>

#include <cmath>

#include "bramble/render/renderer.hpp"

namespace bramble {
namespace {

constexpr ClassId kGrass = 0, kWater = 1, kSky = 2;

// Flat ground at z = 0 with a sloping sheet of water over 12 m x 8 m in its middle: z = 0.2 + 0.02 x.
World flooded_world() {
  World world;
  world.ontology = Ontology(
      "test", {{kGrass, "grass", {0, 102, 0}, 0}, {kWater, "water", {0, 128, 255}, 0}, {kSky, "sky", {0, 0, 255}, 0}});
  Terrain& terrain = world.terrain;
  terrain.size_m = 64;
  terrain.samples = 33;
  terrain.heights.assign(33 * 33, 0.0F);
  terrain.local_water.assign(33 * 33, static_cast<float>(kNoWater));
  for (int j = 14; j <= 18; ++j)
    for (int i = 13; i <= 19; ++i) terrain.local_water[j * 33 + i] = 0.2F + 0.02F * static_cast<float>(2 * (i - 16));
  terrain.cover = ImageU8(64, 64, 3, 0);
  terrain.grass_id = terrain.dirt_id = kGrass;
  terrain.water_id = kWater;
  world.path.points = {{-10, 0, 0}, {10, 0, 0}};
  world.path.closed = false;
  return world;
}

TEST(LocalWater, StandsAtItsOwnSlopingLevel) {
  const World world = flooded_world();
  const Renderer renderer(world);
  CameraModel camera;
  camera.width = 160;
  camera.height = 120;
  Pose X_MC = Pose::Identity();  // from 10 m, straight down: x right, y down in the picture is -y in M
  X_MC.linear() << 1, 0, 0, 0, -1, 0, 0, 0, -1;
  X_MC.translation() = Eigen::Vector3d(0, 0, 10);
  CameraFrame frame;
  renderer.render(camera, X_MC, {}, frame);
  int water = 0, grass = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const double a = (u + 0.5 - 80) / camera.focal_px(), b = -(v + 0.5 - 60) / camera.focal_px();
      const double depth = (10 - 0.2) / (1 + 0.02 * a);  // where the ray meets the sheet
      const double x = a * depth, y = b * depth;
      if (std::abs(x) < 5.95 && std::abs(y) < 3.95) {
        ASSERT_EQ(*frame.semantic.at(u, v), kWater) << u << "," << v;
        ASSERT_NEAR(*frame.depth_m.at(u, v), depth, 1e-4);
        ASSERT_EQ(world.terrain.class_at(x, y), kWater);
        ASSERT_NEAR(world.terrain.water_level(x, y), 0.2 + 0.02 * x, 1e-6);
        ++water;
      } else if (std::abs(10 * a) > 6.3 || std::abs(10 * b) > 4.3) {
        ASSERT_EQ(*frame.semantic.at(u, v), kGrass) << u << "," << v;
        ASSERT_EQ(world.terrain.class_at(10 * a, 10 * b), kGrass);
        ++grass;
      }
    }
  EXPECT_GT(water, 4000);
  EXPECT_GT(grass, 2000);
}

}  // namespace
}  // namespace bramble
