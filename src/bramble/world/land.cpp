#include "bramble/world/land.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/erosion.hpp"

namespace bramble {
namespace {

constexpr double kHollowHeight = 0.75;  // height of the ground around a pond above its water
// Samples per side of the grid on which water flows.
int erosion_side(double size_m) { return size_m > 1100 ? 513 : 257; }

double mix(double a, double b, double t) { return a + t * (b - a); }

// Weights of the four samples around a place on a uniform cubic B-spline: smooth to the second derivative, so that the
// coarse grid does not show in the shading.
void spline_weights(double t, double (&w)[4]) {
  const double u = 1 - t;
  w[0] = u * u * u / 6;
  w[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
  w[2] = (3 * u * u * u - 6 * u * u + 4) / 6;
  w[3] = t * t * t / 6;
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

double rim_distance_m(double size_m, double x, double y) {
  const double x2 = x * x;
  const double y2 = y * y;
  return 0.5 * size_m - std::sqrt(std::sqrt(x2 * x2 + y2 * y2));
}

Land::Land(const Scenario& scenario, const std::vector<Pond>& ponds)
    : terrain_(scenario.terrain),
      water_(scenario.water),
      ponds_(ponds),
      hills_(scenario.seed, stream_of("hills")),
      rim_(scenario.seed, stream_of("rim")),
      gullies_(scenario.seed, stream_of("gullies")),
      bumps_(scenario.seed, stream_of("bumps")) {
  if (terrain_.erosion <= 0) return;
  erosion_side_ = erosion_side(terrain_.size_m);
  const double spacing = terrain_.size_m / (erosion_side_ - 1);
  std::vector<float> heights(static_cast<std::size_t>(erosion_side_) * erosion_side_);
  parallel_for(erosion_side_, [&](std::size_t row) {
    for (int column = 0; column < erosion_side_; ++column)
      heights[row * erosion_side_ + column] = static_cast<float>(uneroded(
          column * spacing - 0.5 * terrain_.size_m, static_cast<double>(row) * spacing - 0.5 * terrain_.size_m));
  });
  washed_ = erode(heights, erosion_side_, spacing, terrain_.erosion);
  for (std::size_t i = 0; i < washed_.size(); ++i) washed_[i] -= heights[i];
}

double Land::uneroded(double x, double y) const {
  // Hills: this noise rarely leaves +-0.45, so that the factor below fills the wanted range. Where it passes zero a
  // ridge runs, when ridges are wanted.
  const double rounded = hills_.fbm(x, y, terrain_.hill_scale_m, 4, 0.38);
  const double hills = mix(rounded, 0.42 - 2.2 * std::abs(rounded), terrain_.ridges);
  double h = water_.level_m + 1.0 + terrain_.hill_height_m * std::clamp(0.45 + 1.15 * hills, -0.1, 1.2);
  // Ridges at the rim: higher and lower along the border, never a wall.
  const double rim = smoothstep(terrain_.rim_width_m, 0, rim_distance_m(terrain_.size_m, x, y));
  h += terrain_.rim_height_m * rim * (0.75 + 0.6 * rim_.fbm(x, y, 70, 3));
  // Gullies follow the zero lines of a noise; they fade out where the ground is low and flat.
  const double line = std::abs(gullies_.fbm(x, y, 60, 2));
  return h - terrain_.gully_depth_m * smoothstep(0.09, 0.0, line) * smoothstep(0.0, 0.25, hills + 0.15);
}

double Land::washed(double x, double y) const {
  const auto locate = [&](double coordinate, int& cell) {
    const double position =
        std::clamp((coordinate / terrain_.size_m + 0.5) * (erosion_side_ - 1), 0.0, erosion_side_ - 1.000001);
    cell = static_cast<int>(position);
    return position - cell;
  };
  int column = 0, row = 0;
  double wx[4], wy[4];
  spline_weights(locate(x, column), wx);
  spline_weights(locate(y, row), wy);
  double sum = 0;
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < 4; ++i) {
      const int cx = std::clamp(column + i - 1, 0, erosion_side_ - 1),
                cy = std::clamp(row + j - 1, 0, erosion_side_ - 1);
      sum += wy[j] * wx[i] * washed_[static_cast<std::size_t>(cy) * erosion_side_ + cx];
    }
  return sum;
}

double Land::height(double x, double y) const {
  double h = uneroded(x, y);
  if (!washed_.empty()) h += washed(x, y);
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

double Land::bumps(double x, double y) const {
  return terrain_.bump_height_m * (1.6 * bumps_.at(x, y, 7.0) + 0.8 * bumps_.at(x + 31, y, 2.2));
}

}  // namespace bramble
