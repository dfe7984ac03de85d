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
  // Ground that the assets folder has no picture of gets a plain colour.
  const auto plain = [&](const char* name, Eigen::Vector3f color, float roughness) {
    Material material;
    material.name = name;
    material.color = color;
    material.roughness = roughness;
    stock.materials.push_back(material);
    return static_cast<int>(stock.materials.size()) - 1;
  };
  Terrain& ground = stock.terrain;
  ground.grass_material =
      library.grass_material >= 0 ? library.grass_material : plain("grass ground", {0.10F, 0.16F, 0.04F}, 1.0F);
  ground.dirt_material =
      library.dirt_material >= 0 ? library.dirt_material : plain("dirt ground", {0.30F, 0.21F, 0.13F}, 1.0F);
  ground.water_material = plain("water", {0.05F, 0.08F, 0.09F}, 0.05F);
  std::vector<WorldAsset> assets;
  for (const Asset& asset : library.assets) assets.push_back({asset.class_name, asset.name, asset.mesh});
  World world = grow_world(scenario, std::move(stock), assets);
  // A mesh whose sidecar says that vehicles pass through it stops none, whatever its layer says.
  std::vector<bool> stops(world.meshes.size(), true);
  for (const Asset& asset : library.assets) stops[asset.mesh] = asset.sidecar.collision;
  for (Instance& instance : world.instances)
    if (!stops[instance.mesh]) instance.collision_radius_m = 0;
  return world;
}

}  // namespace bramble
