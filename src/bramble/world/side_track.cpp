#include "bramble/world/side_track.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "bramble/core/random.hpp"
#include "bramble/world/land.hpp"
#include "bramble/world/noise.hpp"
#include "bramble/world/path_shape.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {
namespace {

using Eigen::Vector2d;

constexpr double kStep = 0.5;       // between points, metres
constexpr double kLeaving = 14.0;   // length of the piece that may be near the loop, metres
constexpr double kMinRadius = 6.0;  // tightest bend, metres
constexpr double kApart = 9.0;      // between two forks, and between a fork and the loop, metres

double distance_to(const std::vector<Eigen::Vector3d>& points, const Vector2d& p) {
  double squared = std::numeric_limits<double>::infinity();
  for (const auto& point : points) squared = std::min(squared, (point.head<2>() - p).squaredNorm());
  return std::sqrt(squared);
}

Vector2d turned(const Vector2d& v, double angle) {
  return {std::cos(angle) * v.x() - std::sin(angle) * v.y(), std::sin(angle) * v.x() + std::cos(angle) * v.y()};
}

double length_of(const Path& line) {
  double length = 0;
  for (std::size_t i = 1; i < line.points.size(); ++i) length += (line.points[i] - line.points[i - 1]).head<2>().norm();
  return length;
}

// Leaves at s0, turns away and wanders on until it is lost.
std::vector<Eigen::Vector3d> wander(const Path& loop, double s0, double side, double length_m, const Noise& noise) {
  std::vector<Eigen::Vector3d> points;
  Vector2d p = loop.point_at(s0).head<2>();
  Vector2d heading = turned(loop.tangent_at(s0).head<2>(), side * 0.3);
  for (double s = 0; s <= length_m; s += kStep) {
    points.emplace_back(p.x(), p.y(), 0.0);
    const double away = side * smoothstep(22, 8, s) / 16.0;
    heading = turned(heading, kStep * (away + 0.16 * noise.at(p.x(), p.y(), 18.0)));
    p += kStep * heading;
  }
  return points;
}

// Leaves at s0 and comes back at s1, a bow beside the loop: a cubic with the wanted directions at its ends.
std::vector<Eigen::Vector3d> bow(const Path& loop, double s0, double s1, double side) {
  const Vector2d a = loop.point_at(s0).head<2>(), b = loop.point_at(s1).head<2>();
  const double pull = 1.35 * (b - a).norm();
  const Vector2d da = pull * turned(loop.tangent_at(s0).head<2>(), side * 0.6);
  const Vector2d db = pull * turned(loop.tangent_at(s1).head<2>(), -side * 0.6);
  const auto at = [&](double t) -> Vector2d {
    const double u = t * t, w = u * t;
    return (2 * w - 3 * u + 1) * a + (w - 2 * u + t) * da + (3 * u - 2 * w) * b + (w - u) * db;
  };
  std::vector<Eigen::Vector3d> points{{a.x(), a.y(), 0.0}};
  Vector2d last = a;
  constexpr int kPieces = 4000;
  for (int i = 1; i <= kPieces; ++i) {
    const Vector2d p = at(static_cast<double>(i) / kPieces);
    if ((p - last).norm() < kStep && i < kPieces) continue;
    points.emplace_back(p.x(), p.y(), 0.0);
    last = p;
  }
  return points;
}

}  // namespace

double SideTrack::presence(double s_m) const { return rejoins ? 1 : smoothstep(length_m, 0.5 * length_m, s_m); }

std::vector<SideTrack> make_forks(const Scenario& scenario, const Path& loop) {
  std::vector<SideTrack> forks;
  const std::vector<Pond> ponds = place_ponds(scenario.water, loop);
  const double loop_length = loop.length_m();
  const double reach = 0.5 * scenario.terrain.size_m - std::max(8.0, 0.5 * scenario.terrain.rim_width_m);
  const Noise noise(scenario.seed, stream_of("forks"));
  const auto free = [&](const SideTrack& fork) {
    const auto& points = fork.line.points;
    const auto leaving = static_cast<std::size_t>(kLeaving / kStep);
    if (points.size() < 2 * leaving + 4 || min_bend_radius_m(fork.line) < kMinRadius) return false;
    for (std::size_t i = 0; i < points.size(); i += 2) {
      const Vector2d p = points[i].head<2>();
      if (p.cwiseAbs().maxCoeff() > reach) return false;
      for (const Pond& pond : ponds)
        if (pond.reach(p.x(), p.y()) < 1.7) return false;
      for (const SideTrack& other : forks)
        if (distance_to(other.line.points, p) < kApart) return false;
      const bool near_end = i < leaving || (fork.rejoins && points.size() - i < leaving);
      if (!near_end && distance_to(loop.points, p) < 0.5 * scenario.path.width_m + 3.5) return false;
    }
    return true;
  };
  for (int number = 0; number < scenario.path.forks; ++number)
    for (int attempt = 0; attempt < 60; ++attempt) {
      Random random(scenario.seed, stream_of("fork"), static_cast<std::uint64_t>(number * 100 + attempt));
      const double s0 = random.uniform(0.0, loop_length);
      const double side = random.uniform(0.0, 1.0) < 0.5 ? -1 : 1;
      const double length = scenario.path.fork_length_m * random.uniform(0.8, 1.2);
      SideTrack fork;
      fork.rejoins = number % 2 == 1;
      if (fork.rejoins && !loop.closed && s0 + length > loop_length) continue;  // it would come back beyond the end
      fork.wear = random.uniform(0.35, 0.8);
      fork.line.closed = false;
      fork.line.width_m = scenario.path.width_m;
      fork.line.rut_spacing_m = scenario.path.rut_spacing_m;
      fork.line.points = fork.rejoins ? bow(loop, s0, s0 + length, side) : wander(loop, s0, side, length, noise);
      fork.length_m = length_of(fork.line);
      if (!free(fork)) continue;
      forks.push_back(std::move(fork));
      break;
    }
  return forks;
}

}  // namespace bramble
