#include "bramble/world/scatter.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/land.hpp"
#include "bramble/world/noise.hpp"
#include "bramble/world/tint_drift.hpp"

namespace bramble {
namespace {

constexpr double kTile = 8.0;           // metres
constexpr double kPathClearance = 1.2;  // free beside the path, metres
constexpr double kForkClearance = 0.6;  // and beside its forks
constexpr double kPi = std::numbers::pi;

// Which asset of a layer grows where: all alike, or each prevailing in places of its own.
class Mixture {
 public:
  Mixture(const LayerScenario& layer, std::size_t asset_count, std::uint64_t seed)
      : scale_m_(layer.mixing_scale_m), count_(static_cast<std::uint32_t>(asset_count)) {
    if (scale_m_ <= 0) return;
    for (std::size_t i = 0; i < asset_count; ++i)
      preferences_.emplace_back(seed, stream_of("mixing " + layer.name + " " + std::to_string(i)));
  }
  std::uint32_t draw(double x, double y, Random& random) const {
    if (preferences_.empty()) return random.below(count_);
    // Weights fall and rise by a factor of e per standard deviation (0.3) of the noises.
    std::vector<double> weights;
    double sum = 0;
    for (const Noise& noise : preferences_) sum += weights.emplace_back(std::exp(2.0 * noise.at(x, y, scale_m_) / 0.3));
    double rest = random.uniform(0.0, sum);
    for (std::uint32_t i = 0; i + 1 < count_; ++i)
      if ((rest -= weights[i]) < 0) return i;
    return count_ - 1;
  }

 private:
  double scale_m_;
  std::uint32_t count_;
  std::vector<Noise> preferences_;
};

ScatteredThing draw_thing(const LayerScenario& layer, const Mixture& mixture, const TintDrift& drift, double x,
                          double y, Random& random) {
  ScatteredThing c;
  c.x = static_cast<float>(x);
  c.y = static_cast<float>(y);
  c.asset = mixture.draw(x, y, random);
  c.scale = static_cast<float>(random.uniform(layer.scale[0], layer.scale[1]));
  c.lift = 0;
  c.yaw = static_cast<float>(random.uniform(0, 2 * kPi));
  c.lean = static_cast<float>(random.uniform(0, layer.tilt_deg * kPi / 180));
  c.lean_direction = static_cast<float>(random.uniform(0, 2 * kPi));
  const double brightness = std::exp(layer.tint_variation * std::clamp(random.normal(), -2.0, 2.0));
  // Hue wanders between the fresh and the dry: more red and less blue, or the other way round.
  const double dryness = 0.5 * layer.tint_variation * std::clamp(random.normal(), -2.0, 2.0);
  c.tint = {static_cast<float>(layer.tint[0] * brightness * (1 + dryness)),
            static_cast<float>(layer.tint[1] * brightness),
            static_cast<float>(layer.tint[2] * brightness * (1 - dryness))};
  if (layer.tint_drift > 0) c.tint = c.tint.cwiseProduct(drift.factor(x, y, layer.tint_drift));
  return c;
}

// Which places are taken, for least distances. Buckets of `cell` metres over the terrain's square.
class Occupied {
 public:
  Occupied(const Terrain& terrain, double cell_m)
      : centre_m_(terrain.centre_m),
        size_m_(terrain.size_m),
        cells_(std::max(1, static_cast<int>(size_m_ / cell_m))),
        buckets_(static_cast<std::size_t>(cells_) * cells_) {}

  // Whether something lies within `distance` + its own radius of the place. `reach` bounds that radius.
  bool near(double x, double y, double distance, double reach) const {
    const double cell = size_m_ / cells_;
    const int r = static_cast<int>(std::ceil((distance + reach) / cell));
    const int cx = index(x - centre_m_.x());
    const int cy = index(y - centre_m_.y());
    for (int j = std::max(0, cy - r); j <= std::min(cells_ - 1, cy + r); ++j)
      for (int i = std::max(0, cx - r); i <= std::min(cells_ - 1, cx + r); ++i)
        for (const auto& other : buckets_[static_cast<std::size_t>(j) * cells_ + i]) {
          const double least = distance + other.radius;
          if ((other.x - x) * (other.x - x) + (other.y - y) * (other.y - y) < least * least) return true;
        }
    return false;
  }
  void add(double x, double y, double radius) {
    buckets_[static_cast<std::size_t>(index(y - centre_m_.y())) * cells_ + index(x - centre_m_.x())].push_back(
        {x, y, radius});
  }

 private:
  struct Place {
    double x, y, radius;
  };
  int index(double off) const { return std::clamp(static_cast<int>((off / size_m_ + 0.5) * cells_), 0, cells_ - 1); }
  Eigen::Vector2d centre_m_;
  double size_m_;
  int cells_;
  std::vector<std::vector<Place>> buckets_;
};

std::vector<ScatteredThing> candidates_of_tile(const LayerScenario& layer, const LayerDensity& density,
                                               const Mixture& mixture, const TintDrift& drift, std::uint64_t seed,
                                               std::uint64_t tiles, std::uint64_t tile, double size_m) {
  std::vector<ScatteredThing> candidates;
  const double tile_m = size_m / static_cast<double>(tiles);
  const double x0 = (static_cast<double>(tile % tiles) / static_cast<double>(tiles) - 0.5) * size_m;
  const double y0 = (static_cast<double>(tile / tiles) / static_cast<double>(tiles) - 0.5) * size_m;
  Random random(seed, stream_of("layer " + layer.name), tile);
  // Thinning: draw at the greatest density anywhere, keep with the share that holds here. The fraction of a place is
  // rounded up or down by chance, so that the expected number is exact.
  const double expected = greatest_density(layer) * tile_m * tile_m;
  const int count = static_cast<int>(std::floor(expected + random.uniform(0.0, 1.0)));
  std::uint32_t number = 0;
  for (int i = 0; i < count; ++i) {
    const double x = x0 + random.uniform(0.0, tile_m);
    const double y = y0 + random.uniform(0.0, tile_m);
    if (random.uniform(0.0, greatest_density(layer)) >= density.at(x, y)) continue;
    const int members =
        layer.group_size[0] + static_cast<int>(random.below(layer.group_size[1] - layer.group_size[0] + 1));
    for (int member = 0; member < members; ++member) {
      // Members lie evenly over a disc; a heap is highest in its middle and bears its largest pieces low.
      const double share = members == 1 ? 0.0 : (member + random.uniform(0.0, 1.0)) / members;
      const double r = layer.group_radius_m * std::sqrt(share);
      const double angle = random.uniform(0.0, 2 * kPi);
      const double mx = x + r * std::cos(angle);
      const double my = y + r * std::sin(angle);
      ScatteredThing candidate = draw_thing(layer, mixture, drift, mx, my, random);
      candidate.lift = static_cast<float>(layer.heap_height_m * (1 - share) * random.uniform(0.3, 1.0));
      candidate.id = number++;
      if (!density.allows(mx, my, layer.collision_radius_m * candidate.scale)) continue;
      candidates.push_back(candidate);
    }
  }
  return candidates;
}

}  // namespace

bool matches_pattern(const std::string& name, const std::string& pattern) {
  // Greedy matching with one point of return, at the last star.
  std::size_t n = 0, p = 0, star = std::string::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

const std::vector<ForkField> LayerDensity::kNoForks;

LayerDensity::LayerDensity(const LayerScenario& layer, const Scenario& scenario, const Terrain& terrain,
                           const PathField& field, const std::vector<ForkField>& forks)
    : layer_(layer),
      scenario_(scenario),
      terrain_(terrain),
      field_(field),
      forks_(forks),
      cluster_threshold_(-1e9),
      cluster_seed_(stream_of("cluster " + layer.name)) {
  if (layer.cluster_scale_m <= 0 || layer.cluster_coverage >= 1) return;
  // The threshold that leaves the wanted share of this very land above it, from a regular sample.
  const double size_m = scenario.terrain.size_m;
  const Noise noise(scenario.seed, cluster_seed_);
  constexpr int kSide = 100;
  std::vector<double> values;
  values.reserve(kSide * kSide);
  for (int j = 0; j < kSide; ++j)
    for (int i = 0; i < kSide; ++i)
      values.push_back(
          noise.fbm(((i + 0.5) / kSide - 0.5) * size_m, ((j + 0.5) / kSide - 0.5) * size_m, layer.cluster_scale_m, 3));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>((1 - layer.cluster_coverage) * (values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  cluster_threshold_ = *nth;
}

double greatest_density(const LayerScenario& layer) {
  return (1 + layer.edge_boost) * std::max({layer.density_per_m2, layer.far_density_per_m2, layer.rim_density_per_m2});
}

double LayerDensity::at(double x, double y) const {
  const double distance = field_.rough_distance(x, y);
  const double far =
      smoothstep(layer_.thinning_m[0], std::max(layer_.thinning_m[1], layer_.thinning_m[0] + 0.01), distance);
  double density = layer_.density_per_m2 + far * (layer_.far_density_per_m2 - layer_.density_per_m2);
  const double rim = smoothstep(scenario_.terrain.rim_width_m, 0.6 * scenario_.terrain.rim_width_m,
                                rim_distance_m(scenario_.terrain.size_m, x, y));
  density += rim * (layer_.rim_density_per_m2 - density);
  if (layer_.cluster_scale_m > 0 && layer_.cluster_coverage < 1) {
    // A narrow seam around the threshold keeps the patches' borders from being cut with a knife; it is centred, so
    // that the coverage holds.
    const Noise noise(scenario_.seed, cluster_seed_);
    const double value = noise.fbm(x, y, layer_.cluster_scale_m, 3) - cluster_threshold_;
    density *= std::clamp(0.5 + value / 0.06, 0.0, 1.0);
  }
  if (layer_.edge_boost > 0) {
    const double half_width = 0.5 * scenario_.path.width_m;
    if (distance < half_width + layer_.edge_width_m + 1.5) {
      const double off = std::abs(std::abs(field_.locate(x, y).distance_m) - half_width);
      density *= 1 + layer_.edge_boost * smoothstep(layer_.edge_width_m, 0, off);
    }
  }
  return density;
}

bool LayerDensity::allows(double x, double y, double radius_m) const {
  if (!terrain_.contains(x, y)) return false;
  const double height = terrain_.height(x, y);
  double distance = field_.rough_distance(x, y);
  if (distance < scenario_.path.width_m + 8) distance = std::abs(field_.locate(x, y).distance_m);
  // Puddles and fords have no shore on which reeds grow.
  const double local = terrain_.local_water_level(x, y);
  const bool on_path = distance < 0.5 * scenario_.path.width_m + 0.5;
  if (on_path && height < local + 0.02) return false;
  const double water = on_path ? terrain_.water_level_m : std::max(local, terrain_.water_level_m);
  if (water > 0.5 * kNoWater) {
    const double above = height - water;
    if (above < layer_.above_water_m[0] || above > layer_.above_water_m[1]) return false;
  }
  for (const ForkField& fork : forks_) {
    if (fork.field.rough_distance(x, y) > std::max(8.0, layer_.path_distance_m[0] + 1)) continue;
    const PathPlace there = fork.field.locate(x, y);
    if (fork.track->presence(there.s_m) < 0.3) continue;
    const double off = std::abs(there.distance_m);
    if (off < layer_.path_distance_m[0]) return false;
    if (radius_m > 0 && off < 0.5 * scenario_.path.width_m + kForkClearance + radius_m) return false;
  }
  if (distance < layer_.path_distance_m[0] || distance > layer_.path_distance_m[1]) return false;
  if (radius_m > 0 && distance < 0.5 * scenario_.path.width_m + kPathClearance + radius_m) return false;
  if (!layer_.on_dirt && terrain_.cover_at(x, y).dirt >= 0.5F) return false;
  if (layer_.slope_max_deg < 90) {
    const double steepness = terrain_.normal(x, y).z();
    if (steepness < std::cos(layer_.slope_max_deg * kPi / 180)) return false;
  }
  return true;
}

Scatterer::Scatterer(const Scenario& scenario, const PathField& field,
                     const std::vector<std::vector<ScatterAsset>>& assets, const std::vector<SideTrack>& forks)
    : scenario_(scenario),
      field_(field),
      assets_(assets),
      tiles_per_side_(static_cast<std::uint64_t>(std::max(1.0, std::round(scenario.terrain.size_m / kTile)))) {
  for (const SideTrack& fork : forks) forks_.push_back({&fork, PathField(fork.line, scenario.terrain.size_m)});
  const double tile_m = scenario.terrain.size_m / static_cast<double>(tiles_per_side_);
  for (const LayerScenario& layer : scenario.layers) {
    first_id_.push_back(ids_per_tile_);
    const double places = std::ceil(greatest_density(layer) * tile_m * tile_m) + 1;
    ids_per_tile_ += static_cast<std::uint64_t>(places) * static_cast<std::uint64_t>(layer.group_size[1]);
  }
}

std::vector<ScatteredThing> Scatterer::draw(const Part& part) const {
  const Terrain& terrain = part.terrain;
  // Tiles with their middle on the part, in the order in which they choose their places.
  const double size_m = scenario_.terrain.size_m, tile_m = size_m / static_cast<double>(tiles_per_side_);
  const auto middle = [&](std::uint64_t number) { return (static_cast<double>(number) + 0.5) * tile_m - 0.5 * size_m; };
  std::vector<std::uint64_t> tiles;
  for (std::uint64_t phase = 0; phase < (part.agrees_with_other_parts ? 4 : 1); ++phase)
    for (std::uint64_t j = 0; j < tiles_per_side_; ++j)
      for (std::uint64_t i = 0; i < tiles_per_side_; ++i)
        if (terrain.contains(middle(i), middle(j)) && (!part.agrees_with_other_parts || i % 2 + 2 * (j % 2) == phase))
          tiles.push_back(j * tiles_per_side_ + i);

  const TintDrift drift(scenario_.seed);
  std::vector<ScatteredThing> things;
  Occupied solid(terrain, 4.0);  // trunks and boulders of all layers so far
  double largest_solid = 0;
  const auto note_solid = [&](const ScatteredThing& thing) {
    const double radius = scenario_.layers[thing.layer].collision_radius_m * thing.scale;
    if (radius <= 0) return;
    largest_solid = std::max(largest_solid, radius);
    solid.add(thing.x, thing.y, radius);
  };
  if (part.standing)
    for (const ScatteredThing& thing : *part.standing)
      if (terrain.contains(thing.x, thing.y)) note_solid(thing);
  for (const std::uint32_t l : part.layers) {
    const LayerScenario& layer = scenario_.layers[l];
    if (assets_[l].empty()) continue;
    const LayerDensity density(layer, scenario_, terrain, field_, forks_);
    const Mixture mixture(layer, assets_[l].size(), scenario_.seed);
    if (greatest_density(layer) <= 0) continue;
    std::vector<std::vector<ScatteredThing>> by_tile(tiles.size());
    parallel_for(by_tile.size(), [&](std::size_t i) {
      by_tile[i] =
          candidates_of_tile(layer, density, mixture, drift, scenario_.seed, tiles_per_side_, tiles[i], size_m);
    });
    // Distances are kept in the tiles' order, one after another: few things need it, and the order is part of the
    // result.
    const std::size_t begin = things.size();
    Occupied own(terrain, std::max(1.0, layer.spacing_m));
    for (std::size_t i = 0; i < tiles.size(); ++i)
      for (ScatteredThing& c : by_tile[i]) {
        const double radius = layer.collision_radius_m * c.scale;
        if (layer.heap_height_m <= 0 && solid.near(c.x, c.y, 0.7 * radius, largest_solid)) continue;
        if (layer.spacing_m > 0) {
          if (own.near(c.x, c.y, layer.spacing_m, 0)) continue;
          own.add(c.x, c.y, 0);
        }
        c.layer = l;
        c.id = static_cast<std::uint32_t>(kFirstScatterInstanceId + tiles[i] * ids_per_tile_ + first_id_[l] + c.id);
        things.push_back(c);
      }
    for (std::size_t i = begin; i < things.size(); ++i) note_solid(things[i]);
  }
  return things;
}

Instance Scatterer::place(const ScatteredThing& c, const Terrain& terrain) const {
  const LayerScenario& layer = scenario_.layers[c.layer];
  const ScatterAsset& asset = assets_[c.layer][c.asset];
  Eigen::Vector3d ground = terrain.normal(c.x, c.y);
  double height = terrain.height(c.x, c.y);
  if (layer.collision_radius_m > 0 && layer.align_to_slope > 0) {
    // What is large lies on the ground around it, not on the one point below its middle: a log bridges small bumps.
    const double r = 2.5 * layer.collision_radius_m * c.scale;
    const double right = terrain.height(c.x + r, c.y), left = terrain.height(c.x - r, c.y);
    const double above = terrain.height(c.x, c.y + r), below = terrain.height(c.x, c.y - r);
    ground = Eigen::Vector3d((left - right) / (2 * r), (below - above) / (2 * r), 1).normalized();
    height = std::min(height, 0.5 * height + 0.125 * (right + left + above + below));
  }
  const Eigen::Vector3d up =
      (Eigen::Vector3d::UnitZ() * (1 - layer.align_to_slope) + ground * layer.align_to_slope).normalized();
  const Eigen::Quaterniond onto_slope = Eigen::Quaterniond::FromTwoVectors(Eigen::Vector3d::UnitZ(), up);
  const Eigen::AngleAxisd lean(c.lean, Eigen::Vector3d(std::cos(c.lean_direction), std::sin(c.lean_direction), 0.0));
  const Eigen::AngleAxisd yaw(c.yaw, Eigen::Vector3d::UnitZ());
  Instance instance;
  instance.mesh = asset.mesh;
  instance.class_id = asset.class_id;
  const Eigen::Matrix3d rotation = (onto_slope * lean * yaw).toRotationMatrix();
  instance.X_MA.linear() = (rotation * static_cast<double>(c.scale)).cast<float>();
  instance.X_MA.translation() = Eigen::Vector3f(c.x, c.y, static_cast<float>(height + c.lift - layer.sink_m * c.scale));
  instance.tint = c.tint;
  instance.collision_radius_m = asset.collides ? static_cast<float>(layer.collision_radius_m * c.scale) : 0.0F;
  return instance;
}

std::vector<Instance> scatter(const Scenario& scenario, const Terrain& terrain, const PathField& field,
                              const std::vector<std::vector<ScatterAsset>>& assets,
                              const std::vector<SideTrack>& forks) {
  const Scatterer scatterer(scenario, field, assets, forks);
  std::vector<std::uint32_t> layers(scenario.layers.size());
  std::iota(layers.begin(), layers.end(), 0);
  const std::vector<ScatteredThing> things = scatterer.draw({.terrain = terrain, .layers = layers});
  std::vector<Instance> instances(things.size());
  parallel_for(
      things.size(), [&](std::size_t i) { instances[i] = scatterer.place(things[i], terrain); }, 256);
  return instances;
}

}  // namespace bramble
