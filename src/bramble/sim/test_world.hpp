#pragma once
#include <cmath>
#include <memory>
#include <numbers>

#include "bramble/world/world.hpp"

namespace bramble {

/// A small world for tests, without assets: hills of the given height, a winding loop of about 270 m around the middle,
/// dirt along it.
inline World make_test_world(double hill_m = 3.0, double bump_m = 0.02) {
  World world;
  world.name = "loop";
  world.seed = 11;
  world.ontology = Ontology("test", {{0, "grass", {0, 100, 0}, 29},
                                     {1, "dirt", {100, 60, 20}, 30},
                                     {2, "water", {0, 0, 200}, 34},
                                     {3, "sky", {0, 0, 255}, 11}});
  Terrain& terrain = world.terrain;
  terrain.size_m = 160;
  terrain.samples = 321;
  terrain.grass_id = 0;
  terrain.dirt_id = 1;
  terrain.water_id = 2;
  for (int j = 0; j < terrain.samples; ++j)
    for (int i = 0; i < terrain.samples; ++i) {
      const double x = -80 + 0.5 * i;
      const double y = -80 + 0.5 * j;
      terrain.heights.push_back(static_cast<float>(20 + hill_m * std::sin(0.06 * x) * std::cos(0.05 * y) +
                                                   bump_m * std::sin(2.1 * x + 1.7 * y)));
    }
  for (int k = 0; k < 540; ++k) {
    const double a = 2 * std::numbers::pi * k / 540;
    const double r = 42 + 5 * std::sin(3 * a);
    world.path.points.emplace_back(r * std::cos(a), r * std::sin(a), terrain.height(r * std::cos(a), r * std::sin(a)));
  }
  terrain.cover = ImageU8(320, 320, 3, 0);
  for (int v = 0; v < 320; ++v)
    for (int u = 0; u < 320; ++u) {
      const double x = -80 + 0.5 * (u + 0.5);
      const double y = -80 + 0.5 * (v + 0.5);
      const double r = 42 + 5 * std::sin(3 * std::atan2(y, x));
      terrain.cover.at(u, v)[0] = std::abs(std::hypot(x, y) - r) < 1.6 ? 255 : 0;
    }
  const auto material = [&](const char* name, float r, float g, float b) {
    Material m;
    m.name = name;
    m.color = {r, g, b};
    world.materials.push_back(m);
    return static_cast<int>(world.materials.size()) - 1;
  };
  terrain.grass_material = material("grass", 0.1F, 0.2F, 0.05F);
  terrain.dirt_material = material("dirt", 0.3F, 0.2F, 0.1F);
  terrain.water_material = material("water", 0.05F, 0.05F, 0.1F);
  return world;
}

}  // namespace bramble
