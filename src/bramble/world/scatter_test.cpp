#include "bramble/world/scatter.hpp"

#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

#include <cmath>

#include "bramble/core/parallel.hpp"
#include "bramble/world/land.hpp"
#include "bramble/world/test_ground.hpp"

namespace bramble {
namespace {

// A small ground with a pond; `layers`: blocks of YAML besides.
struct Ground : TestGround {
  explicit Ground(const std::string& layers)
      : TestGround(R"(
seed: 11
terrain: {height_samples: 257, cover_pixels: 1024, hill_height_m: 8}
path: {length_m: 320}
water:
  ponds: [{at: 0.2, side: left, offset_m: 12, length_m: 24, width_m: 14, depth_m: 1.2}]
)" + layers) {}
};

bool same(const std::vector<Instance>& a, const std::vector<Instance>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].mesh != b[i].mesh || a[i].X_MA.matrix() != b[i].X_MA.matrix() || a[i].tint != b[i].tint ||
        a[i].collision_radius_m != b[i].collision_radius_m)
      return false;
  return true;
}

TEST(Pattern, MatchesStars) {
  EXPECT_TRUE(matches_pattern("grass_tuft_02", "grass*"));
  EXPECT_TRUE(matches_pattern("grass_tuft_02", "*tuft*2"));
  EXPECT_TRUE(matches_pattern("grass", "grass"));
  EXPECT_TRUE(matches_pattern("grass", "**"));
  EXPECT_FALSE(matches_pattern("grass", "grass?"));
  EXPECT_FALSE(matches_pattern("agrass", "grass*"));
  EXPECT_FALSE(matches_pattern("grass", ""));
}

TEST(Scatter, SameForAnyNumberOfThreads) {
  const std::string layers = R"(
vegetation:
  - {name: trees, class: tree, density_per_m2: 0.02, spacing_m: 4, collision_radius_m: 0.4, cluster_scale_m: 30}
  - {name: grass, class: grass, density_per_m2: 0.3, group_size: [1, 3], group_radius_m: 0.5, tilt_deg: 10}
)";
  std::vector<Instance> one;
  std::vector<std::uint8_t> cover;
  {
    const oneapi::tbb::global_control limit(oneapi::tbb::global_control::max_allowed_parallelism, 1);
    const Ground ground(layers);
    one = ground.grow();
    cover = ground.terrain.cover.data;
  }
  const oneapi::tbb::global_control limit(oneapi::tbb::global_control::max_allowed_parallelism, 4);
  const Ground ground(layers);
  EXPECT_EQ(ground.terrain.cover.data, cover);
  const std::vector<Instance> four = ground.grow();
  EXPECT_GT(one.size(), 10000U);
  EXPECT_TRUE(same(one, four));
}

TEST(Scatter, ALayerDoesNotDisturbTheOthers) {
  const Ground alone("vegetation: [{name: a, class: grass, density_per_m2: 0.05}]");
  const Ground both(
      "vegetation: [{name: b, class: grass, density_per_m2: 0.1}, {name: a, class: grass, density_per_m2: 0.05}]");
  const auto a = alone.grow();
  const auto ab = both.grow();
  ASSERT_GT(ab.size(), a.size());
  EXPECT_TRUE(same(a, {ab.end() - static_cast<std::ptrdiff_t>(a.size()), ab.end()}));
}

TEST(Scatter, DensityIsWhatWasAskedFor) {
  const Ground ground(
      "vegetation: [{name: a, class: grass, density_per_m2: 0.4, above_water_m: [-20, 1000], on_dirt: true}]");
  const double expected = 0.4 * 256 * 256;
  // Tiles draw a fixed number with a random remainder, so the spread is below that of a Poisson process (162);
  // five of its standard deviations never happen.
  EXPECT_NEAR(static_cast<double>(ground.grow().size()), expected, 5 * std::sqrt(expected));
}

TEST(Scatter, ClustersCoverTheWantedShare) {
  const Ground ground(R"(
vegetation:
  - {name: a, class: grass, density_per_m2: 0.4, cluster_scale_m: 20, cluster_coverage: 0.3,
     above_water_m: [-20, 1000], on_dirt: true}
)");
  const double expected = 0.3 * 0.4 * 256 * 256;
  EXPECT_NEAR(static_cast<double>(ground.grow().size()), expected, 0.05 * expected);
}

TEST(Scatter, ThinsWithTheDistanceFromThePath) {
  const Ground ground(R"(
vegetation:
  - {name: a, class: grass, density_per_m2: 1, far_density_per_m2: 0.1, thinning_m: [10, 20],
     above_water_m: [-20, 1000], on_dirt: true}
)");
  double near = 0, far = 0, near_area = 0, far_area = 0;
  for (double y = -127.5; y < 128; ++y)
    for (double x = -127.5; x < 128; ++x) {
      near_area += ground.field->rough_distance(x, y) < 9;
      far_area += ground.field->rough_distance(x, y) > 21;
    }
  for (const Instance& i : ground.grow()) {
    const double distance = ground.field->rough_distance(i.X_MA.translation().x(), i.X_MA.translation().y());
    near += distance < 9;
    far += distance > 21;
  }
  EXPECT_NEAR(near / near_area, 1.0, 5 / std::sqrt(near));
  EXPECT_NEAR(far / far_area, 0.1, 0.1 * 5 / std::sqrt(far));
}

TEST(Scatter, NothingStandsInTheWay) {
  const Ground ground(R"(
vegetation:
  - {name: trees, class: tree, density_per_m2: 0.05, spacing_m: 3, collision_radius_m: 0.4, scale: [0.5, 2]}
  - {name: grass, class: grass, density_per_m2: 2, far_density_per_m2: 0, thinning_m: [4, 8]}
rubble:
  - {name: heaps, density_per_m2: 0.01, group_size: [5, 9], group_radius_m: 2, collision_radius_m: 0.5}
)");
  const auto instances = ground.grow();
  const double clear = 0.5 * ground.path.width_m + 1.2;
  std::size_t solid = 0, on_island = 0;
  for (const Instance& i : instances) {
    const double x = i.X_MA.translation().x();
    const double y = i.X_MA.translation().y();
    const double s = ground.path.nearest_s(x, y);
    const double distance = (ground.path.point_at(s).head<2>() - Eigen::Vector2d(x, y)).norm();
    EXPECT_GT(ground.terrain.height(x, y), ground.terrain.water_level_m);
    if (i.collision_radius_m > 0) {
      ++solid;
      EXPECT_GE(distance - i.collision_radius_m, clear - 1e-3);
    } else {
      EXPECT_NE(ground.terrain.class_at(x, y), ground.terrain.dirt_id);
      on_island += distance < 0.4;
    }
    // Feet are a little below the ground, never above it.
    const double foot = i.X_MA.translation().z() - ground.terrain.height(x, y);
    EXPECT_LE(foot, 0.0);
    EXPECT_GE(foot, -0.1);
  }
  EXPECT_GT(solid, 300U);
  EXPECT_GT(on_island, 100U) << "grass grows between the ruts";
}

TEST(Scatter, KeepsItsSpacing) {
  const Ground ground(
      "vegetation: [{name: a, class: tree, density_per_m2: 0.1, spacing_m: 4, collision_radius_m: 0.3}]");
  const auto trees = ground.grow();
  ASSERT_GT(trees.size(), 500U);
  for (std::size_t i = 0; i < trees.size(); ++i)
    for (std::size_t j = i + 1; j < trees.size(); ++j)
      ASSERT_GE((trees[i].X_MA.translation() - trees[j].X_MA.translation()).head<2>().norm(), 3.999F);
}

TEST(Ground, PathIsDryGentleAndOnTheGround) {
  const Ground ground("");
  EXPECT_LE(max_path_slope(ground.path), ground.scenario.path.max_slope);
  for (const auto& point : ground.path.points) {
    EXPECT_NEAR(point.z(), ground.terrain.height(point.x(), point.y()), 1e-6);
    EXPECT_GT(point.z(), ground.terrain.water_level_m + 0.3);
  }
}

TEST(Ground, PondsAreWetAndNothingElseIs) {
  const Ground ground("");
  const auto ponds = place_ponds(ground.scenario.water, ground.path);
  ASSERT_EQ(ponds.size(), 1U);
  EXPECT_EQ(ground.terrain.class_at(ponds[0].centre.x(), ponds[0].centre.y()), ground.terrain.water_id);
  std::size_t wet = 0;
  for (double y = -127.5; y < 128; ++y)
    for (double x = -127.5; x < 128; ++x)
      if (ground.terrain.class_at(x, y) == ground.terrain.water_id) {
        ++wet;
        EXPECT_LT(ponds[0].reach(x, y), 1.4);
      }
  const double ellipse = 3.14159 * 12 * 7;
  EXPECT_NEAR(static_cast<double>(wet), ellipse, 0.35 * ellipse);
}

TEST(Ground, PathHasDirtRutsAndAGrassyIsland) {
  const Ground ground("");
  const double length = ground.path.length_m();
  int ruts = 0, rut_dirt = 0, island_grass = 0, beside_grass = 0, count = 0;
  for (double s = 0; s < length; s += 0.5, ++count) {
    const Eigen::Vector3d p = ground.path.point_at(s);
    const Eigen::Vector3d t = ground.path.tangent_at(s);
    const Eigen::Vector3d left(-t.y(), t.x(), 0);
    for (double side : {-1.0, 1.0}) {
      const Eigen::Vector3d rut = p + side * 0.5 * ground.path.rut_spacing_m * left;
      ++ruts;
      rut_dirt += ground.terrain.class_at(rut.x(), rut.y()) == ground.terrain.dirt_id;
    }
    island_grass += ground.terrain.class_at(p.x(), p.y()) == ground.terrain.grass_id;
    const Eigen::Vector3d beside = p - 3.2 * left;
    beside_grass += ground.terrain.class_at(beside.x(), beside.y()) == ground.terrain.grass_id;
  }
  EXPECT_GT(rut_dirt, 0.8 * ruts);
  EXPECT_GT(island_grass, 0.3 * count);
  EXPECT_LT(island_grass, 0.97 * count) << "the island is broken in places";
  EXPECT_GT(beside_grass, 0.8 * count);
}

}  // namespace
}  // namespace bramble
