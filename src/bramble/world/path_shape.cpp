#include "bramble/world/path_shape.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

constexpr double kPointSpacing = 0.5;  // metres
constexpr int kHarmonics = 7;          // waves around the loop: 2 … 8
constexpr double kShortLoop = 1000;    // metres; a longer loop has waves in proportion
constexpr double kWholeGrid = 1100;    // metres: side of a square that a PathField covers whole with cells
constexpr double kNearBand = 96;       // metres: else only so far from the path

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
  const int harmonics = std::max(kHarmonics, static_cast<int>(kHarmonics * scenario.length_m / kShortLoop));
  std::vector<double> amplitude(harmonics), phase(harmonics);
  double sum = 0;
  for (int k = 0; k < harmonics; ++k) {
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
    const int corners = std::max(4096, static_cast<int>(2 * scenario.length_m));
    double farthest = 0;
    for (int i = 0; i < corners; ++i) {
      const double angle = 2 * std::numbers::pi * i / corners;
      double r = 1;
      for (int k = 0; k < harmonics; ++k) r += amplitude[k] * std::cos((k + 2) * angle + phase[k]);
      polygon.emplace_back(radius * r * std::cos(angle), radius * r * std::sin(angle));
      farthest = std::max(farthest, r);
    }
    path.points = resample_closed(polygon, scenario.length_m);
    if (min_bend_radius_m(path) >= scenario.min_radius_m && farthest <= 1 + scenario.winding) break;
    for (int k = 0; k < harmonics; ++k) amplitude[k] *= std::pow(0.99, k + 1.0);
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
      cells_per_side_(static_cast<int>(std::ceil(size_m / cell_m))),
      blocks_per_side_((cells_per_side_ + kBlock - 1) / kBlock),
      blocks_(static_cast<std::size_t>(blocks_per_side_) * blocks_per_side_) {
  s_.resize(points_.size() + 1, 0.0);
  for (std::size_t i = 0; i < points_.size(); ++i)
    s_[i + 1] = s_[i] + (points_[(i + 1) % points_.size()] - points_[i]).head<2>().norm();

  // For every square only the points that can be the nearest of some place in it are looked at: those not farther from
  // its middle than the nearest one and twice its half diagonal. First for squares of 4 x 4 blocks, then for blocks.
  const double half = 0.5 * size_m_, side = size_m_ / cells_per_side_;
  const auto within = [&](const std::vector<std::int32_t>& among, double x, double y, double half_side, double& least) {
    double squared = std::numeric_limits<double>::infinity();
    for (const std::int32_t i : among)
      squared = std::min(squared, (points_[i].head<2>() - Eigen::Vector2d(x, y)).squaredNorm());
    least = std::sqrt(squared);
    const double reach = least + 2 * std::numbers::sqrt2 * half_side + 1e-6;
    std::vector<std::int32_t> chosen;
    for (const std::int32_t i : among)
      if ((points_[i].head<2>() - Eigen::Vector2d(x, y)).squaredNorm() <= reach * reach) chosen.push_back(i);
    return chosen;
  };
  const auto nearest_of = [&](const std::vector<std::int32_t>& among, double x, double y) {
    double best = std::numeric_limits<double>::infinity();
    std::int32_t best_point = 0;
    for (const std::int32_t i : among) {
      const double dx = points_[i].x() - x, dy = points_[i].y() - y;
      const double squared = dx * dx + dy * dy;
      if (squared < best) {
        best = squared;
        best_point = i;
      }
    }
    return Cell{static_cast<float>(std::sqrt(best)), best_point};
  };
  std::vector<std::int32_t> all(points_.size());
  std::iota(all.begin(), all.end(), 0);
  constexpr int kGroup = 4;  // blocks
  const bool large = size_m_ > kWholeGrid;
  const int groups = (blocks_per_side_ + kGroup - 1) / kGroup;
  std::vector<std::vector<Cell>> cells_of(blocks_.size());
  if (large) corner_distance_m_.resize(static_cast<std::size_t>(blocks_per_side_ + 1) * (blocks_per_side_ + 1));
  parallel_for(static_cast<std::size_t>(groups) * groups, [&](std::size_t group) {
    const int first_i = static_cast<int>(group % groups) * kGroup, first_j = static_cast<int>(group / groups) * kGroup;
    const double block_m = side * kBlock;
    double least = 0;
    const auto in_group = within(all, (first_i + 0.5 * kGroup) * block_m - half,
                                 (first_j + 0.5 * kGroup) * block_m - half, 0.5 * kGroup * block_m, least);
    for (int j = first_j; j < std::min(first_j + kGroup, blocks_per_side_); ++j)
      for (int i = first_i; i < std::min(first_i + kGroup, blocks_per_side_); ++i) {
        const std::size_t number = static_cast<std::size_t>(j) * blocks_per_side_ + i;
        const double x = (i + 0.5) * block_m - half, y = (j + 0.5) * block_m - half;
        const auto in_block = within(in_group, x, y, 0.5 * block_m, least);
        blocks_[number].point = nearest_of(in_block, x, y).point;
        if (large && least > kNearBand + block_m) continue;
        auto& cells = cells_of[number];
        cells.reserve(kBlock * kBlock);
        for (int b = 0; b < kBlock; ++b)
          for (int a = 0; a < kBlock; ++a)
            cells.push_back(nearest_of(in_block, ((i * kBlock + a + 0.5) / cells_per_side_ - 0.5) * size_m_,
                                       ((j * kBlock + b + 0.5) / cells_per_side_ - 0.5) * size_m_));
      }
  });
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (cells_of[i].empty()) continue;
    blocks_[i].cells = static_cast<std::int32_t>(cells_.size());
    cells_.insert(cells_.end(), cells_of[i].begin(), cells_of[i].end());
  }
  if (!large) return;
  parallel_for(static_cast<std::size_t>(blocks_per_side_ + 1), [&](std::size_t j) {
    for (int i = 0; i <= blocks_per_side_; ++i) {
      // One of the points that are nearest to the middles of the blocks around the corner: good to some metres.
      const double x = i * side * kBlock - half, y = static_cast<double>(j) * side * kBlock - half;
      std::vector<std::int32_t> around;
      for (int b = std::max(0, static_cast<int>(j) - 1); b <= std::min(static_cast<int>(j), blocks_per_side_ - 1); ++b)
        for (int a = std::max(0, i - 1); a <= std::min(i, blocks_per_side_ - 1); ++a)
          around.push_back(blocks_[static_cast<std::size_t>(b) * blocks_per_side_ + a].point);
      corner_distance_m_[j * (blocks_per_side_ + 1) + i] = nearest_of(around, x, y).distance_m;
    }
  });
}

int PathField::cell(double coordinate) const {
  return std::clamp(static_cast<int>((coordinate / size_m_ + 0.5) * cells_per_side_), 0, cells_per_side_ - 1);
}

std::int32_t PathField::nearest(double x, double y) const {
  const int i = cell(x), j = cell(y);
  const Block& block = blocks_[static_cast<std::size_t>(j / kBlock) * blocks_per_side_ + i / kBlock];
  return block.cells < 0 ? block.point : cells_[block.cells + (j % kBlock) * kBlock + i % kBlock].point;
}

double PathField::rough_distance(double x, double y) const {
  const int i = cell(x), j = cell(y);
  const Block& block = blocks_[static_cast<std::size_t>(j / kBlock) * blocks_per_side_ + i / kBlock];
  if (block.cells >= 0) return cells_[block.cells + (j % kBlock) * kBlock + i % kBlock].distance_m;
  const float* low =
      corner_distance_m_.data() + static_cast<std::size_t>(j / kBlock) * (blocks_per_side_ + 1) + i / kBlock;
  const float* high = low + blocks_per_side_ + 1;
  const double u = (i % kBlock + 0.5) / kBlock, v = (j % kBlock + 0.5) / kBlock;
  return (1 - v) * ((1 - u) * low[0] + u * low[1]) + v * ((1 - u) * high[0] + u * high[1]);
}

double PathField::rough_s(double x, double y) const { return s_[nearest(x, y)]; }

PathPlace PathField::locate(double x, double y) const {
  const int count = static_cast<int>(points_.size());
  const int pieces = closed_ ? count : count - 1;
  const int around = nearest(x, y);
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
