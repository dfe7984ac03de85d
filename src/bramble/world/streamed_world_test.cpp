#include "bramble/world/streamed_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

#include <map>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/test_land.hpp"

namespace bramble {
namespace {

using testing::HasSubstr;

std::map<std::uint32_t, Instance> by_id(const World& world) {
  std::map<std::uint32_t, Instance> things;
  for (std::size_t i = 0; i < world.instances.size(); ++i) things[world.id_of(i)] = world.instances[i];
  return things;
}

TEST(StreamedWorld, ShowsTheSameWhateverWayLedThere) {
  StreamedWorld straight(test_land(), land_stock(), kLandAssets), roundabout(test_land(), land_stock(), kLandAssets);
  const Path& path = straight.world().path;
  const double length = path.length_m();
  for (double s = 0; s <= 0.3 * length; s += 40) {
    const Eigen::Vector3d p = path.point_at(s);
    roundabout.move_to(p.x(), p.y());
  }
  const Eigen::Vector3d goal = path.point_at(0.3 * length);
  straight.move_to(goal.x(), goal.y());
  // The two may have stopped a step apart: compare where both are in detail.
  const World& a = straight.world();
  const World& b = roundabout.world();
  int heights = 0;
  Random random(1, 2);
  for (int i = 0; i < 4000; ++i) {
    const double x = goal.x() + random.uniform(-90.0, 90.0), y = goal.y() + random.uniform(-90.0, 90.0);
    if (!a.terrain.contains(x, y) || !b.terrain.contains(x, y)) continue;
    ++heights;
    EXPECT_NEAR(a.terrain.height(x, y), b.terrain.height(x, y), 2e-5);
    EXPECT_NEAR(a.terrain.cover_at(x, y).dirt, b.terrain.cover_at(x, y).dirt, 0.02);
  }
  EXPECT_GT(heights, 1000);
  const auto things_a = by_id(a), things_b = by_id(b);
  EXPECT_EQ(things_a.size(), a.instances.size()) << "two things share an id";
  const auto inside = [](const Terrain& t, const Eigen::Vector3f& p) {
    return std::max(std::abs(p.x() - t.centre_m.x()), std::abs(p.y() - t.centre_m.y())) < 0.5 * t.size_m - 24;
  };
  int common = 0, low = 0;
  for (const auto& [id, thing] : things_a) {
    const Eigen::Vector3f p = thing.X_MA.translation();
    if (!inside(a.terrain, p) || !inside(b.terrain, p)) continue;
    ++common;
    low += thing.mesh != 1;
    const auto same = things_b.find(id);
    ASSERT_NE(same, things_b.end()) << "a thing of mesh " << thing.mesh << " at " << p.transpose();
    EXPECT_EQ(same->second.mesh, thing.mesh);
    EXPECT_TRUE(same->second.X_MA.matrix().isApprox(thing.X_MA.matrix(), 1e-4F));
  }
  EXPECT_GT(common, 300);
  EXPECT_GT(low, 200);
  EXPECT_LT(low, common) << "no tree near";
}

TEST(StreamedWorld, MovesOnlyNearTheBorderAndKeepsThePlaceWellInside) {
  StreamedWorld streamed(test_land(), land_stock(), kLandAssets);
  const Path& path = streamed.world().path;
  const double length = path.length_m();
  int moves = 0;
  std::size_t most = 0, least = SIZE_MAX;
  const int steps = static_cast<int>(length / 10);
  for (int i = 0; i < steps; ++i) {
    const Eigen::Vector3d p = path.point_at(10.0 * i);
    const auto revision = streamed.world().revision;
    const bool moved = streamed.move_to(p.x(), p.y());
    EXPECT_EQ(moved, streamed.world().revision != revision);
    moves += moved;
    const Terrain& terrain = streamed.world().terrain;
    const double off = (terrain.centre_m - p.head<2>()).cwiseAbs().maxCoeff();
    EXPECT_LE(off, 0.15 * terrain.size_m + 1e-9);
    EXPECT_NEAR(terrain.height(p.x(), p.y()), p.z(), 0.25) << "the path lies on the ground";
    most = std::max(most, streamed.world().instances.size());
    least = std::min(least, streamed.world().instances.size());
  }
  // A window's step is 48 m.
  EXPECT_GT(moves, length / 120);
  EXPECT_LT(moves, length / 20);
  EXPECT_LT(most, 1.6 * static_cast<double>(least)) << "what is held must not grow on the way";
}

TEST(StreamedWorld, SameBytesForAnyNumberOfThreads) {
  const auto after_a_while = [](int threads) {
    const oneapi::tbb::global_control limit(oneapi::tbb::global_control::max_allowed_parallelism,
                                            static_cast<std::size_t>(threads));
    StreamedWorld streamed(test_land(), land_stock(), kLandAssets);
    const Eigen::Vector3d p = streamed.world().path.point_at(700);
    streamed.move_to(p.x(), p.y());
    return fingerprint(streamed.world());
  };
  EXPECT_EQ(after_a_while(1), after_a_while(2));
}

TEST(StreamedWorld, HoldsWhatIsTallFartherThanWhatIsLow) {
  const StreamedWorld streamed(test_land(), land_stock(), kLandAssets);
  const World& world = streamed.world();
  std::map<std::uint32_t, double> farthest;
  for (const Instance& thing : world.instances)
    farthest[thing.mesh] =
        std::max(farthest[thing.mesh],
                 (thing.X_MA.translation().head<2>().cast<double>() - world.terrain.centre_m).cwiseAbs().maxCoeff());
  EXPECT_NEAR(farthest[0], 96, 4);
  EXPECT_NEAR(farthest[2], 96, 4);
  EXPECT_GT(farthest[1], 280);
  ASSERT_EQ(world.surroundings.size(), 2U);
  EXPECT_EQ(world.land().size_m, 2048);
  // The terrains meet: at the window's border the coarser ground lies where the finer one does.
  for (double t = -0.5; t <= 0.5; t += 0.05) {
    const Eigen::Vector2d p = world.terrain.centre_m + world.terrain.size_m * Eigen::Vector2d(t, 0.5);
    EXPECT_NEAR(world.surroundings[0].height(p.x(), p.y()), world.terrain.height(p.x(), p.y()), 0.6);
  }
}

TEST(StreamedWorld, BuildWorldGivesThePartAroundTheStart) {
  Scenario scenario = test_land();
  scenario.drive.start_s_m = 500;
  StreamedWorld streamed(scenario, land_stock(), kLandAssets);
  const World world = std::move(streamed).release();
  const Eigen::Vector3d start = world.path.point_at(500);
  EXPECT_TRUE(world.terrain.contains(start.x(), start.y()));
  EXPECT_EQ(&world.ground_at(start.x(), start.y()), &world.terrain);
  EXPECT_EQ(&world.ground_at(-1000, 1000), &world.surroundings[1]);
}

std::string complaint(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  try {
    const Scenario scenario = parse_scenario(text, "land.yaml", BRAMBLE_SOURCE_DIR);
    StreamedWorld(scenario, land_stock(), kLandAssets);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(StreamedWorld, SaysWhatIsWrong) {
  EXPECT_THAT(complaint(kLand, "window_m: 192, ", ""),
              HasSubstr("land.yaml:4: 'terrain.size_m' is 2048: a terrain of"));
  EXPECT_THAT(complaint(kLand, "window_m: 192", "window_m: 100"), HasSubstr("from 192 to half of size_m, 1024"));
  EXPECT_THAT(complaint(kLand, "height_samples: 193", "height_samples: 194"), HasSubstr("for example 193"));
  EXPECT_THAT(complaint(kLand, "cover_pixels: 384", "cover_pixels: 386"), HasSubstr("must be a multiple of 4"));
  EXPECT_THAT(complaint(kLand, "name: tufts, class: grass, density_per_m2: 0.3",
                        "name: tufts, class: grass, group_size: [1, 200], density_per_m2: 50"),
              HasSubstr("instance ids"));
}

}  // namespace
}  // namespace bramble
