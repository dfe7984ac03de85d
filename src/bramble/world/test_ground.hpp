#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bramble/world/path_shape.hpp"
#include "bramble/world/road_file.hpp"
#include "bramble/world/scatter.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/terrain_builder.hpp"

namespace bramble {

/// A built ground without assets, for tests: what scattering needs to know.
struct TestGround {
  Scenario scenario;
  Path path;
  std::vector<SideTrack> forks;
  Terrain terrain;
  std::unique_ptr<PathField> field;

  /// `text`: YAML of a whole scenario.
  explicit TestGround(const std::string& text) {
    scenario = parse_scenario(text, "test.yaml", BRAMBLE_SOURCE_DIR);
    path = make_scenario_path(scenario);
    forks = make_forks(scenario, path);
    terrain = make_terrain(scenario, path, forks);
    field = std::make_unique<PathField>(path, terrain.size_m);
  }
  /// Every layer with two kinds of things, meshes 0 and 1.
  std::vector<Instance> grow() const {
    const std::vector<std::vector<ScatterAsset>> assets(scenario.layers.size(), {{0, 2}, {1, 2}});
    return scatter(scenario, terrain, *field, assets, forks);
  }
};

}  // namespace bramble
