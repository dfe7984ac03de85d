#include "bramble/world/terrain_builder.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/land.hpp"
#include "bramble/world/noise.hpp"
#include "bramble/world/road_damage.hpp"
#include "bramble/world/stream.hpp"

namespace bramble {
namespace {

constexpr double kPathFreeboard = 0.6;  // the path is at least this high above the water
constexpr double kBlendWidth = 11;      // from the path's edge to untouched ground, metres

double mix(double a, double b, double t) { return a + t * (b - a); }

// Heights of the centre line: the land's, smoothed until no piece is steeper than allowed, and above the water; or
// those that the path brings from its road file.
void level_path(const Land& land, const Scenario& scenario, Path& path) {
  const std::size_t count = path.points.size();
  std::vector<double> z(count);
  const auto neighbour = [&](std::size_t i, int step) {
    const auto k = static_cast<std::ptrdiff_t>(i) + step, n = static_cast<std::ptrdiff_t>(count);
    return static_cast<std::size_t>(path.closed ? (k + n) % n : std::clamp<std::ptrdiff_t>(k, 0, n - 1));
  };
  parallel_for(
      count, [&](std::size_t i) { z[i] = land.height(path.points[i].x(), path.points[i].y()); }, 16);
  const auto smooth = [&](int radius, int times) {
    for (int pass = 0; pass < times; ++pass) {
      std::vector<double> result(count);
      for (std::size_t i = 0; i < count; ++i) {
        double sum = 0;
        for (int k = -radius; k <= radius; ++k) sum += z[neighbour(i, k)];
        result[i] = sum / (2 * radius + 1);
      }
      z = std::move(result);
    }
  };
  smooth(8, 3);
  // The slope-limited profiles closest below and closest above: whatever lies between them in equal shares everywhere
  // keeps the limit too. Mostly the lower one, so that the track stays low beside the ponds and cuts into the hills.
  const double rise = 0.8 * scenario.path.max_slope * path.length_m() / static_cast<double>(count);
  std::vector<double> below = z;
  std::vector<double> above = z;
  for (std::size_t step = 0; step < 2 * count; ++step) {
    const std::size_t i = step % count;
    const std::size_t j = (step + 1) % count;
    if (!path.closed && j == 0) continue;
    below[j] = std::min(below[j], below[i] + rise);
    above[j] = std::max(above[j], above[i] - rise);
  }
  for (std::size_t step = 2 * count; step-- > 0;) {
    const std::size_t i = (step + 1) % count;
    const std::size_t j = step % count;
    if (!path.closed && i == 0) continue;
    below[j] = std::min(below[j], below[i] + rise);
    above[j] = std::max(above[j], above[i] - rise);
  }
  for (std::size_t i = 0; i < count; ++i) z[i] = 0.75 * below[i] + 0.25 * above[i];
  smooth(8, 3);
  if (scenario.path.file_elevation) {
    // A file whose height 0 nobody has named is moved up or down to the land.
    double shift = 0;
    if (scenario.path.file_origin.size() < 3)
      for (std::size_t i = 0; i < count; ++i) shift += (z[i] - path.points[i].z()) / static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) z[i] = path.points[i].z() + shift;
  }
  for (std::size_t i = 0; i < count; ++i) path.points[i].z() = std::max(z[i], scenario.water.level_m + kPathFreeboard);
}

// How the path looks at one place: wear and where its edges run. Noise over the plane, so a closed loop has no seam.
class PathWear {
 public:
  explicit PathWear(const Scenario& scenario)
      : path_(scenario.path),
        wear_(scenario.seed, stream_of("wear")),
        edge_(scenario.seed, stream_of("path edge")),
        island_(scenario.seed, stream_of("island")),
        grain_(scenario.seed, stream_of("grain")) {}

  // 0 hardly used … 1 bare.
  double wear(double x, double y) const {
    return std::clamp(path_.wear + 1.3 * wear_.fbm(x, y, path_.wear_scale_m, 2), 0.0, 1.0);
  }

  // Signed nearness of the boundary between dirt and grass, metres: positive on dirt.
  double dirt_distance(double x, double y, double distance_m, double wear) const {
    const double side = distance_m > 0 ? 500.0 : -500.0;  // both edges have their own noise
    const double wander = edge_.at(x + side, y, 4.5) + 0.6 * edge_.at(x + side, y, 1.3) + 0.35 * edge_.at(x, y, 0.45);
    const double half_width = 0.5 * path_.width_m * mix(0.86, 1.06, wear) + path_.edge_noise_m * wander;
    const double outer = half_width - std::abs(distance_m);
    // The island is what the wheels leave: wide where the path is little used, torn into patches where it is much used.
    const double patches = island_.fbm(x, y, 5.0, 2) + 0.35 * island_.at(x + 77, y, 1.1);
    const double ragged = 0.45 * island_.at(x, y + 91, 0.9) + 0.35 * island_.at(x, y - 55, 0.33);
    const double strength = std::clamp(1.45 - 1.05 * wear + 1.25 * patches, -0.4, 1.25);
    const double island = 0.5 * path_.island_width_m * strength + 0.16 * ragged * std::min(1.0, path_.island_width_m);
    const double inner = std::abs(distance_m + 0.1 * island_.at(x - 40, y, 6.0)) - island;
    double dirt = std::min(outer, inner);
    // Single tufts in the dirt, and bare spots in the grass of a worn stretch.
    dirt += 0.22 * grain_.at(x, y, 0.5) * (1.1 - 0.5 * wear) + 0.1 * grain_.at(x, y, 0.17);
    // A hardly used track is grown over in places, ruts too.
    dirt -= 0.32 * smoothstep(0.3, 0.0, wear) * std::max(0.0, 0.5 + patches);
    return dirt;
  }

  // Depth of the ruts, 0…1.
  double rut(double distance_m, double wear) const {
    const double off = (std::abs(distance_m) - 0.5 * path_.rut_spacing_m) / 0.3;
    return std::exp(-off * off) * mix(0.45, 1.0, wear);
  }

 private:
  const PathScenario& path_;
  Noise wear_, edge_, island_, grain_;
};

// The height of the ground, made up step by step: the land, the path levelled into it, its forks, streams, ponds, ruts,
// and what water did to the path. Each step is laid out on the ground that the steps before it leave.
class Shape {
 public:
  // Levels `path`: sets the z of its points.
  Shape(const Scenario& scenario, const Land& land, const std::vector<Pond>& ponds, Path& path,
        const std::vector<SideTrack>& forks)
      : scenario_(scenario),
        land_(land),
        ponds_(ponds),
        wear_(scenario),
        outline_(scenario.seed, stream_of("pond outline")),
        half_width_(0.5 * scenario.path.width_m),
        field_((level_path(land, scenario, path), path), scenario.terrain.size_m) {
    for (const SideTrack& fork : forks) forks_.push_back(level_fork(fork));
    streams_ = place_streams(scenario, path, ponds, [&](double x, double y) { return levelled(x, y); });
    damage_.emplace(scenario, path, [&](double x, double y) { return undamaged(x, y, locate(x, y)); });
  }

  struct Fork {
    const SideTrack* track;
    PathField field;
    // Where a place lies, and how much of the fork is there (0…1): nothing on the path itself, which keeps its shape.
    PathPlace locate(double x, double y, double path_distance, double path_half_width, double& presence) const {
      const PathPlace place = field.locate(x, y);
      presence = track->presence(place.s_m) * smoothstep(path_half_width - 0.4, path_half_width + 1.6, path_distance);
      return place;
    }
  };

  double height(double x, double y) const {
    const PathPlace place = locate(x, y);
    const double h = undamaged(x, y, place);
    return std::abs(place.distance_m) < kDamageWidth ? damage_->shaped(x, y, place.s_m, h) : h;
  }

  // Level of puddles and streams at (x, y), known a little beyond their shores.
  double local_water(double x, double y, bool near_stream) const {
    double level = kNoWater;
    if (field_.rough_distance(x, y) < half_width_ + 2) level = damage_->water_level(x, y, field_.rough_s(x, y));
    if (!near_stream) return level;
    for (const Stream& stream : streams_) {
      if (!stream.near(x, y)) continue;
      const Stream::Place at = stream.locate(x, y);
      if (at.presence > 0 && at.distance_m < at.half_width_m + 1.3) level = std::max(level, at.level_m);
    }
    return level;
  }

  // Signed distance, side and place along the path; far from it the distance only.
  PathPlace locate(double x, double y) const {
    const double rough = field_.rough_distance(x, y);
    return rough < half_width_ + kBlendWidth + 1.5 ? field_.locate(x, y) : PathPlace{1e9, 0, 0};
  }
  const PathField& field() const { return field_; }
  const PathWear& wear() const { return wear_; }
  const std::vector<Fork>& forks() const { return forks_; }
  const std::vector<Stream>& streams() const { return streams_; }
  const RoadDamage& damage() const { return *damage_; }
  bool has_local_water() const { return !streams_.empty() || !damage_->puddles().empty(); }

  static constexpr double kDamageWidth = 13;  // from the centre line to the ends of washouts, metres

 private:
  Fork level_fork(const SideTrack& fork) const {
    // A fork lies on the ground as it is, a little smoothed: it was not built, only driven.
    SideTrack levelled_fork = fork;
    auto& points = levelled_fork.line.points;
    std::vector<double> z(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) z[i] = levelled(points[i].x(), points[i].y());
    const auto last = static_cast<std::ptrdiff_t>(points.size()) - 1;
    for (std::ptrdiff_t i = 0; i <= last; ++i) {
      double sum = 0;
      for (std::ptrdiff_t k = i - 8; k <= i + 8; ++k)
        sum += z[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(k, 0, last))];
      points[static_cast<std::size_t>(i)].z() = sum / 17;
    }
    return {&fork, PathField(levelled_fork.line, scenario_.terrain.size_m)};
  }

  double levelled(double x, double y) const {
    const double h = land_.height(x, y);
    const PathPlace place = locate(x, y);
    return mix(h, place.height_m, smoothstep(half_width_ + kBlendWidth, half_width_ + 0.2, std::abs(place.distance_m)));
  }

  // Everything but puddles and washouts.
  double undamaged(double x, double y, const PathPlace& place) const {
    double h = land_.height(x, y);
    double bumps = land_.bumps(x, y);
    const double distance = std::abs(place.distance_m);
    if (distance < 1e8) {
      const double on_path = smoothstep(half_width_ + kBlendWidth, half_width_ + 0.2, distance);
      h = mix(h, place.height_m, on_path);
      bumps *= 1 - 0.8 * smoothstep(half_width_ + 2.0, half_width_, distance);
    }
    double fork_ruts = 0;
    for (const Fork& fork : forks_) {
      if (fork.field.rough_distance(x, y) > half_width_ + 5) continue;
      double presence = 0;
      const PathPlace there = fork.locate(x, y, distance, half_width_, presence);
      const double off = std::abs(there.distance_m);
      const double on_fork = presence * smoothstep(half_width_ + 4, half_width_, off);
      h = mix(h, there.height_m, on_fork);
      bumps *= 1 - 0.6 * on_fork;
      if (off < half_width_)
        fork_ruts = std::max(fork_ruts, presence * wear_.rut(there.distance_m, fork.track->wear * wear_.wear(x, y)));
    }
    h += bumps;
    double ford = 0;
    for (const Stream& stream : streams_) {
      if (!stream.near(x, y)) continue;
      const Stream::Place there = stream.locate(x, y);
      h = stream.shaped(there, h, distance - half_width_);
      ford = std::max(ford, there.presence * smoothstep(2.6, 1.4, there.distance_m - there.half_width_m));
    }
    const double level = scenario_.water.level_m;
    for (const Pond& pond : ponds_) {
      const double reach = pond.reach(x, y) + 0.2 * outline_.at(x, y, 9.0) + 0.06 * outline_.at(x, y, 2.5);
      if (reach > 3) continue;
      // Bowl: a gentle bank of 14 % outside the water line, the bottom inside.
      const double bank = level + 0.14 * pond.half_width_m * (reach - 1);
      const double bottom =
          level - pond.depth_m * smoothstep(1.0, 0.35, reach) - 0.12 * (1 - std::min(reach, 1.0)) * pond.half_width_m;
      const double bowl = reach < 1 ? bottom : bank;
      const double in_bowl = smoothstep(1.9, 1.1, reach) * smoothstep(half_width_ + 0.6, half_width_ + 3.0, distance);
      h = mix(h, std::min(h, bowl), in_bowl);
    }
    if (distance < half_width_ + 1.5) {
      // Ruts pressed in, the island a little crowned, and a low shoulder where the earth was pushed to.
      const double worn = wear_.wear(x, y);
      const double shoulder = (distance - half_width_ - 0.35) / 0.4;
      // A stream washes them away in its ford.
      h += (1 - ford) * scenario_.path.rut_depth_m *
           (-wear_.rut(place.distance_m, worn) + 0.35 * std::exp(-distance * distance / 0.09) +
            0.7 * (1 - fork_ruts) * std::exp(-shoulder * shoulder));
    }
    return h - scenario_.path.rut_depth_m * fork_ruts;
  }

  const Scenario& scenario_;
  const Land& land_;
  const std::vector<Pond>& ponds_;
  PathWear wear_;
  Noise outline_;
  double half_width_;
  PathField field_;
  std::vector<Fork> forks_;
  std::vector<Stream> streams_;
  std::optional<RoadDamage> damage_;
};

// What may be near a place of a part, to within a metre or so: one look instead of one for every fork and stream.
class NearMap {
 public:
  NearMap(const Shape& shape, const TerrainPart& part, double half_width)
      : part_(part), cells_(std::max(1, static_cast<int>(part.size_m / std::ceil(part.size_m / 1024)))) {
    cell_.resize(static_cast<std::size_t>(cells_) * cells_);
    const double cell_m = part.size_m / cells_;
    parallel_for(static_cast<std::size_t>(cells_), [&](std::size_t j) {
      for (int i = 0; i < cells_; ++i) {
        const double x = part.centre_m.x() + ((i + 0.5) / cells_ - 0.5) * part.size_m;
        const double y = part.centre_m.y() + ((static_cast<double>(j) + 0.5) / cells_ - 0.5) * part.size_m;
        Cell& cell = cell_[j * cells_ + i];
        for (const Shape::Fork& fork : shape.forks())
          cell.fork |= fork.field.rough_distance(x, y) < half_width + 6 + cell_m;
        for (const Stream& stream : shape.streams()) cell.stream |= stream.near(x, y, cell_m);
      }
    });
  }
  struct Cell {
    bool fork = false, stream = false;
  };
  const Cell& at(double x, double y) const {
    const auto index = [&](double p, double centre) {
      return std::clamp(static_cast<int>(((p - centre) / part_.size_m + 0.5) * cells_), 0, cells_ - 1);
    };
    return cell_[static_cast<std::size_t>(index(y, part_.centre_m.y())) * cells_ + index(x, part_.centre_m.x())];
  }

 private:
  TerrainPart part_;
  int cells_;
  std::vector<Cell> cell_;  // [cells_, cells_]
};

void make_heights(const Shape& shape, const TerrainPart& part, const NearMap& near, Terrain& terrain) {
  const int samples = terrain.samples;
  const bool water = part.local_water && shape.has_local_water();
  if (water) terrain.local_water.resize(terrain.heights.size());
  parallel_for(static_cast<std::size_t>(samples), [&](std::size_t row) {
    const double y = terrain.centre_m.y() + (static_cast<double>(row) / (samples - 1) - 0.5) * terrain.size_m;
    for (int column = 0; column < samples; ++column) {
      const double x = terrain.centre_m.x() + (static_cast<double>(column) / (samples - 1) - 0.5) * terrain.size_m;
      terrain.heights[row * samples + column] = static_cast<float>(shape.height(x, y));
      if (water)
        terrain.local_water[row * samples + column] = static_cast<float>(shape.local_water(x, y, near.at(x, y).stream));
    }
  });
}

std::uint8_t to_byte(double value) { return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0))); }

void make_cover(const Scenario& scenario, const Shape& shape, const NearMap& near_map, Terrain& terrain) {
  const PathField& field = shape.field();
  const PathWear& path_wear = shape.wear();
  const RoadDamage& damage = shape.damage();
  const double half_width = 0.5 * scenario.path.width_m;
  const double level = scenario.water.level_m;
  const bool ponds = !scenario.water.ponds.empty();
  const Noise patches(scenario.seed, stream_of("bare patches"));
  const Noise puddles(scenario.seed, stream_of("puddles"));
  const Noise mud(scenario.seed, stream_of("mud"));
  // Threshold of the noise above which the wanted share of the ground lies: measured spread 0.21, normal enough.
  const double share = std::clamp(scenario.terrain.bare_patches, 1e-4, 0.9);
  const double t = std::sqrt(-2 * std::log(std::min(share, 1 - share)));
  // Rational approximation of the normal quantile, Abramowitz & Stegun 26.2.23.
  const double tail =
      t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  const double threshold = 0.21 * (share < 0.5 ? tail : -tail);
  const int pixels = terrain.cover.width;
  parallel_for(static_cast<std::size_t>(pixels), [&](std::size_t row) {
    const double y = terrain.centre_m.y() + ((row + 0.5) / pixels - 0.5) * terrain.size_m;
    std::uint8_t* out = terrain.cover.row(static_cast<int>(row));
    for (int column = 0; column < pixels; ++column, out += 3) {
      const double x = terrain.centre_m.x() + ((column + 0.5) / pixels - 0.5) * terrain.size_m;
      // All boundaries are kept as distances in metres (positive on dirt), and only at the end turned into a cover
      // that passes 0.5 at the boundary and saturates 0.3 m off it.
      double dirt = -1;
      double rut = 0;
      double wet = 0;
      if (scenario.terrain.bare_patches > 0) {
        const double coarse = patches.at(x, y, 9.0);
        if (coarse > threshold - 0.3)
          dirt = 1.8 * (0.8 * coarse + 0.35 * patches.at(x, y, 2.6) + 0.2 * patches.at(x, y, 0.6) - threshold);
      }
      const double rough = field.rough_distance(x, y);
      if (rough < half_width + 4.0) {
        const PathPlace place = field.locate(x, y);
        const double distance = std::abs(place.distance_m);
        if (distance < half_width + 2.5) {
          const double worn = path_wear.wear(x, y);
          // Off the path the patches count as they are, on it only the path's own pattern.
          const double on_path = smoothstep(half_width + 0.4, half_width, distance);
          const double path_dirt = path_wear.dirt_distance(x, y, place.distance_m, worn);
          dirt = std::max(path_dirt, mix(dirt, -1, on_path));
          rut = path_wear.rut(place.distance_m, worn);
          wet = 0.45 * rut * smoothstep(0.1, 0.4, puddles.fbm(x, y, 14, 2));
        }
      }
      const NearMap::Cell near = near_map.at(x, y);
      for (const Shape::Fork& fork : shape.forks()) {
        if (!near.fork) break;
        if (fork.field.rough_distance(x, y) > half_width + 2.5) continue;
        double presence = 0;
        const PathPlace there = fork.locate(x, y, std::abs(shape.locate(x, y).distance_m), half_width, presence);
        if (presence <= 0 || std::abs(there.distance_m) > half_width + 1.5) continue;
        const double worn = fork.track->wear * path_wear.wear(x, y);
        const double fork_dirt = path_wear.dirt_distance(x, y, there.distance_m, worn);
        dirt = std::max(dirt, fork_dirt - 0.9 * (1 - presence));
        rut = std::max(rut, presence * path_wear.rut(there.distance_m, worn));
      }
      if (rough < (damage.washouts().empty() ? half_width + 2.0 : Shape::kDamageWidth)) {
        const double s = field.rough_s(x, y);
        dirt = std::max(dirt, damage.dirt_distance(x, y, s));
        wet = std::max(wet, damage.wetness(x, y, s));
      }
      for (const Stream& stream : shape.streams()) {
        if (!near.stream) break;
        if (!stream.near(x, y)) continue;
        const Stream::Place there = stream.locate(x, y);
        const double off = there.distance_m - there.half_width_m;
        const double ragged = 0.6 * mud.at(x, y, 3.0) + 0.3 * mud.at(x, y, 0.7);
        dirt = std::max(dirt, there.presence * (0.45 + 0.7 * ragged - off) - (1 - there.presence));
        wet = std::max(wet, there.presence * smoothstep(1.6, 0.1, off));
      }
      if (ponds) {
        const double above = terrain.height(x, y) - level;
        if (above < 1.5) {
          // Mud: within shore_m of the water on a bank of 14 %, its upper border ragged.
          const double ragged = 0.6 * mud.at(x, y, 3.0) + 0.3 * mud.at(x, y, 0.7);
          const double mud_height = 0.14 * scenario.water.shore_m * (1 + 1.1 * ragged);
          dirt = std::max(dirt, 5.0 * (mud_height - above));
          wet = std::max(wet, smoothstep(0.55, 0.02, above));
        }
      }
      out[0] = to_byte(0.5 + dirt / 0.6);
      out[1] = to_byte(rut);
      out[2] = to_byte(wet);
    }
  });
}

}  // namespace

struct Landscape::Impl {
  Impl(const Scenario& the_scenario, Path& path, const std::vector<SideTrack>& forks)
      : scenario(the_scenario),
        ponds(place_ponds(scenario.water, path)),
        land(scenario, ponds),
        shape(scenario, land, ponds, path, forks) {
    parallel_for(
        path.points.size(),
        [&](std::size_t i) { path.points[i].z() = shape.height(path.points[i].x(), path.points[i].y()); }, 16);
  }
  const Scenario& scenario;
  std::vector<Pond> ponds;
  Land land;
  Shape shape;
};

Landscape::Landscape(const Scenario& scenario, Path& path, const std::vector<SideTrack>& forks)
    : impl_(std::make_unique<Impl>(scenario, path, forks)) {}
Landscape::~Landscape() = default;

Terrain Landscape::terrain(const TerrainPart& part) const {
  const Scenario& scenario = impl_->scenario;
  Terrain terrain;
  terrain.centre_m = part.centre_m;
  terrain.size_m = part.size_m;
  terrain.samples = part.samples;
  terrain.heights.resize(static_cast<std::size_t>(terrain.samples) * terrain.samples);
  terrain.cover = ImageU8(part.cover_pixels, part.cover_pixels, 3);
  terrain.tint_drift = static_cast<float>(scenario.ground.tint_drift);
  if (!scenario.water.ponds.empty()) terrain.water_level_m = scenario.water.level_m;
  const NearMap near(impl_->shape, part, 0.5 * scenario.path.width_m);
  make_heights(impl_->shape, part, near, terrain);
  make_cover(scenario, impl_->shape, near, terrain);
  return terrain;
}

Terrain make_terrain(const Scenario& scenario, Path& path, const std::vector<SideTrack>& forks) {
  const TerrainScenario& t = scenario.terrain;
  const Terrain terrain =
      Landscape(scenario, path, forks).terrain({{0, 0}, t.size_m, t.height_samples, t.cover_pixels});
  for (Eigen::Vector3d& point : path.points) point.z() = terrain.height(point.x(), point.y());
  return terrain;
}

}  // namespace bramble
