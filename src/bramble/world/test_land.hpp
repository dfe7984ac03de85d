#pragma once
#include <string>
#include <vector>

#include "bramble/world/streamed_world.hpp"

namespace bramble {

/// For tests, without assets: a land of 2 km with one tall layer, a dense low one and solid stones, seen through a
/// window of 192 m.
inline const char* const kLand = R"(
name: land
seed: 5
terrain: {size_m: 2048, window_m: 192, height_samples: 193, cover_pixels: 384, hill_scale_m: 150, erosion: 0.3}
path: {length_m: 3000, forks: 4, washouts: 3, puddles: 0.3}
water:
  ponds: [{at: 0.02, side: left, offset_m: 16, length_m: 30, width_m: 16, depth_m: 1}]
vegetation:
  - {name: trees, class: tree, density_per_m2: 0.02, path_distance_m: [5, 9999], spacing_m: 3, collision_radius_m: 0.4}
  - {name: tufts, class: grass, density_per_m2: 0.3, cluster_scale_m: 20}
rubble:
  - {name: stones, density_per_m2: 0.05, spacing_m: 1.5, collision_radius_m: 0.3, path_distance_m: [3, 9999]}
)";
inline Scenario test_land() { return parse_scenario(kLand, "land.yaml", BRAMBLE_SOURCE_DIR); }

/// One-triangle meshes: a tuft, a tree of 8 m, a stone.
inline World land_stock() {
  World world;
  world.ontology = Ontology::load(std::string(BRAMBLE_SOURCE_DIR) + "/ontologies/bramble.yaml");
  world.materials.resize(3);
  world.terrain.grass_material = 0;
  world.terrain.dirt_material = 1;
  world.terrain.water_material = 2;
  for (const float height : {0.3F, 8.0F, 0.4F}) {
    Mesh mesh;
    mesh.positions = {{0, 0, 0}, {0.5F, 0, 0}, {0, 0, height}};
    mesh.normals.assign(3, Eigen::Vector3f::UnitY());
    mesh.uvs.assign(3, Eigen::Vector2f::Zero());
    mesh.triangles = {{0, 1, 2}};
    mesh.triangle_material = {0};
    world.meshes.push_back(mesh);
  }
  return world;
}
inline const std::vector<WorldAsset> kLandAssets = {{"grass", "tuft", 0}, {"tree", "oak", 1}, {"rubble", "rock", 2}};

}  // namespace bramble
