#include "bramble/world/terrain_builder.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/noise.hpp"

namespace bramble {
namespace {

constexpr double kPathFreeboard = 0.6;  // the path is at least this high above the water
constexpr double kHollowHeight = 0.75;  // height of the ground around a pond above its water
constexpr double kBlendWidth = 11;      // from the path's edge to untouched ground, metres

double mix(double a, double b, double t) { return a + t * (b - a); }

double rim_distance(double size_m, double x, double y) {
  const double x2 = x * x;
  const double y2 = y * y;
  return 0.5 * size_m - std::sqrt(std::sqrt(x2 * x2 + y2 * y2));
}

// The shape of the land before the path and the ponds are made.
class Land {
 public:
  Land(const Scenario& scenario, const std::vector<Pond>& ponds)
      : terrain_(scenario.terrain),
        water_(scenario.water),
        ponds_(ponds),
        hills_(scenario.seed, stream_of("hills")),
        rim_(scenario.seed, stream_of("rim")),
        gullies_(scenario.seed, stream_of("gullies")),
        bumps_(scenario.seed, stream_of("bumps")) {}

  // Everything but the bumps, which the path smooths away.
  double height(double x, double y) const {
    // Hills: this noise rarely leaves +-0.45, so that the factor below fills the wanted range.
    const double hills = hills_.fbm(x, y, terrain_.hill_scale_m, 4, 0.38);
    double h = water_.level_m + 1.0 + terrain_.hill_height_m * std::clamp(0.45 + 1.15 * hills, -0.1, 1.2);
    // Ridges at the rim: higher and lower along the border, never a wall.
    const double rim = smoothstep(terrain_.rim_width_m, 0, rim_distance(terrain_.size_m, x, y));
    h += terrain_.rim_height_m * rim * (0.75 + 0.6 * rim_.fbm(x, y, 70, 3));
    // Gullies follow the zero lines of a noise; they fade out where the ground is low and flat.
    const double line = std::abs(gullies_.fbm(x, y, 60, 2));
    h -= terrain_.gully_depth_m * smoothstep(0.09, 0.0, line) * smoothstep(0.0, 0.25, hills + 0.15);
    // Hollows for the ponds.
    for (const Pond& pond : ponds_) {
      const double reach = pond.reach(x, y);
      const double floor = water_.level_m + kHollowHeight + 0.25 * std::max(0.0, reach - 1);
      h = mix(h, floor, smoothstep(4.4, 2.1, reach));
    }
    // Nothing else under water: a soft floor.
    const double above = h - (water_.level_m + 0.5);
    return water_.level_m + 0.5 + 0.5 * (above + std::sqrt(above * above + 0.16));
  }

  double bumps(double x, double y) const {
    return terrain_.bump_height_m * (1.6 * bumps_.at(x, y, 7.0) + 0.8 * bumps_.at(x + 31, y, 2.2));
  }

 private:
  const TerrainScenario& terrain_;
  const WaterScenario& water_;
  const std::vector<Pond>& ponds_;
  Noise hills_, rim_, gullies_, bumps_;
};

// Heights of the centre line: the land's, smoothed until no piece is steeper than allowed, and above the water.
void level_path(const Land& land, const Scenario& scenario, Path& path) {
  const std::size_t count = path.points.size();
  std::vector<double> z(count);
  parallel_for(
      count, [&](std::size_t i) { z[i] = land.height(path.points[i].x(), path.points[i].y()); }, 16);
  const auto smooth = [&](int radius, int times) {
    for (int pass = 0; pass < times; ++pass) {
      std::vector<double> result(count);
      for (std::size_t i = 0; i < count; ++i) {
        double sum = 0;
        for (int k = -radius; k <= radius; ++k) sum += z[(i + count + k) % count];
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
    below[j] = std::min(below[j], below[i] + rise);
    above[j] = std::max(above[j], above[i] - rise);
  }
  for (std::size_t step = 2 * count; step-- > 0;) {
    const std::size_t i = (step + 1) % count;
    const std::size_t j = step % count;
    below[j] = std::min(below[j], below[i] + rise);
    above[j] = std::max(above[j], above[i] - rise);
  }
  for (std::size_t i = 0; i < count; ++i) z[i] = 0.75 * below[i] + 0.25 * above[i];
  smooth(8, 3);
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

void make_heights(const Scenario& scenario, const Land& land, const std::vector<Pond>& ponds, const PathField& field,
                  const PathWear& wear, Terrain& terrain) {
  const double half_width = 0.5 * scenario.path.width_m;
  const double level = scenario.water.level_m;
  const Noise outline(scenario.seed, stream_of("pond outline"));
  const int samples = terrain.samples;
  parallel_for(static_cast<std::size_t>(samples), [&](std::size_t row) {
    const double y = (static_cast<double>(row) / (samples - 1) - 0.5) * terrain.size_m;
    for (int column = 0; column < samples; ++column) {
      const double x = (static_cast<double>(column) / (samples - 1) - 0.5) * terrain.size_m;
      double h = land.height(x, y);
      double bumps = land.bumps(x, y);
      const bool near_path = field.rough_distance(x, y) < half_width + kBlendWidth + 1.5;
      const PathPlace place = near_path ? field.locate(x, y) : PathPlace{1e9, 0, 0};
      const double distance = std::abs(place.distance_m);
      if (near_path) {
        const double on_path = smoothstep(half_width + kBlendWidth, half_width + 0.2, distance);
        h = mix(h, place.height_m, on_path);
        bumps *= 1 - 0.8 * smoothstep(half_width + 2.0, half_width, distance);
      }
      h += bumps;
      for (const Pond& pond : ponds) {
        const double reach = pond.reach(x, y) + 0.2 * outline.at(x, y, 9.0) + 0.06 * outline.at(x, y, 2.5);
        if (reach > 3) continue;
        // Bowl: a gentle bank of 14 % outside the water line, the bottom inside.
        const double bank = level + 0.14 * pond.half_width_m * (reach - 1);
        const double bottom =
            level - pond.depth_m * smoothstep(1.0, 0.35, reach) - 0.12 * (1 - std::min(reach, 1.0)) * pond.half_width_m;
        const double bowl = reach < 1 ? bottom : bank;
        const double in_bowl = smoothstep(1.9, 1.1, reach) * smoothstep(half_width + 0.6, half_width + 3.0, distance);
        h = mix(h, std::min(h, bowl), in_bowl);
      }
      if (distance < half_width + 1.5) {
        // Ruts pressed in, the island a little crowned, and a low shoulder where the earth was pushed to.
        const double worn = wear.wear(x, y);
        const double shoulder = (distance - half_width - 0.35) / 0.4;
        h += scenario.path.rut_depth_m *
             (-wear.rut(place.distance_m, worn) + 0.35 * std::exp(-distance * distance / 0.09) +
              0.7 * std::exp(-shoulder * shoulder));
      }
      terrain.heights[row * samples + column] = static_cast<float>(h);
    }
  });
}

std::uint8_t to_byte(double value) { return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0))); }

void make_cover(const Scenario& scenario, const PathField& field, const PathWear& path_wear, Terrain& terrain) {
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
    const double y = ((row + 0.5) / pixels - 0.5) * terrain.size_m;
    std::uint8_t* out = terrain.cover.row(static_cast<int>(row));
    for (int column = 0; column < pixels; ++column, out += 3) {
      const double x = ((column + 0.5) / pixels - 0.5) * terrain.size_m;
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
      if (field.rough_distance(x, y) < half_width + 4.0) {
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

double Pond::reach(double x, double y) const {
  const Eigen::Vector2d off = Eigen::Vector2d(x, y) - centre;
  const double u = off.dot(along) / half_length_m;
  const double v = (along.x() * off.y() - along.y() * off.x()) / half_width_m;
  return std::sqrt(u * u + v * v);
}

std::vector<Pond> place_ponds(const WaterScenario& scenario, const Path& loop) {
  std::vector<Pond> ponds;
  const double length = loop.length_m();
  for (const PondScenario& given : scenario.ponds) {
    const double s = given.at * length;
    const Eigen::Vector2d tangent = loop.tangent_at(s).head<2>();
    const Eigen::Vector2d left(-tangent.y(), tangent.x());
    const double side = given.side == "left" ? 1.0 : -1.0;
    ponds.push_back({loop.point_at(s).head<2>() + side * given.offset_m * left, tangent, 0.5 * given.length_m,
                     0.5 * given.width_m, given.depth_m});
  }
  return ponds;
}

double rim_distance_m(const Terrain& terrain, double x, double y) { return rim_distance(terrain.size_m, x, y); }

Terrain make_terrain(const Scenario& scenario, Path& path) {
  Terrain terrain;
  terrain.size_m = scenario.terrain.size_m;
  terrain.samples = scenario.terrain.height_samples;
  terrain.heights.resize(static_cast<std::size_t>(terrain.samples) * terrain.samples);
  terrain.cover = ImageU8(scenario.terrain.cover_pixels, scenario.terrain.cover_pixels, 3);
  if (!scenario.water.ponds.empty()) terrain.water_level_m = scenario.water.level_m;

  const std::vector<Pond> ponds = place_ponds(scenario.water, path);
  const Land land(scenario, ponds);
  const PathWear wear(scenario);
  level_path(land, scenario, path);
  const PathField field(path, terrain.size_m);
  make_heights(scenario, land, ponds, field, wear, terrain);
  make_cover(scenario, field, wear, terrain);
  for (Eigen::Vector3d& point : path.points) point.z() = terrain.height(point.x(), point.y());
  return terrain;
}

}  // namespace bramble
