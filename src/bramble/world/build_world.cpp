#include <utility>

#include "bramble/world/asset_library.hpp"
#include "bramble/world/streamed_world.hpp"
#include "bramble/world/world_builder.hpp"

namespace bramble {

WorldStock load_stock(const Scenario& scenario) {
  WorldStock result;
  World& stock = result.stock;
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
  for (const Asset& asset : library.assets)
    result.assets.push_back({asset.class_name, asset.name, asset.mesh, asset.sidecar.collision});
  return result;
}

World build_world(const Scenario& scenario) {
  WorldStock loaded = load_stock(scenario);
  if (scenario.terrain.window_m > 0) {
    StreamedWorld world(scenario, std::move(loaded.stock), loaded.assets);
    return std::move(world).release();
  }
  return grow_world(scenario, std::move(loaded.stock), loaded.assets);
}

}  // namespace bramble
