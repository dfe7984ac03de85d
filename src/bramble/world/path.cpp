#include "bramble/world/path.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bramble {
namespace {

// Number of straight pieces between neighbouring points.
std::size_t piece_count(const Path& path) {
  if (path.points.size() < 2) return 0;
  return path.closed ? path.points.size() : path.points.size() - 1;
}

const Eigen::Vector3d& piece_end(const Path& path, std::size_t piece) {
  return path.points[(piece + 1) % path.points.size()];
}

double piece_length(const Path& path, std::size_t piece) {
  return (piece_end(path, piece) - path.points[piece]).norm();
}

struct Place {
  std::size_t piece;
  double fraction;  // 0…1 along the piece
};

Place place_at(const Path& path, double s_m) {
  const std::size_t pieces = piece_count(path);
  if (pieces == 0) return {0, 0.0};
  if (path.closed) {
    const double length = path.length_m();
    s_m = std::fmod(s_m, length);
    if (s_m < 0) s_m += length;
  }
  s_m = std::max(s_m, 0.0);
  for (std::size_t i = 0; i < pieces; ++i) {
    const double length = piece_length(path, i);
    if (s_m < length) return {i, s_m / length};
    s_m -= length;
  }
  return {pieces - 1, 1.0};
}

Eigen::Vector2d horizontal(const Eigen::Vector3d& v) { return v.head<2>(); }

}  // namespace

double Path::length_m() const {
  double length = 0;
  for (std::size_t i = 0; i < piece_count(*this); ++i) length += piece_length(*this, i);
  return length;
}

Eigen::Vector3d Path::point_at(double s_m) const {
  if (points.empty()) return Eigen::Vector3d::Zero();
  const Place place = place_at(*this, s_m);
  return points[place.piece] + place.fraction * (piece_end(*this, place.piece) - points[place.piece]);
}

Eigen::Vector3d Path::tangent_at(double s_m) const {
  const std::size_t pieces = piece_count(*this);
  if (pieces == 0) return Eigen::Vector3d::UnitX();
  const Place place = place_at(*this, s_m);
  // The direction at a point is the mean of the two pieces that meet there; between points it is blended, so that it
  // turns steadily and a driver that follows it does not jerk.
  const auto direction = [&](std::size_t piece) {
    return (horizontal(piece_end(*this, piece)) - horizontal(points[piece])).normalized().eval();
  };
  const auto corner = [&](std::size_t piece, bool end) {
    const bool open_end = !closed && (end ? piece + 1 == pieces : piece == 0);
    if (open_end) return direction(piece);
    const std::size_t neighbour = end ? (piece + 1) % pieces : (piece + pieces - 1) % pieces;
    return (direction(piece) + direction(neighbour)).normalized().eval();
  };
  const Eigen::Vector2d blended =
      (1 - place.fraction) * corner(place.piece, false) + place.fraction * corner(place.piece, true);
  return {blended.normalized().x(), blended.normalized().y(), 0.0};
}

double Path::nearest_s(double x, double y, double hint_s_m, double window_m) const {
  const std::size_t pieces = piece_count(*this);
  const double length = length_m();
  const Eigen::Vector2d p(x, y);
  double best_squared = std::numeric_limits<double>::infinity();
  double best_s = 0;
  double s = 0;
  for (std::size_t i = 0; i < pieces; ++i) {
    const double piece = piece_length(*this, i);
    bool inside = true;
    if (hint_s_m >= 0) {
      double away = std::abs(s + 0.5 * piece - (closed ? std::fmod(hint_s_m, length) : hint_s_m));
      if (closed) away = std::min(away, length - away);
      inside = away <= window_m + 0.5 * piece;
    }
    if (inside && piece > 0) {
      const Eigen::Vector2d a = horizontal(points[i]);
      const Eigen::Vector2d ab = horizontal(piece_end(*this, i)) - a;
      const double t = std::clamp((p - a).dot(ab) / ab.squaredNorm(), 0.0, 1.0);
      const double squared = (a + t * ab - p).squaredNorm();
      if (squared < best_squared) {
        best_squared = squared;
        best_s = s + t * piece;
      }
    }
    s += piece;
  }
  return best_s;
}

double Path::lateral_offset(double x, double y, double s_m) const {
  const Eigen::Vector3d centre = point_at(s_m);
  const Eigen::Vector3d tangent = tangent_at(s_m);
  return tangent.x() * (y - centre.y()) - tangent.y() * (x - centre.x());
}

}  // namespace bramble
