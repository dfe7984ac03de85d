#pragma once
#include <cstdint>

#include "bramble/world/scatter.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// Makes the world of a scenario: assets loaded, terrain, path and ponds shaped, everything scattered. Deterministic
/// (same scenario, assets and version: same bytes for any number of threads) and parallel. Throws Error for asset
/// folders or meshes that are missing or unreadable, naming the layer that wants them.
/// Of a scenario with `terrain: window_m` it is the part around the start of drives.
World build_world(const Scenario& scenario);

/// A mesh that scenarios can ask for by class folder and name.
struct WorldAsset {
  std::string class_name;  ///< the folder
  std::string name;        ///< the file, without its extension
  std::uint32_t mesh = 0;  ///< indexes World::meshes
  bool collides = true;    ///< false: vehicles pass through it, whatever its layer says
};

/// What a scenario's world is made from: ontology, textures, materials, meshes and the terrain's material numbers in
/// `stock`, and how scenarios ask for the meshes.
struct WorldStock {
  World stock;
  std::vector<WorldAsset> assets;
};
/// Reads the scenario's ontology and asset folder. Throws Error as load_assets does.
WorldStock load_stock(const Scenario& scenario);

/// The second half of build_world. Meshes that no layer scatters stay in the world.
World grow_world(const Scenario& scenario, World stock, const std::vector<WorldAsset>& assets);

/// All of a world but its ground and what grows on it.
struct WorldLayout {
  World world;                                    ///< its terrain has ids and materials only
  std::vector<std::vector<ScatterAsset>> assets;  ///< of each layer
};
/// Throws Error for a layer whose class or meshes are not there.
WorldLayout lay_out(const Scenario& scenario, World stock, const std::vector<WorldAsset>& assets);

/// The sky of a scenario: the sun's place, and its beam through the air (Atmosphere). `seed`: for the clouds, unless
/// the scenario has one for them.
Sky make_sky(const SkyScenario& scenario, std::uint64_t seed);

/// A number that changes with any byte of the world that shows (FNV-1a over its arrays); for tests of determinism.
std::uint64_t fingerprint(const World& world);

}  // namespace bramble
