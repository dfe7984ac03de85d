#include "bramble/render/panorama.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace bramble {
namespace {

// A flat meadow with a round path: what each view must show is known.
World flat_world() {
  World world;
  world.ontology = Ontology("test", {{0, "grass", {0, 100, 0}, 1},
                                     {1, "dirt", {100, 60, 20}, 2},
                                     {2, "tree", {0, 255, 0}, 3},
                                     {3, "bush", {255, 150, 200}, 4},
                                     {4, "rubble", {110, 20, 140}, 5},
                                     {5, "water", {0, 128, 255}, 6},
                                     {6, "sky", {0, 0, 255}, 7}});
  world.materials.resize(3);
  world.terrain.grass_material = 0;
  world.terrain.dirt_material = 1;
  world.terrain.water_material = 2;
  world.terrain.samples = 65;
  world.terrain.heights.assign(65 * 65, 1.0F);
  world.terrain.cover = ImageU8(64, 64, 3);
  for (int i = 0; i < 400; ++i)
    world.path.points.emplace_back(30 * std::cos(i * 0.005 * 3.14159265), 30 * std::sin(i * 0.005 * 3.14159265), 1.0);
  return world;
}

TEST(Panorama, LooksAlongThePathAndCountsWhatItSees) {
  const World world = flat_world();
  const Renderer renderer(world);
  CameraModel camera;
  camera.width = 64;
  camera.height = 48;
  const Panorama panorama = drive_panorama(world, renderer, camera, 5);
  ASSERT_EQ(panorama.rgb.size(), 5U);
  for (const auto& shares : panorama.shares) {
    double sum = 0;
    for (double share : shares) sum += share;
    EXPECT_NEAR(sum, 1.0, 1e-9);
    // Three degrees down: the horizon lies a little above the middle (tan 3 degrees of 32 pixels is 1.7 of 48 rows; the
    // end of the ground 100 m off takes away half a row).
    EXPECT_NEAR(shares[0], 0.5 + 1.7 / 48, 0.03);
    EXPECT_NEAR(shares[6], 0.5 - 1.7 / 48, 0.03);
  }
  EXPECT_EQ(panorama.frames_with_class[0], 1.0);
  EXPECT_EQ(panorama.frames_with_class[2], 0.0);
  const ImageU8 sheet = contact_sheet(world, panorama, 2, 32);
  EXPECT_EQ(sheet.width, 2 * 36 + 4);
  EXPECT_EQ(sheet.height, 3 * (2 * 24 + 8) + 4);
  EXPECT_EQ(to_json(world, panorama)["views"], 5);
}

}  // namespace
}  // namespace bramble
