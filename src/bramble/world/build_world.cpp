#include <utility>

#include "bramble/world/asset_library.hpp"
#include "bramble/world/world_builder.hpp"

namespace bramble {

World build_world(const Scenario& scenario) {
  World stock;
  stock.ontology = Ontology::load(scenario.ontology);
  AssetLibrary library = load_assets(scenario.assets, stock.ontology);
  stock.textures = std::move(library.textures);
  stock.materials = std::move(library.materials);
  stock.meshes = std::move(library.meshes);
  stock.terrain.grass_material = library.grass_material;
  stock.terrain.dirt_material = library.dirt_material;
  Material water;
  water.name = "water";
  stock.materials.push_back(water);
  stock.terrain.water_material = static_cast<int>(stock.materials.size()) - 1;

  std::vector<WorldAsset> names;
  for (const Asset& asset : library.assets) names.push_back({asset.class_name, asset.name, asset.mesh});
  World world = grow_world(scenario, std::move(stock), names);
  for (Instance& instance : world.instances)
    if (!library.assets[instance.mesh].sidecar.collision) instance.collision_radius_m = 0;
  return world;
}

}  // namespace bramble
