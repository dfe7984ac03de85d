#include "bramble/sim/track.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "bramble/core/error.hpp"

namespace bramble {

double wrap_angle(double rad) { return std::remainder(rad, 2 * std::numbers::pi); }

Track Track::along(const Path& path, bool backwards, const SpeedRules& rules) {
  std::vector<Eigen::Vector3d> points = path.points;
  if (backwards) std::reverse(points.begin(), points.end());
  return Track(std::move(points), path.closed, !path.closed, rules);
}

Track Track::through(const std::vector<Eigen::Vector3d>& points, double spacing_m, const SpeedRules& rules) {
  std::vector<Eigen::Vector3d> kept;
  for (const auto& p : points)
    if (kept.empty() || (p - kept.back()).head<2>().norm() >= spacing_m) kept.push_back(p);
  return Track(std::move(kept), false, false, rules);
}

Track::Track(std::vector<Eigen::Vector3d> points, bool closed, bool stop_at_end, const SpeedRules& rules)
    : closed_(closed) {
  const std::size_t n = points.size();
  if (n < 3) fail("a track to follow needs at least 3 different points, not {}", n);
  for (const auto& p : points) points_.push_back(p.head<2>());
  s_m_.resize(n + 1, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    s_m_[i + 1] = s_m_[i] + (closed || i + 1 < n ? (points_[(i + 1) % n] - points_[i]).norm() : 0.0);
  length_m_ = s_m_[n];

  // Chords of about 3 m give the direction, and their change the curvature: smoother than the points themselves.
  const auto reach = static_cast<std::ptrdiff_t>(
      std::clamp(std::lround(1.5 / std::max(length_m_ / static_cast<double>(n), 1e-3)), 1L, static_cast<long>(n / 3)));
  const auto neighbour = [&](std::size_t i, std::ptrdiff_t step) {
    const auto count = static_cast<std::ptrdiff_t>(n);
    const auto k = static_cast<std::ptrdiff_t>(i) + step;
    return static_cast<std::size_t>(closed ? (k + count) % count : std::clamp<std::ptrdiff_t>(k, 0, count - 1));
  };
  heading_rad_.resize(n);
  curvature_per_m_.resize(n);
  speed_mps_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Eigen::Vector2d chord = points_[neighbour(i, reach)] - points_[neighbour(i, -reach)];
    heading_rad_[i] = std::atan2(chord.y(), chord.x());
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t a = neighbour(i, -reach);
    const std::size_t b = neighbour(i, reach);
    double along = s_m_[b] - s_m_[a];
    if (along < 0) along += length_m_;
    curvature_per_m_[i] = wrap_angle(heading_rad_[b] - heading_rad_[a]) / std::max(along, 0.1);
    const double slope = (points[b].z() - points[a].z()) / std::max(along, 0.1);
    double speed =
        std::min(rules.limit_mps, std::sqrt(rules.lateral_mps2 / std::max(std::abs(curvature_per_m_[i]), 1e-6)));
    if (slope < 0) speed *= std::max(1 + rules.downhill * slope, 0.5);
    speed_mps_[i] = std::max(speed, std::min(rules.slowest_mps, rules.limit_mps));
  }
  if (stop_at_end) speed_mps_[n - 1] = 0;
  // Backwards, twice around a loop: slow enough here to brake down to what comes.
  for (std::size_t k = 2 * n; k-- > 0;) {
    const std::size_t i = k % n;
    if (!closed && i + 1 == n) continue;
    const double next = speed_mps_[(i + 1) % n];
    const double most = std::sqrt(next * next + 2 * rules.braking_mps2 * (s_m_[i + 1] - s_m_[i]));
    speed_mps_[i] = std::min(speed_mps_[i], most);
  }
}

double Track::wrapped(double s_m) const {
  if (!closed_) return std::clamp(s_m, 0.0, length_m_);
  s_m = std::fmod(s_m, length_m_);
  return s_m < 0 ? s_m + length_m_ : s_m;
}

std::size_t Track::piece_of(double s_m) const {
  const auto above = std::upper_bound(s_m_.begin(), s_m_.end(), s_m);
  const auto piece = static_cast<std::size_t>(std::max<std::ptrdiff_t>(above - s_m_.begin() - 1, 0));
  return std::min(piece, points_.size() - (closed_ ? 1 : 2));
}

Track::Place Track::at(double s_m) const {
  s_m = wrapped(s_m);
  const std::size_t i = piece_of(s_m);
  const std::size_t j = (i + 1) % points_.size();
  const double t = std::clamp((s_m - s_m_[i]) / std::max(s_m_[i + 1] - s_m_[i], 1e-9), 0.0, 1.0);
  Place place;
  place.position = points_[i] + t * (points_[j] - points_[i]);
  place.heading_rad = wrap_angle(heading_rad_[i] + t * wrap_angle(heading_rad_[j] - heading_rad_[i]));
  place.curvature_per_m = curvature_per_m_[i] + t * (curvature_per_m_[j] - curvature_per_m_[i]);
  place.speed_mps = speed_mps_[i] + t * (speed_mps_[j] - speed_mps_[i]);
  return place;
}

double Track::nearest_s(const Eigen::Vector2d& point, double hint_s_m) const {
  const std::size_t n = points_.size();
  const std::size_t pieces = closed_ ? n : n - 1;
  std::size_t first = 0;
  std::size_t count = pieces;
  if (hint_s_m >= 0) {
    const double from = closed_ ? hint_s_m - 10 : std::max(hint_s_m - 10, 0.0);
    first = piece_of(wrapped(from));
    count = 0;
    for (double along = 0; along < 20.0 && count < pieces; ++count) {
      const std::size_t i = first + count;
      if (!closed_ && i >= pieces) break;
      along += s_m_[i % pieces + 1] - s_m_[i % pieces];
    }
  }
  double best = std::numeric_limits<double>::infinity();
  double best_s = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t i = (first + k) % pieces;
    const Eigen::Vector2d a = points_[i];
    const Eigen::Vector2d ab = points_[(i + 1) % n] - a;
    const double t = std::clamp((point - a).dot(ab) / std::max(ab.squaredNorm(), 1e-12), 0.0, 1.0);
    const double squared = (a + t * ab - point).squaredNorm();
    if (squared < best) {
      best = squared;
      best_s = s_m_[i] + t * ab.norm();
    }
  }
  return best_s;
}

}  // namespace bramble
