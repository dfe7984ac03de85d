#include "bramble/world/world_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

using testing::HasSubstr;

// A stock of one-triangle meshes: what growing needs of the assets.
World stock() {
  World world;
  world.ontology = Ontology::load(std::string(BRAMBLE_SOURCE_DIR) + "/ontologies/bramble.yaml");
  world.materials.resize(3);
  world.terrain.grass_material = 0;
  world.terrain.dirt_material = 1;
  world.terrain.water_material = 2;
  for (int i = 0; i < 4; ++i) {
    Mesh mesh;
    mesh.positions = {{0, 0, 0}, {1, 0, 0}, {0, 0, 1}};
    mesh.triangles = {{0, 1, 2}};
    world.meshes.push_back(mesh);
  }
  return world;
}
const std::vector<WorldAsset> kAssets = {
    {"grass", "grass_a", 0}, {"tree", "oak", 1}, {"bush", "bush_a", 2}, {"rubble", "rock_a", 3}};

Scenario tiny() { return load_scenario(std::string(BRAMBLE_SOURCE_DIR) + "/scenarios/tiny.yaml", BRAMBLE_SOURCE_DIR); }

std::string message_of(const Scenario& scenario) {
  try {
    grow_world(scenario, stock(), kAssets);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(WorldBuilder, SameBytesForAnyNumberOfThreads) {
  std::uint64_t one = 0;
  {
    const oneapi::tbb::global_control limit(oneapi::tbb::global_control::max_allowed_parallelism, 1);
    one = fingerprint(grow_world(tiny(), stock(), kAssets));
  }
  const oneapi::tbb::global_control limit(oneapi::tbb::global_control::max_allowed_parallelism, 2);
  EXPECT_EQ(fingerprint(grow_world(tiny(), stock(), kAssets)), one);
}

TEST(WorldBuilder, SeedAndTintsShow) {
  Scenario scenario = tiny();
  const World world = grow_world(scenario, stock(), kAssets);
  scenario.seed += 1;
  EXPECT_NE(fingerprint(grow_world(scenario, stock(), kAssets)), fingerprint(world));
  scenario.seed -= 1;
  scenario.ground.dirt_tint = {1.5, 0.5, 0.25};
  const World tinted = grow_world(scenario, stock(), kAssets);
  EXPECT_FLOAT_EQ(tinted.materials[1].color[0], 1.5F);
  EXPECT_FLOAT_EQ(tinted.materials[1].color[2], 0.25F);
  EXPECT_EQ(tinted.instances.size(), world.instances.size());
  EXPECT_NEAR(world.sky.sun_direction.norm(), 1, 1e-6);
  EXPECT_NEAR(world.sky.sun_direction.z(), std::sin(42 * 3.14159265 / 180), 1e-6);
}

TEST(WorldBuilder, SaysWhichAssetsAreMissing) {
  Scenario scenario = tiny();
  scenario.layers[0].assets = {"gras_*"};
  EXPECT_THAT(message_of(scenario), HasSubstr("layer 'grass' asks for 'gras_*'"));
  EXPECT_THAT(message_of(scenario), HasSubstr("there are: grass_a"));
  scenario = tiny();
  scenario.layers[1].class_name = "tre";
  EXPECT_THAT(message_of(scenario), HasSubstr("layer 'trees' is of class 'tre'"));
  EXPECT_THAT(message_of(scenario), HasSubstr("did you mean 'tree'"));
  scenario.layers[1].class_name = "sky";
  EXPECT_THAT(message_of(scenario), HasSubstr("holds none"));
}

}  // namespace
}  // namespace bramble
