#include "bramble/world/stream.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

using Eigen::Vector2d;

constexpr double kStep = 1.0;          // between points of a traced stream, metres
constexpr double kBelowGround = 0.35;  // of the water below the land it runs through, metres
constexpr double kDeepestCut = 2.4;    // of the water below the land, metres: deeper cuts end the stream
constexpr double kLeastFall = 0.003, kGreatestFall = 0.3;  // of the water along its way
constexpr double kFordBelowPath = 0.05;
constexpr double kFordDepth = 0.12;
constexpr double kBankWidth = 5.5;  // from the water to untouched ground, metres
constexpr double kTaper = 8.0;      // length over which an end fades, metres

double mix(double a, double b, double t) { return a + t * (b - a); }

double nearest_distance(const std::vector<Eigen::Vector3d>& points, const Vector2d& p, Vector2d* away = nullptr) {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& point : points) {
    const Vector2d off = p - point.head<2>();
    if (off.squaredNorm() >= least) continue;
    least = off.squaredNorm();
    if (away) *away = off.normalized();
  }
  return std::sqrt(least);
}

struct Course {
  std::vector<Vector2d> points;
  bool into_pond = false;
};

// Follows the slope from a ford, downwards or upwards, winding, away from the path and from ponds (but into one below).
Course follow(const Scenario& scenario, const Path& loop, const std::vector<Pond>& ponds,
              const std::function<double(double, double)>& ground, const Noise& meander, const Vector2d& from,
              const Vector2d& towards, bool down, double length_m) {
  Course course{{from}, false};
  Vector2d p = from, heading = towards;
  const double border = 0.5 * scenario.terrain.size_m - 2.0;
  for (double s = kStep; s <= length_m; s += kStep) {
    constexpr double kReach = 5.0;
    const Vector2d slope(ground(p.x() + kReach, p.y()) - ground(p.x() - kReach, p.y()),
                         ground(p.x(), p.y() + kReach) - ground(p.x(), p.y() - kReach));
    Vector2d wanted = (down ? -1 : 1) * slope / (2 * kReach);
    wanted *= std::min(1.0, 12 * wanted.norm()) / std::max(1e-9, wanted.norm());
    Vector2d away = Vector2d::Zero();
    const double to_path = nearest_distance(loop.points, p, &away);
    if (s > 8) wanted += 1.6 * smoothstep(14, 5, to_path) * away;
    for (const Pond& pond : ponds)
      if (!down) wanted += 1.5 * smoothstep(3.0, 1.8, pond.reach(p.x(), p.y())) * (p - pond.centre).normalized();
    if (s > 6) {
      const double turn = 0.3 * meander.at(p.x(), p.y(), 9.0);
      heading = (0.8 * heading + 0.2 * wanted).normalized();
      heading = Vector2d(heading.x() - turn * heading.y(), heading.y() + turn * heading.x()).normalized();
    }
    if (heading.dot(towards) < -0.3) break;  // it only circles in a hollow
    p += kStep * heading;
    if (p.cwiseAbs().maxCoeff() > border) break;
    if (s > 10 && to_path < 0.5 * scenario.path.width_m + 2.5) break;
    // A stream that would run back into itself stops.
    const std::size_t old = course.points.size() > 9 ? course.points.size() - 9 : 0;
    bool meets_itself = false;
    for (std::size_t i = 0; i < old; ++i) meets_itself |= (course.points[i] - p).squaredNorm() < 16;
    if (meets_itself) break;
    course.points.push_back(p);
    for (const Pond& pond : ponds) course.into_pond |= down && pond.reach(p.x(), p.y()) < 0.7;
    if (course.into_pond) break;
    if (!down)
      for (const Pond& pond : ponds)
        if (pond.reach(p.x(), p.y()) < 1.6) return course;
  }
  return course;
}

Path line_through(const std::vector<Eigen::Vector3d>& points) {
  Path line;
  line.closed = false;
  line.points = points;
  return line;
}

std::vector<Vector2d> smoothed(const std::vector<Vector2d>& points) {
  std::vector<Vector2d> result = points;
  for (std::size_t i = 2; i + 2 < points.size(); ++i)
    result[i] = (points[i - 2] + points[i - 1] + points[i] + points[i + 1] + points[i + 2]) / 5;
  return result;
}

// From the source to the mouth across the path: points and levels.
Path across(const Scenario& scenario, const StreamScenario& given, const Path& loop, const std::vector<Pond>& ponds,
            const std::function<double(double, double)>& ground, const Noise& meander, bool& into_pond) {
  // 1. The ford: within 40 m the place where the land falls away most on one side, and the path runs level.
  double best = -1e9;
  Eigen::Vector3d ford = loop.points.front();
  Vector2d downhill = Vector2d::UnitX();
  for (double off = -40; off <= 40; off += 2) {
    const double s = given.at * loop.length_m() + off;
    const Eigen::Vector3d p = loop.point_at(s), tangent = loop.tangent_at(s);
    const Vector2d left(-tangent.y(), tangent.x());
    const double slope = std::abs(loop.point_at(s + 3).z() - loop.point_at(s - 3).z()) / 6;
    for (const double side : {-1.0, 1.0}) {
      const Vector2d near = p.head<2>() + side * 12 * left, far = p.head<2>() + side * 24 * left;
      const Vector2d behind = p.head<2>() - side * 12 * left;
      // A drop counts up to 2 m here and 2 m there; a rise behind is where the water comes from.
      const double score = std::min(2.0, p.z() - ground(near.x(), near.y())) +
                           std::min(2.0, ground(near.x(), near.y()) - ground(far.x(), far.y())) +
                           std::min(1.0, ground(behind.x(), behind.y()) - p.z()) - 40 * slope;
      if (score <= best) continue;
      best = score;
      ford = p;
      downhill = side * left;
    }
  }
  // 2. Down and up from there.
  const Course down =
      follow(scenario, loop, ponds, ground, meander, ford.head<2>(), downhill, true, 0.55 * given.length_m);
  const Course up =
      follow(scenario, loop, ponds, ground, meander, ford.head<2>(), -downhill, false, 0.45 * given.length_m);
  into_pond = down.into_pond;
  const std::vector<Vector2d> below = smoothed(down.points), above = smoothed(up.points);
  // 3. Levels: falling all the way, a little below the land, never steeper than a rapid.
  const double least_level = scenario.water.level_m;
  std::vector<Eigen::Vector3d> points;
  double level = ford.z() - kFordBelowPath;
  for (std::size_t i = 0; i < above.size(); ++i) {
    const double land = ground(above[i].x(), above[i].y());
    if (i > 0) level = std::clamp(land - kBelowGround, level + kLeastFall * kStep, level + kGreatestFall * kStep);
    if (land - level > kDeepestCut || level - land > 0.8) break;
    points.emplace_back(above[i].x(), above[i].y(), level);
  }
  std::reverse(points.begin(), points.end());
  level = ford.z() - kFordBelowPath;
  for (std::size_t i = 1; i < below.size(); ++i) {
    const double land = ground(below[i].x(), below[i].y());
    level = std::clamp(land - kBelowGround, level - kGreatestFall * kStep, level - kLeastFall * kStep);
    level = std::max(level, least_level);
    if (land - level > kDeepestCut) {
      into_pond = false;
      break;
    }
    points.emplace_back(below[i].x(), below[i].y(), level);
  }
  return line_through(points);
}

// Along the path, on one side of it, down its slope.
Path beside(const Scenario& scenario, const StreamScenario& given, const Path& loop, const std::vector<Pond>& ponds,
            const Noise& meander) {
  const double side = given.course == "left" ? 1 : -1;
  const double offset = 0.5 * (scenario.path.width_m + given.width_m) + 2.2;
  const double s0 = given.at * loop.length_m() - 0.5 * given.length_m;
  std::vector<Eigen::Vector3d> points;
  for (double s = 0; s <= given.length_m; s += kStep) {
    if (!loop.closed && (s0 + s < 0 || s0 + s > loop.length_m())) continue;
    const Eigen::Vector3d p = loop.point_at(s0 + s), tangent = loop.tangent_at(s0 + s);
    const Vector2d left(-tangent.y(), tangent.x());
    const Vector2d place = p.head<2>() + side * (offset + 1.1 + 2.2 * meander.at(p.x(), p.y(), 11.0)) * left;
    points.emplace_back(place.x(), place.y(), p.z() - 0.3);
  }
  if (points.empty()) return line_through(points);
  if (points.front().z() < points.back().z()) std::reverse(points.begin(), points.end());
  // It ends where a pond is, or where the path climbs so far that it would have to be cut too deep.
  double level = points.front().z();
  std::size_t count = 0;
  for (Eigen::Vector3d& point : points) {
    const double path_z = point.z();
    level = std::clamp(path_z, level - kGreatestFall * kStep, level - kLeastFall * kStep);
    bool dry = path_z - level < 0.9;
    for (const Pond& pond : ponds) dry = dry && pond.reach(point.x(), point.y()) > 1.5;
    if (!dry) break;
    point.z() = std::max(level, scenario.water.level_m + 0.02);
    ++count;
  }
  points.resize(count);
  return line_through(points);
}

double length_of(const Path& line) {
  double length = 0;
  for (std::size_t i = 1; i < line.points.size(); ++i) length += (line.points[i] - line.points[i - 1]).head<2>().norm();
  return length;
}

}  // namespace

Stream::Stream(const StreamScenario& scenario, Path line, bool into_pond, std::uint64_t seed, double size_m)
    : scenario_(scenario),
      line_(std::move(line)),
      into_pond_(into_pond),
      length_m_(length_of(line_)),
      field_(line_, size_m),
      widths_(seed, stream_of("stream width")) {}

bool Stream::near(double x, double y, double margin_m) const {
  return field_.rough_distance(x, y) < 0.7 * scenario_.width_m + kBankWidth + 1 + margin_m;
}

Stream::Place Stream::locate(double x, double y) const {
  const PathPlace nearest = field_.locate(x, y);
  Place place;
  place.presence = smoothstep(0, kTaper, nearest.s_m);
  if (!into_pond_) place.presence *= smoothstep(length_m_, length_m_ - kTaper, nearest.s_m);
  place.distance_m = std::abs(nearest.distance_m + 0.25 * widths_.at(x, y, 2.5) + 0.1 * widths_.at(x, y, 0.8));
  const double wider = 1 + 0.9 * widths_.at(x + 300, y, 12.0);
  place.half_width_m = 0.5 * scenario_.width_m * wider * mix(0.35, 1, place.presence);
  place.depth_m = scenario_.depth_m * mix(0.3, 1, place.presence);
  place.level_m = nearest.height_m;
  return place;
}

double Stream::shaped(const Place& place, double height, double path_gap_m) const {
  const double off = place.distance_m - place.half_width_m;
  const double u = place.distance_m / place.half_width_m;
  const double reach = place.presence * smoothstep(kBankWidth, 0.9, off);
  // Off the path a bed and banks, cut and filled into the land.
  const double bank = place.level_m + (off > 0 ? std::min(0.35 * off, 0.3 + 0.08 * off) : 0.0);
  const double bed = place.level_m - place.depth_m * (1 - u * u);
  const double natural = mix(height, off < 0 ? bed : bank, reach);
  if (scenario_.course != "across") return mix(natural, height, smoothstep(1.6, 0.3, path_gap_m));
  const double on_path = smoothstep(3.0, 0.6, path_gap_m);
  if (on_path <= 0) return natural;
  // On it a ford: the path dips gently into shallow water; a low sill keeps the water in where the path falls.
  const double sill = place.level_m + std::min(0.05, 0.08 * std::max(0.0, off));
  const double dip = off < 0 ? place.level_m - kFordDepth * (1 - u * u)
                             : std::clamp(height, std::min(sill, place.level_m + 0.1 * off), place.level_m + 0.1 * off);
  const double ford = mix(height, dip, place.presence * smoothstep(3.4, 1.7, off));
  return mix(natural, ford, on_path);
}

std::vector<Stream> place_streams(const Scenario& scenario, const Path& loop, const std::vector<Pond>& ponds,
                                  const std::function<double(double x, double y)>& ground) {
  std::vector<Stream> streams;
  const Noise meander(scenario.seed, stream_of("meander"));
  for (const StreamScenario& given : scenario.water.streams) {
    bool into_pond = false;
    Path line = given.course == "across" ? across(scenario, given, loop, ponds, ground, meander, into_pond)
                                         : beside(scenario, given, loop, ponds, meander);
    if (line.points.size() < 12) continue;  // no room for a stream here
    streams.emplace_back(given, std::move(line), into_pond, scenario.seed, scenario.terrain.size_m);
  }
  return streams;
}

}  // namespace bramble
