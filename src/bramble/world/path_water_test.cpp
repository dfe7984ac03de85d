#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

#include <cmath>

#include "bramble/world/erosion.hpp"
#include "bramble/world/land.hpp"
#include "bramble/world/noise.hpp"
#include "bramble/world/road_damage.hpp"
#include "bramble/world/stream.hpp"
#include "bramble/world/test_ground.hpp"

namespace bramble {
namespace {

std::string ground_of(const std::string& path, const std::string& rest = "") {
  return "seed: 21\nterrain: {size_m: 256, height_samples: 769, cover_pixels: 2048, hill_height_m: 9, rim_width_m: "
         "30}\n"
         "path: {length_m: 420, width_m: 3.2, wear: 0.7, max_slope: 0.08" +
         path + "}\n" + rest;
}

// Places on the path: s along it, off aside.
Eigen::Vector2d beside(const Path& path, double s, double off) {
  const Eigen::Vector3d p = path.point_at(s), t = path.tangent_at(s);
  return p.head<2>() + off * Eigen::Vector2d(-t.y(), t.x());
}

TEST(PathWater, PuddlesStandFlatAndShallowInTheRuts) {
  const TestGround dry(ground_of("")), wet(ground_of(", puddles: 0.5, puddle_depth_m: 0.06"));
  EXPECT_TRUE(dry.terrain.local_water.empty());
  int water = 0, in_ruts = 0;
  double deepest = 0;
  for (double s = 0; s < wet.path.length_m(); s += 0.2)
    for (double off = -3; off <= 3; off += 0.1) {
      const Eigen::Vector2d p = beside(wet.path, s, off);
      if (wet.terrain.class_at(p.x(), p.y()) != wet.terrain.water_id) continue;
      ++water;
      in_ruts += std::abs(std::abs(off) - 0.8) < 0.75;
      deepest = std::max(deepest, wet.terrain.water_level(p.x(), p.y()) - wet.terrain.height(p.x(), p.y()));
      EXPECT_LT(std::abs(wet.terrain.height(p.x(), p.y()) - dry.terrain.height(p.x(), p.y())), 0.25);
    }
  EXPECT_GT(water, 500);
  EXPECT_GT(in_ruts, 0.97 * water);
  EXPECT_GT(deepest, 0.03);
  EXPECT_LT(deepest, 0.07) << "the bowl is that deep, and the ground around holds no more";
}

TEST(PathWater, TheShareOfPuddlesIsThatAskedFor) {
  const TestGround few(ground_of(", puddles: 0.2")), many(ground_of(", puddles: 0.9"));
  const auto count = [](const TestGround& ground) {
    const RoadDamage damage(ground.scenario, ground.path, [](double, double) { return 0.0; });
    return static_cast<double>(damage.puddles().size());
  };
  // On what is left of 2 x 70 slots on level stretches the two are a binomial draw of the same places.
  EXPECT_GT(count(few), 5);
  EXPECT_NEAR(count(few) / count(many), 0.2 / 0.9, 5 * std::sqrt(0.22 * 0.78 / count(many)));
}

TEST(PathWater, WaterStaysInItsBowl) {
  // No way over the ground leads from water to where its surface ends in the air: every sample with water on which a
  // neighbour has none is covered by ground there.
  const TestGround ground(ground_of(", puddles: 0.6", "water:\n  streams: [{at: 0.3}, {at: 0.7, course: left}]\n"));
  const Terrain& terrain = ground.terrain;
  const int n = terrain.samples;
  int open = 0, wet = 0;
  for (int y = 1; y + 1 < n; ++y)
    for (int x = 1; x + 1 < n; ++x) {
      const auto k = static_cast<std::size_t>(y) * n + x;
      if (terrain.local_water[k] < terrain.heights[k]) continue;
      ++wet;
      for (const std::size_t other : {k - 1, k + 1, k - n, k + n}) open += terrain.local_water[other] < -1e8F;
    }
  EXPECT_GT(wet, 500);
  EXPECT_LT(open, 0.01 * wet);
}

TEST(PathWater, WashoutsCrossThePathAndStayDrivable) {
  const TestGround whole(ground_of("")), cut(ground_of(", washouts: 8, washout_depth_m: 0.3"));
  int deep = 0;
  double deepest = 0, steepest = 0;
  for (double s = 0; s < cut.path.length_m(); s += 0.25) {
    const Eigen::Vector2d p = beside(cut.path, s, 0.8);
    const double depth = whole.terrain.height(p.x(), p.y()) - cut.terrain.height(p.x(), p.y());
    deep += depth > 0.15;
    deepest = std::max(deepest, depth);
    const Eigen::Vector2d q = beside(cut.path, s + 0.7, 0.8);
    steepest = std::max(steepest,
                        std::abs(cut.terrain.height(q.x(), q.y()) - cut.terrain.height(p.x(), p.y())) / (q - p).norm());
  }
  EXPECT_GT(deep, 8) << "at least a quarter of a metre of path in each";
  EXPECT_LE(deepest, 0.32);
  EXPECT_GT(deepest, 0.15);
  EXPECT_LT(steepest, 0.5);
}

TEST(PathWater, ForksLeaveThePathAndAreLostOrComeBack) {
  const TestGround ground(ground_of(", forks: 4, fork_length_m: 50"));
  ASSERT_GE(ground.forks.size(), 3U);
  const PathField& field = *ground.field;
  for (const SideTrack& fork : ground.forks) {
    const auto off = [&](const Eigen::Vector3d& p) { return std::abs(field.locate(p.x(), p.y()).distance_m); };
    EXPECT_LT(off(fork.line.points.front()), 0.1);
    EXPECT_GT(off(fork.line.points[fork.line.points.size() / 2]), 4);
    EXPECT_EQ(off(fork.line.points.back()) < 0.3, fork.rejoins);
    EXPECT_NEAR(fork.presence(fork.length_m), fork.rejoins ? 1 : 0, 1e-6);
    // Bare ruts where it leaves: off the path, before it is lost.
    int dirt = 0, count = 0;
    for (double s = 10; s < 18; s += 0.25)
      for (double side : {-0.8, 0.8}) {
        const Eigen::Vector2d p = beside(fork.line, s, side);
        ++count;
        dirt += ground.terrain.class_at(p.x(), p.y()) == ground.terrain.dirt_id;
      }
    EXPECT_GT(dirt, count / 4);
  }
}

TEST(PathWater, StreamsFallAndCrossInAShallowFord) {
  const TestGround ground(ground_of("", "water:\n  streams: [{at: 0.3, length_m: 160}]\n"));
  const Scenario& scenario = ground.scenario;
  const std::vector<Pond> ponds;
  const Land land(scenario, ponds);
  const auto streams =
      place_streams(scenario, ground.path, ponds, [&](double x, double y) { return land.height(x, y); });
  ASSERT_EQ(streams.size(), 1U);
  const auto& points = streams[0].line().points;
  ASSERT_GT(points.size(), 40U);
  for (std::size_t i = 1; i < points.size(); ++i) {
    EXPECT_LE(points[i].z(), points[i - 1].z() + 1e-9) << "water runs down";
    EXPECT_GE(points[i].z(), points[i - 1].z() - 0.3 * 1.05);
  }
  double deepest_on_path = 0;
  int wet_on_path = 0;
  for (double s = 0; s < ground.path.length_m(); s += 0.1) {
    const Eigen::Vector3d p = ground.path.point_at(s);
    const double depth = ground.terrain.water_level(p.x(), p.y()) - ground.terrain.height(p.x(), p.y());
    wet_on_path += depth > 0;
    deepest_on_path = std::max(deepest_on_path, depth);
  }
  EXPECT_GT(wet_on_path, 8) << "0.8 m of ford at least";
  EXPECT_GT(deepest_on_path, 0.05);
  EXPECT_LT(deepest_on_path, 0.25);
}

TEST(PathWater, SameForAnyNumberOfThreads) {
  const std::string text =
      ground_of(", puddles: 0.5, washouts: 5, forks: 3", "water:\n  streams: [{at: 0.3}, {at: 0.7, course: right}]\n");
  const std::string eroded = text.substr(0, text.find("terrain: {") + 10) + "erosion: 0.7, ridges: 0.4, " +
                             text.substr(text.find("terrain: {") + 10);
  const auto with_threads = [&](int count) {
    const oneapi::tbb::global_control limit(oneapi::tbb::global_control::max_allowed_parallelism, count);
    return TestGround(eroded);
  };
  const TestGround one = with_threads(1), four = with_threads(4);
  EXPECT_EQ(one.terrain.heights, four.terrain.heights);
  EXPECT_EQ(one.terrain.local_water, four.terrain.local_water);
  EXPECT_EQ(one.terrain.cover.data, four.terrain.cover.data);
}

TEST(Erosion, CutsValleysWhereWaterRuns) {
  // A plane with noise that falls to one side: water runs down it.
  constexpr int kSide = 129;
  std::vector<float> heights(kSide * kSide);
  const Noise noise(5);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) heights[y * kSide + x] = static_cast<float>(0.12 * y + 3 * noise.fbm(x, y, 30, 3));
  const std::vector<float> eroded = erode(heights, kSide, 1.0, 1.0);
  double lowest = 0, highest = 0, sum = 0;
  for (std::size_t i = 0; i < heights.size(); ++i) {
    const double change = eroded[i] - heights[i];
    ASSERT_TRUE(std::isfinite(change));
    lowest = std::min(lowest, change);
    highest = std::max(highest, change);
    sum += change;
  }
  EXPECT_LT(lowest, -0.8) << "valleys";
  EXPECT_GE(lowest, -5.5);
  EXPECT_LT(highest, 1.0) << "soil creeps into hollows, no more";
  EXPECT_LT(sum, 0);
  EXPECT_EQ(erode(heights, kSide, 1.0, 1.0), eroded);
  // Half the strength does less.
  const std::vector<float> less = erode(heights, kSide, 1.0, 0.3);
  double less_sum = 0;
  for (std::size_t i = 0; i < heights.size(); ++i) less_sum += less[i] - heights[i];
  EXPECT_GT(less_sum, 0.9 * sum);
}

}  // namespace
}  // namespace bramble
