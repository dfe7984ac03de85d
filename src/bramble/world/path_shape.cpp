#include "bramble/world/path_shape.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

constexpr double kPointSpacing = 0.5;  // metres
constexpr int kHarmonics = 7;          // waves around the loop: 2 … 8

double radius_of_circle(const Eigen::Vector2d& a, const Eigen::Vector2d& b, const Eigen::Vector2d& c) {
  const Eigen::Vector2d ab = b - a;
  const Eigen::Vector2d ac = c - a;
  const double twice_area = std::abs(ab.x() * ac.y() - ab.y() * ac.x());
  return twice_area < 1e-12 ? 1e9 : ab.norm() * ac.norm() * (c - b).norm() / (2 * twice_area);
}

// Points at equal arc lengths along a closed polygon.
std::vector<Eigen::Vector3d> resample_closed(const std::vector<Eigen::Vector2d>& polygon, double length_m) {
  double polygon_length = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i)
    polygon_length += (polygon[(i + 1) % polygon.size()] - polygon[i]).norm();
  const double factor = length_m / polygon_length;
  const int count = std::max(16, static_cast<int>(std::lround(length_m / kPointSpacing)));
  std::vector<Eigen::Vector3d> points;
  points.reserve(count);
  std::size_t piece = 0;
  double before = 0;  // length of the pieces already passed
  for (int i = 0; i < count; ++i) {
    const double target = polygon_length * i / count;
    double piece_length = (polygon[(piece + 1) % polygon.size()] - polygon[piece]).norm();
    while (before + piece_length < target && piece + 1 < polygon.size()) {
      before += piece_length;
      ++piece;
      piece_length = (polygon[(piece + 1) % polygon.size()] - polygon[piece]).norm();
    }
    const Eigen::Vector2d point =
        polygon[piece] + (target - before) / piece_length * (polygon[(piece + 1) % polygon.size()] - polygon[piece]);
    points.emplace_back(factor * point.x(), factor * point.y(), 0.0);
  }
  return points;
}

}  // namespace

Path make_path_loop(const PathScenario& scenario, std::uint64_t seed) {
  Random random(seed, stream_of("path loop"));
  std::array<double, kHarmonics> amplitude;
  std::array<double, kHarmonics> phase;
  double sum = 0;
  for (int k = 0; k < kHarmonics; ++k) {
    amplitude[k] = random.uniform(0.5, 1.0) / std::sqrt(k + 1.0);
    phase[k] = random.uniform(0.0, 2 * std::numbers::pi);
    sum += amplitude[k];
  }
  // The peaks of the harmonics rarely meet, so start above the wanted winding and come down to it.
  for (double& a : amplitude) a *= 1.6 * scenario.winding / sum;

  Path path;
  path.width_m = scenario.width_m;
  path.rut_spacing_m = scenario.rut_spacing_m;
  path.closed = true;
  const double radius = scenario.length_m / (2 * std::numbers::pi);
  for (int attempt = 0; attempt < 400; ++attempt) {
    std::vector<Eigen::Vector2d> polygon;
    constexpr int kCorners = 4096;
    double farthest = 0;
    for (int i = 0; i < kCorners; ++i) {
      const double angle = 2 * std::numbers::pi * i / kCorners;
      double r = 1;
      for (int k = 0; k < kHarmonics; ++k) r += amplitude[k] * std::cos((k + 2) * angle + phase[k]);
      polygon.emplace_back(radius * r * std::cos(angle), radius * r * std::sin(angle));
      farthest = std::max(farthest, r);
    }
    path.points = resample_closed(polygon, scenario.length_m);
    if (min_bend_radius_m(path) >= scenario.min_radius_m && farthest <= 1 + scenario.winding) break;
    for (int k = 0; k < kHarmonics; ++k) amplitude[k] *= std::pow(0.99, k + 1.0);
  }
  return path;
}

double min_bend_radius_m(const Path& path) {
  const std::size_t count = path.points.size();
  const std::size_t step = 4;  // 2 m
  double least = std::numeric_limits<double>::infinity();
  if (count < 2 * step + 1) return least;
  for (std::size_t i = 0; i < count; ++i) {
    if (!path.closed && (i < step || i + step >= count)) continue;
    least = std::min(least, radius_of_circle(path.points[(i + count - step) % count].head<2>(),
                                             path.points[i].head<2>(), path.points[(i + step) % count].head<2>()));
  }
  return least;
}

double max_path_slope(const Path& path) {
  const std::size_t count = path.points.size();
  const std::size_t step = 6;  // 3 m
  double most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!path.closed && i + step >= count) break;
    const Eigen::Vector3d d = path.points[(i + step) % count] - path.points[i];
    most = std::max(most, std::abs(d.z()) / std::max(d.head<2>().norm(), 1e-9));
  }
  return most;
}

PathField::PathField(const Path& path, double size_m, double cell_m)
    : points_(path.points),
      closed_(path.closed),
      size_m_(size_m),
      cells_(static_cast<int>(std::ceil(size_m / cell_m))),
      nearest_(static_cast<std::size_t>(cells_) * cells_),
      distance_(nearest_.size()) {
  s_.resize(points_.size() + 1, 0.0);
  for (std::size_t i = 0; i < points_.size(); ++i)
    s_[i + 1] = s_[i] + (points_[(i + 1) % points_.size()] - points_[i]).head<2>().norm();
  // Nearest point of each cell's centre: along a row the answer moves little, but an exhaustive search over about a
  // thousand points is cheap enough and never wrong.
  parallel_for(static_cast<std::size_t>(cells_), [&](std::size_t row) {
    const double y = ((row + 0.5) / cells_ - 0.5) * size_m_;
    for (int column = 0; column < cells_; ++column) {
      const double x = ((column + 0.5) / cells_ - 0.5) * size_m_;
      double best = std::numeric_limits<double>::infinity();
      std::int32_t best_point = 0;
      for (std::size_t i = 0; i < points_.size(); ++i) {
        const double dx = points_[i].x() - x;
        const double dy = points_[i].y() - y;
        const double squared = dx * dx + dy * dy;
        if (squared < best) {
          best = squared;
          best_point = static_cast<std::int32_t>(i);
        }
      }
      nearest_[row * cells_ + column] = best_point;
      distance_[row * cells_ + column] = static_cast<float>(std::sqrt(best));
    }
  });
}

std::size_t PathField::cell_of(double x, double y) const {
  const auto index = [&](double coordinate) {
    return std::clamp(static_cast<int>((coordinate / size_m_ + 0.5) * cells_), 0, cells_ - 1);
  };
  return static_cast<std::size_t>(index(y)) * cells_ + index(x);
}

double PathField::rough_distance(double x, double y) const { return distance_[cell_of(x, y)]; }

double PathField::rough_s(double x, double y) const { return s_[nearest_[cell_of(x, y)]]; }

PathPlace PathField::locate(double x, double y) const {
  const int count = static_cast<int>(points_.size());
  const int pieces = closed_ ? count : count - 1;
  const int around = nearest_[cell_of(x, y)];
  const Eigen::Vector2d p(x, y);
  double best = std::numeric_limits<double>::infinity();
  PathPlace place;
  for (int offset = -5; offset <= 4; ++offset) {
    int piece = around + offset;
    if (closed_) piece = (piece + count) % count;
    if (piece < 0 || piece >= pieces) continue;
    const Eigen::Vector3d& a = points_[piece];
    const Eigen::Vector3d& b = points_[(piece + 1) % count];
    const Eigen::Vector2d ab = (b - a).head<2>();
    const Eigen::Vector2d ap = p - a.head<2>();
    const double t = std::clamp(ap.dot(ab) / ab.squaredNorm(), 0.0, 1.0);
    const Eigen::Vector2d off = ap - t * ab;
    const double squared = off.squaredNorm();
    if (squared >= best) continue;
    best = squared;
    const double side = ab.x() * ap.y() - ab.y() * ap.x();
    place.distance_m = std::copysign(std::sqrt(squared), side);
    place.s_m = s_[piece] + t * (s_[piece + 1] - s_[piece]);
    place.height_m = a.z() + t * (b.z() - a.z());
  }
  return place;
}

}  // namespace bramble
