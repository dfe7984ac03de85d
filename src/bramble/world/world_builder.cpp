#include "bramble/world/world_builder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"
#include "bramble/world/atmosphere.hpp"
#include "bramble/world/path_shape.hpp"
#include "bramble/world/road_file.hpp"
#include "bramble/world/terrain_builder.hpp"

namespace bramble {
namespace {

// The assets that a layer scatters. Every mistake names the layer and what there is instead.
std::vector<ScatterAsset> assets_of(const LayerScenario& layer, const Scenario& scenario, const Ontology& ontology,
                                    const std::vector<WorldAsset>& assets) {
  const std::string where = fmt::format("{}: layer '{}'", scenario.file.string(), layer.name);
  const auto class_id = ontology.find(layer.class_name);
  if (!class_id) {
    std::vector<std::string> names;
    for (const auto& c : ontology.classes()) names.push_back(c.name);
    const std::string nearest = nearest_word(layer.class_name, names);
    fail("{} is of class '{}', which ontology {} lacks; it has: {}{}", where, layer.class_name, ontology.name(),
         fmt::join(names, ", "), nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest));
  }
  std::vector<std::string> there;
  for (const WorldAsset& asset : assets)
    if (asset.class_name == layer.class_name) there.push_back(asset.name);
  if (there.empty())
    fail("{} wants meshes of class '{}', but {} holds none; run `bramble assets` or put meshes there", where,
         layer.class_name, (scenario.assets / layer.class_name).string());
  std::vector<ScatterAsset> chosen;
  std::vector<std::string> patterns = layer.assets;
  if (patterns.empty()) patterns = {"*"};
  for (const std::string& pattern : patterns) {
    const std::size_t before = chosen.size();
    for (const WorldAsset& asset : assets)
      if (asset.class_name == layer.class_name && matches_pattern(asset.name, pattern))
        chosen.push_back({asset.mesh, *class_id, asset.collides});
    if (chosen.size() == before)
      fail("{} asks for '{}', which no mesh in {} is called; there are: {}", where, pattern,
           (scenario.assets / layer.class_name).string(), fmt::join(there, ", "));
  }
  return chosen;
}

void tint(World& world, int material, const std::array<double, 3>& factor) {
  if (material < 0) return;
  for (int c = 0; c < 3; ++c) world.materials[material].color[c] *= static_cast<float>(factor[c]);
}

// FNV-1a, taking eight bytes at a time: it only has to notice differences.
class Fingerprint {
 public:
  template <typename T>
  void add(const T* data, std::size_t count) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(data);
    const std::size_t size = count * sizeof(T);
    for (std::size_t i = 0; i < size; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i, std::min<std::size_t>(8, size - i));
      hash_ = (hash_ ^ word) * 0x100000001b3ULL;
      hash_ ^= hash_ >> 29;
    }
  }
  template <typename T>
  void add(const std::vector<T>& values) {
    add(values.data(), values.size());
  }
  template <typename T>
  void add_value(const T& value) {
    add(&value, 1);
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace

WorldLayout lay_out(const Scenario& scenario, World stock, const std::vector<WorldAsset>& assets) {
  WorldLayout layout;
  World& world = layout.world;
  world = std::move(stock);
  world.name = scenario.name;
  world.seed = scenario.seed;
  for (const LayerScenario& layer : scenario.layers)
    layout.assets.push_back(assets_of(layer, scenario, world.ontology, assets));
  world.path = make_scenario_path(scenario);
  world.forks = make_forks(scenario, world.path);
  world.terrain.grass_id = world.ontology.require("grass");
  world.terrain.dirt_id = world.ontology.require("dirt");
  world.terrain.water_id = world.ontology.require("water");
  tint(world, world.terrain.grass_material, scenario.ground.grass_tint);
  tint(world, world.terrain.dirt_material, scenario.ground.dirt_tint);
  tint(world, world.terrain.water_material, scenario.ground.water_tint);
  world.sky = make_sky(scenario.sky, scenario.seed);
  return layout;
}

World grow_world(const Scenario& scenario, World stock, const std::vector<WorldAsset>& assets) {
  auto [world, chosen] = lay_out(scenario, std::move(stock), assets);
  Terrain terrain = make_terrain(scenario, world.path, world.forks);
  terrain.dress_as(world.terrain);
  world.terrain = std::move(terrain);
  const PathField field(world.path, world.terrain.size_m);
  world.instances = scatter(scenario, world.terrain, field, chosen, world.forks);
  return std::move(world);
}

Sky make_sky(const SkyScenario& scenario, std::uint64_t seed) {
  Sky sky;
  const double azimuth = scenario.sun_azimuth_deg * std::numbers::pi / 180;
  const double elevation = scenario.sun_elevation_deg * std::numbers::pi / 180;
  sky.sun_direction = Eigen::Vector3d(std::cos(elevation) * std::cos(azimuth), std::cos(elevation) * std::sin(azimuth),
                                      std::sin(elevation))
                          .cast<float>();
  sky.sun_radius_rad = static_cast<float>(0.5 * scenario.sun_size_deg * std::numbers::pi / 180);
  sky.sun_color = Atmosphere(scenario.turbidity).sun_at_ground(std::sin(elevation));
  sky.turbidity = static_cast<float>(scenario.turbidity);
  sky.cloud_cover = static_cast<float>(scenario.cloud_cover);
  sky.cloud_seed = scenario.cloud_seed ? scenario.cloud_seed : seed;
  sky.haze_distance_m = static_cast<float>(scenario.haze_distance_m);
  // Koschmieder: at the visibility a contrast has fallen to 2 %.
  sky.fog_per_m = scenario.fog_visibility_m > 0 ? static_cast<float>(3.912 / scenario.fog_visibility_m) : 0.0F;
  sky.fog_height_m = static_cast<float>(scenario.fog_height_m);
  sky.rain = static_cast<float>(scenario.rain);
  sky.wetness = static_cast<float>(scenario.wetness);
  sky.snow = static_cast<float>(scenario.snow);
  sky.exposure = static_cast<float>(scenario.exposure);
  return sky;
}

std::uint64_t fingerprint(const World& world) {
  Fingerprint print;
  print.add_value(world.seed);
  print.add(world.terrain.heights);
  print.add(world.terrain.cover.data);
  print.add_value(world.terrain.water_level_m);
  print.add(world.terrain.local_water);
  print.add_value(world.terrain.tint_drift);
  for (const Terrain& around : world.surroundings) {
    print.add(around.heights);
    print.add(around.cover.data);
  }
  print.add(world.instance_ids);
  for (const auto& point : world.path.points) print.add(point.data(), 3);
  for (const ImageU8& texture : world.textures) print.add(texture.data);
  for (const Material& material : world.materials) {
    print.add(material.color.data(), 3);
    print.add_value(material.color_texture);
    print.add_value(material.normal_texture);
    print.add_value(material.alpha_cutoff);
    print.add_value(material.translucency);
    print.add_value(material.roughness);
  }
  for (const Mesh& mesh : world.meshes) {
    print.add(mesh.positions);
    print.add(mesh.normals);
    print.add(mesh.uvs);
    print.add(mesh.triangles);
    print.add(mesh.triangle_material);
  }
  for (const Instance& instance : world.instances) {
    print.add_value(instance.mesh);
    print.add_value(instance.class_id);
    const Eigen::Matrix4f pose = instance.X_MA.matrix();
    print.add(pose.data(), 16);
    print.add(instance.tint.data(), 3);
    print.add_value(instance.collision_radius_m);
  }
  print.add(world.sky.sun_direction.data(), 3);
  print.add(world.sky.sun_color.data(), 3);
  for (float value : {world.sky.turbidity, world.sky.cloud_cover, world.sky.haze_distance_m, world.sky.exposure,
                      world.sky.sun_radius_rad, world.sky.fog_per_m, world.sky.fog_height_m, world.sky.rain,
                      world.sky.wetness, world.sky.snow})
    print.add_value(value);
  print.add_value(world.sky.cloud_seed);
  return print.value();
}

}  // namespace bramble
