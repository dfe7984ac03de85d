// Statistics of what is scattered, against what the scenario asks for. Tolerances are five standard deviations of the
// count at hand, worked out from how places are drawn: a false alarm once in some two million checks.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "bramble/world/land.hpp"
#include "bramble/world/test_ground.hpp"

namespace bramble {
namespace {

constexpr double kSigmas = 5;
// Layers of these tests stand everywhere, also under water and on dirt, so that only their density counts.
const std::string kAnywhere = "above_water_m: [-20, 10000], on_dirt: true, slope_max_deg: 90";

std::string scenario(int seed, const std::string& layers) {
  return "seed: " + std::to_string(seed) +
         "\nterrain: {size_m: 256, height_samples: 129, cover_pixels: 256, hill_height_m: 6, rim_width_m: 40}\n"
         "path: {seed: 3, length_m: 400, width_m: 3}\nvegetation:\n" +
         layers;
}

// Things in squares of `cell_m`, all those for which `counts` holds at their place.
std::vector<double> quadrats(const std::vector<Instance>& things, double size_m, double cell_m) {
  const int side = static_cast<int>(size_m / cell_m);
  std::vector<double> counts(static_cast<std::size_t>(side) * side);
  for (const Instance& thing : things) {
    const auto index = [&](float p) {
      return std::min(side - 1, static_cast<int>((static_cast<double>(p) / size_m + 0.5) * side));
    };
    counts[static_cast<std::size_t>(index(thing.X_MA.translation().y())) * side +
           index(thing.X_MA.translation().x())] += 1;
  }
  return counts;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double ma = mean_of(a), mb = mean_of(b);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}

// Area [m²] of the places for which `holds`, from points half a metre apart.
double area_of(const std::function<bool(double, double)>& holds, double size_m) {
  double area = 0;
  for (double y = -size_m / 2 + 0.25; y < size_m / 2; y += 0.5)
    for (double x = -size_m / 2 + 0.25; x < size_m / 2; x += 0.5) area += holds(x, y) ? 0.25 : 0;
  return area;
}

TEST(ScatterStatistics, DensitiesNearFarAndAtTheRimAreThoseAskedFor) {
  const TestGround ground(scenario(5,
                                   "  - {name: a, class: grass, density_per_m2: 0.9, far_density_per_m2: 0.25, "
                                   "rim_density_per_m2: 0.5, thinning_m: [8, 14], " +
                                       kAnywhere + "}\n"));
  const double size = ground.terrain.size_m;
  const auto distance = [&](double x, double y) {
    const double s = ground.path.nearest_s(x, y);
    return (ground.path.point_at(s).head<2>() - Eigen::Vector2d(x, y)).norm();
  };
  const auto things = ground.grow();
  // Zones stay clear of the seams between the densities.
  const std::map<double, std::function<bool(double, double)>> zones = {
      {0.9, [&](double x, double y) { return rim_distance_m(size, x, y) > 42 && distance(x, y) < 7; }},
      {0.25, [&](double x, double y) { return rim_distance_m(size, x, y) > 42 && distance(x, y) > 16; }},
      {0.5, [&](double x, double y) { return rim_distance_m(size, x, y) < 20 && distance(x, y) > 16; }}};
  for (const auto& [density, zone] : zones) {
    double count = 0;
    for (const Instance& thing : things) count += zone(thing.X_MA.translation().x(), thing.X_MA.translation().y());
    const double expected = density * area_of(zone, size);
    ASSERT_GT(expected, 500) << density;
    // Poisson's spread bounds that of counts drawn tile by tile. The area is known to about 0.3 %.
    EXPECT_NEAR(count, expected, kSigmas * std::sqrt(expected) + 0.003 * expected) << density;
  }
}

TEST(ScatterStatistics, CountsSpreadAsDrawsByTileDo) {
  // A tile of 64 m² draws n = floor(64 g + u) candidates at the greatest density g and keeps each with the share p of
  // the density at hand. A quarter of a tile then holds Binomial(n, p / 4) of them: mean 64 g p / 4, variance
  // mean (1 - p / 4) + f (1 - f) (p / 4)², f the fraction of 64 g.
  const double greatest = 0.35, density = 0.14;
  const TestGround ground(scenario(6,
                                   "  - {name: a, class: grass, density_per_m2: 0.35, far_density_per_m2: 0.14, "
                                   "rim_density_per_m2: 0.14, thinning_m: [0, 0.01], " +
                                       kAnywhere + "}\n"));
  const std::vector<double> counts = quadrats(ground.grow(), 256, 4);
  const double quarter = density / greatest / 4, mean = 64 * greatest * quarter;
  const double fraction = 64 * greatest - std::floor(64 * greatest);
  const double variance = mean * (1 - quarter) + fraction * (1 - fraction) * quarter * quarter;
  double chi_squared = 0;
  for (double count : counts) chi_squared += (count - mean) * (count - mean) / variance;
  // The path's own cells (distance 0 … 0.01 m) hardly count. Chi² has mean k; its spread is 2 k, and k / variance more
  // for counts that are nearly Poisson.
  const auto k = static_cast<double>(counts.size());
  EXPECT_NEAR(chi_squared, k, kSigmas * std::sqrt(2 * k + k / variance));
  EXPECT_NEAR(mean_of(counts), mean, kSigmas * std::sqrt(variance / k));
}

TEST(ScatterStatistics, ClustersCoverTheirShareAndVaryFromPlaceToPlace) {
  for (const double coverage : {0.15, 0.5, 0.8}) {
    const TestGround ground(scenario(7,
                                     "  - {name: a, class: grass, density_per_m2: 0.5, cluster_scale_m: 25, "
                                     "cluster_coverage: " +
                                         std::to_string(coverage) + ", " + kAnywhere + "}\n"));
    const auto things = ground.grow();
    const double expected = coverage * 0.5 * 256 * 256;
    // The threshold comes from 10,000 samples of the noise: one tile of 2.6 m each, so 2 % off at most.
    EXPECT_NEAR(static_cast<double>(things.size()), expected, kSigmas * std::sqrt(expected) + 0.02 * expected);
    // Within 4 m the density is much the same, 60 m away it is another patch.
    const std::vector<double> counts = quadrats(things, 256, 4);
    const auto shifted = [&](int cells) {
      std::vector<double> a, b;
      for (int y = 0; y < 64; ++y)
        for (int x = 0; x + cells < 64; ++x) {
          a.push_back(counts[y * 64 + x]);
          b.push_back(counts[y * 64 + x + cells]);
        }
      return correlation(a, b);
    };
    EXPECT_GT(shifted(1), 0.3) << coverage << ": the patches', less the noise of 8 things a square";
    EXPECT_LT(std::abs(shifted(15)), 0.35) << coverage;
    // And the counts spread far more than they would without patches (1 at most).
    const double mean = mean_of(counts);
    double variance = 0;
    for (double count : counts) variance += (count - mean) * (count - mean) / static_cast<double>(counts.size());
    EXPECT_GT(variance / mean, 1.8) << coverage;
  }
}

TEST(ScatterStatistics, SpacingIsKeptAndLeavesNoMark) {
  const TestGround ground(
      scenario(8, "  - {name: a, class: grass, density_per_m2: 0.05, spacing_m: 2.5, " + kAnywhere + "}\n"));
  const auto things = ground.grow();
  ASSERT_GT(things.size(), 1500U);
  double pairs = 0, near_pairs = 0;
  for (std::size_t i = 0; i < things.size(); ++i)
    for (std::size_t j = i + 1; j < things.size(); ++j) {
      const double d = (things[i].X_MA.translation() - things[j].X_MA.translation()).head<2>().norm();
      near_pairs += d < 2.499;
      pairs += d > 8 && d < 16;
    }
  EXPECT_EQ(near_pairs, 0);
  // Farther apart they are as if drawn alone: n²/2 pairs times the ring's share of the square, less what lies outside
  // (for a ring of radius r about 4 r / (pi L) of it).
  const auto n = static_cast<double>(things.size());
  const double ring = 3.14159265 * (16 * 16 - 8 * 8) / (256.0 * 256), outside = 4 * 12.4 / (3.14159265 * 256);
  const double expected = 0.5 * n * n * ring * (1 - outside);
  EXPECT_NEAR(pairs, expected, kSigmas * std::sqrt(expected) + 0.01 * expected);
}

TEST(ScatterStatistics, SeedsAndLayersAreIndependent) {
  const std::string layers = "  - {name: a, class: grass, density_per_m2: 0.1, cluster_scale_m: 12, " + kAnywhere +
                             "}\n  - {name: b, class: grass, density_per_m2: 0.1, cluster_scale_m: 12, " + kAnywhere +
                             "}\n";
  const TestGround one(scenario(9, layers)), two(scenario(10, layers));
  const std::size_t only_a = TestGround(scenario(9, layers.substr(0, layers.find('\n') + 1))).grow().size();
  const auto first = one.grow(), second = two.grow();
  const auto split = static_cast<std::ptrdiff_t>(only_a);
  const auto a = quadrats({first.begin(), first.begin() + split}, 256, 8);
  const auto b = quadrats({first.begin() + split, first.end()}, 256, 8);
  // Patches of 12 m make neighbours alike: some 1024 / 4 squares count.
  EXPECT_LT(std::abs(correlation(a, b)), kSigmas / std::sqrt(256.0));
  EXPECT_LT(std::abs(correlation(quadrats(first, 256, 8), quadrats(second, 256, 8))), kSigmas / std::sqrt(256.0));
}

TEST(ScatterStatistics, NothingStandsOnThePathOrItsForks) {
  const TestGround ground(R"(
seed: 12
terrain: {size_m: 256, height_samples: 385, cover_pixels: 2048, hill_height_m: 6, rim_width_m: 30}
path: {seed: 3, length_m: 400, width_m: 3, wear: 0.7, forks: 4, puddles: 0.4, washouts: 4}
vegetation:
  - {name: grass, class: grass, density_per_m2: 1.5, far_density_per_m2: 0.1}
  - {name: trees, class: tree, density_per_m2: 0.06, collision_radius_m: 0.4, scale: [0.5, 1.5]}
)");
  ASSERT_GE(ground.forks.size(), 2U);
  std::size_t solid = 0;
  for (const Instance& thing : ground.grow()) {
    const double x = thing.X_MA.translation().x(), y = thing.X_MA.translation().y();
    ASSERT_NE(ground.terrain.class_at(x, y), ground.terrain.dirt_id);
    ASSERT_NE(ground.terrain.class_at(x, y), ground.terrain.water_id);
    if (thing.collision_radius_m <= 0) continue;
    ++solid;
    const double s = ground.path.nearest_s(x, y);
    const double off = (ground.path.point_at(s).head<2>() - Eigen::Vector2d(x, y)).norm();
    EXPECT_GE(off - thing.collision_radius_m, 1.5 + 1.2 - 1e-3);
    for (const SideTrack& fork : ground.forks) {
      const double t = fork.line.nearest_s(x, y);
      const double aside = (fork.line.point_at(t).head<2>() - Eigen::Vector2d(x, y)).norm();
      if (fork.presence(t) > 0.31) {
        EXPECT_GE(aside - thing.collision_radius_m, 1.5 + 0.6 - 1e-3);
      }
    }
  }
  EXPECT_GT(solid, 1000U);
}

TEST(ScatterStatistics, LayersThickenAtTheEdgeAsMuchAsAskedFor) {
  const TestGround ground(scenario(
      13, "  - {name: a, class: grass, density_per_m2: 0.5, edge_boost: 3, edge_width_m: 4, " + kAnywhere + "}\n"));
  double at_edge = 0, away = 0, edge_area = 0, away_area = 0;
  const auto off_edge = [&](double x, double y) { return std::abs(ground.field->locate(x, y).distance_m) - 1.5; };
  for (double y = -127.75; y < 128; y += 0.5)
    for (double x = -127.75; x < 128; x += 0.5) {
      if (ground.field->rough_distance(x, y) > 20) continue;
      edge_area += std::abs(off_edge(x, y)) < 0.4 ? 0.25 : 0;
      away_area += off_edge(x, y) > 5 && off_edge(x, y) < 15 ? 0.25 : 0;
    }
  for (const Instance& thing : ground.grow()) {
    const double x = thing.X_MA.translation().x(), y = thing.X_MA.translation().y();
    if (ground.field->rough_distance(x, y) > 20) continue;
    at_edge += std::abs(off_edge(x, y)) < 0.4;
    away += off_edge(x, y) > 5 && off_edge(x, y) < 15;
  }
  EXPECT_NEAR(away / away_area, 0.5, 0.5 * (kSigmas / std::sqrt(away) + 0.01));
  // Within 0.4 m of the edge the smooth fall-off has lost 1 % of the boost on the mean.
  EXPECT_NEAR(at_edge / edge_area, 0.5 * (1 + 3 * 0.99), 2 * (kSigmas / std::sqrt(at_edge) + 0.02));
}

TEST(ScatterStatistics, SpeciesAndColoursDriftFromPlaceToPlace) {
  const auto layer = [](const std::string& extra) {
    return scenario(14,
                    "  - {name: a, class: grass, density_per_m2: 0.4, tint_variation: 0, " + extra + kAnywhere + "}\n");
  };
  // Share of the first kind in squares of 16 m: even without mixing, far from it with mixing; half of all either way.
  const auto spread_of_kinds = [&](const std::string& extra) {
    auto things = TestGround(layer(extra)).grow();
    const auto all = quadrats(things, 256, 16);
    std::erase_if(things, [](const Instance& thing) { return thing.mesh != 0; });
    const auto first = quadrats(things, 256, 16);
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      sum += first[i] / all[i];
      squares += first[i] * first[i] / (all[i] * all[i]);
    }
    const auto n = static_cast<double>(all.size());
    EXPECT_NEAR(sum / n, 0.5, 0.1) << extra;
    return std::sqrt(squares / n - sum * sum / (n * n));
  };
  const double even = std::sqrt(0.25 / (0.4 * 256));  // binomial
  EXPECT_NEAR(spread_of_kinds(""), even, 0.3 * even);
  EXPECT_GT(spread_of_kinds("mixing_scale_m: 40, "), 4 * even);

  const auto things = TestGround(layer("tint_drift: 0.2, ")).grow();
  double sum = 0, squares = 0, steps = 0;
  for (std::size_t i = 0; i < things.size(); ++i) {
    const double green = std::log(things[i].tint.y());
    sum += green;
    squares += green * green;
    if (i > 0)
      steps += std::pow(green - std::log(things[i - 1].tint.y()), 2);  // the one before is mostly in the same tile
  }
  const auto n = static_cast<double>(things.size());
  EXPECT_NEAR(std::sqrt(squares / n - sum * sum / (n * n)), 0.2, 0.06);
  EXPECT_LT(std::sqrt(steps / n), 0.12) << "neighbours are alike: strangers differ by 0.28";
}

}  // namespace
}  // namespace bramble
