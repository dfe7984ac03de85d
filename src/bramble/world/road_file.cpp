#include "bramble/world/road_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/world/path_shape.hpp"

namespace bramble {
namespace {

using Eigen::Vector2d;
using Eigen::Vector3d;

constexpr double kSpacing = 0.5;       // between the path's points, metres
constexpr double kFineSpacing = 0.05;  // at which roads are sampled first, metres
constexpr double kEndsMeet = 0.1;      // metres
constexpr double kShortest = 10;       // of a path, metres
constexpr double kLongest = 50'000;    // of a path, metres
constexpr double kMiddleReach = 5;     // over which the middle of the lanes is averaged, to either side, metres
constexpr double kRoomAtBorder = 10;   // of the terrain, beside the path, metres

// Seen from above.
double distance(const Vector3d& a, const Vector3d& b) { return (b - a).head<2>().norm(); }

// --- points at equal distances -------------------------------------------------------------------------------------

// Points at equal distances along line[first] … line[last], as near to kSpacing as goes; without the last of them.
void space_run(const std::vector<Vector3d>& line, std::size_t first, std::size_t last, std::vector<Vector3d>& points) {
  double length = 0;
  for (std::size_t i = first; i < last; ++i) length += distance(line[i], line[i + 1]);
  const auto count = std::max<long>(1, std::lround(length / kSpacing));
  std::size_t piece = first;
  double before = 0;  // length of the pieces already passed
  for (long k = 0; k < count; ++k) {
    const double target = length * static_cast<double>(k) / static_cast<double>(count);
    double piece_length = distance(line[piece], line[piece + 1]);
    while (before + piece_length < target && piece + 2 <= last) {
      before += piece_length;
      ++piece;
      piece_length = distance(line[piece], line[piece + 1]);
    }
    points.push_back(line[piece] + std::min(1.0, (target - before) / piece_length) * (line[piece + 1] - line[piece]));
  }
}

// A path along a line whose last point is its first when it is closed. Corners keep their place, but for those that
// follow one another closely. Neighbouring points of the line must differ.
Path evenly_spaced(const std::vector<Vector3d>& line, bool closed) {
  Path path;
  path.closed = closed;
  std::size_t run = 0;
  double since_run = 0;  // metres
  for (std::size_t i = 1; i < line.size(); ++i) {
    bool corner = i + 1 == line.size();
    if (!corner) {
      const Vector2d a = (line[i] - line[i - 1]).head<2>(), b = (line[i + 1] - line[i]).head<2>();
      corner = std::abs(std::atan2(a.x() * b.y() - a.y() * b.x(), a.dot(b))) > kCornerRad;
    }
    since_run += distance(line[i - 1], line[i]);
    if (!corner || (since_run < 0.5 * kSpacing && i + 1 < line.size())) continue;
    space_run(line, run, i, path.points);
    run = i;
    since_run = 0;
  }
  if (!closed) path.points.push_back(line.back());
  return path;
}

// Whether the points are a path's already.
bool well_spaced(const std::vector<Vector3d>& line) {
  for (std::size_t i = 1; i < line.size(); ++i)
    if (std::abs(distance(line[i - 1], line[i]) - kSpacing) > 0.3 * kSpacing) return false;
  return true;
}

// The path along a line that was read. `name` stands in messages.
Path path_along(std::vector<Vector3d> line, const std::string& name) {
  std::vector<Vector3d> kept;
  double length = 0;
  for (const Vector3d& point : line) {
    if (!kept.empty() && distance(kept.back(), point) < 1e-6) continue;
    if (!kept.empty()) length += distance(kept.back(), point);
    kept.push_back(point);
  }
  if (!(length >= kShortest))
    fail("{}: the path is {:.2f} m long, must be at least {} m; give more of the road", name, length, kShortest);
  if (!(length <= kLongest))
    fail("{}: the path is {:.1f} km long, at most {} km can be read; give metres", name, length / 1000,
         kLongest / 1000);
  const bool closed = distance(kept.front(), kept.back()) <= kEndsMeet;
  if (closed) {
    // The seam's miss goes into the last piece.
    if (distance(kept[kept.size() - 2], kept.front()) < 1e-6) kept.pop_back();
    kept.back() = kept.front();
  }
  if (!well_spaced(kept)) return evenly_spaced(kept, closed);
  Path path;
  path.closed = closed;
  path.points = std::move(kept);
  if (closed) path.points.pop_back();
  return path;
}

// --- OpenDRIVE -----------------------------------------------------------------------------------------------------

// A road driven along its reference line or against it.
struct Leg {
  const Road* road;
  bool forwards = true;

  Vector2d end(bool last) const {
    const bool at_end = last == forwards;
    return road->reference_at(at_end ? road->length_m() : 0).position;
  }
};

// Ways through the roads of a file: from link to link.
class Ways {
 public:
  Ways(const OpenDrive& drive, const std::string& name) : drive_(drive), name_(name) {}

  // The way that leads through a road, in that road's direction. `closed`: it comes back to its begin.
  std::vector<Leg> through(const Road& road, bool& closed) const {
    std::vector<Leg> legs = onwards({&road, true}, closed);
    if (closed) return legs;
    bool meets_itself = false;
    std::vector<Leg> before = onwards({&road, false}, meets_itself);
    for (std::size_t i = 1; i < before.size(); ++i) {
      const auto same = [&](const Leg& leg) { return leg.road == before[i].road; };
      if (std::any_of(legs.begin(), legs.end(), same)) break;
      legs.insert(legs.begin(), {before[i].road, !before[i].forwards});
    }
    return legs;
  }

 private:
  std::vector<Leg> onwards(Leg leg, bool& closed) const {
    std::vector<Leg> legs{leg};
    std::set<const Road*> seen{leg.road};
    closed = false;
    while (true) {
      const auto& link = leg.forwards ? leg.road->successor : leg.road->predecessor;
      if (!link || link->junction) return legs;
      const auto next =
          std::find_if(drive_.roads.begin(), drive_.roads.end(), [&](const Road& road) { return road.id == link->id; });
      if (next == drive_.roads.end())
        fail("{}: road '{}' names road '{}' as its {}, which the file does not hold; add it or take the link away",
             name_, leg.road->id, link->id, leg.forwards ? "successor" : "predecessor");
      const Vector2d here = leg.end(true);
      Leg following{&*next, true};
      if (link->at_start)
        following.forwards = *link->at_start;
      else
        following.forwards = (following.end(false) - here).norm() <= (following.end(true) - here).norm();
      const double gap = (following.end(false) - here).norm();
      if (!(gap <= kEndsMeet))
        fail("{}: road '{}' ends {:.2f} m from where its {} '{}' is to go on; mend the link or its contactPoint", name_,
             leg.road->id, gap, leg.forwards ? "successor" : "predecessor", following.road->id);
      if (seen.contains(following.road)) {
        closed = following.road == legs.front().road && following.forwards == legs.front().forwards;
        return legs;
      }
      seen.insert(following.road);
      legs.push_back(following);
      leg = following;
    }
  }

  const OpenDrive& drive_;
  const std::string& name_;
};

double length_of(const std::vector<Leg>& legs) {
  double length = 0;
  for (const Leg& leg : legs) length += leg.road->length_m();
  return length;
}

std::vector<Leg> choose_way(const OpenDrive& drive, const std::string& name, const std::string& wanted) {
  const Ways ways(drive, name);
  bool closed = false;
  if (!wanted.empty()) {
    std::vector<std::string> ids;
    for (const Road& road : drive.roads) {
      if (road.id == wanted) return ways.through(road, closed);
      ids.push_back(road.id);
    }
    if (ids.size() > 20) ids.resize(20);
    fail("{}: holds no road '{}'; there are: {}{}", name, wanted, fmt::join(ids, ", "),
         ids.size() < drive.roads.size() ? ", …" : "");
  }
  std::vector<Leg> longest;
  std::set<const Road*> taken;
  for (const Road& road : drive.roads) {
    if (road.junction != "-1" && !road.junction.empty()) continue;
    if (taken.contains(&road)) continue;
    std::vector<Leg> legs = ways.through(road, closed);
    for (const Leg& leg : legs) taken.insert(leg.road);
    if (longest.empty() || length_of(legs) > length_of(longest) + 1e-6) longest = std::move(legs);
  }
  if (longest.empty())
    fail("{}: holds only roads that lie in junctions; export the roads between them too, or name one of these", name);
  return longest;
}

// A sample of a way, in the way's direction.
struct Sample {
  PlanPose pose;
  double s_m = 0;  // from the way's begin
  double z_m = 0;
  double middle_m = 0;  // of the driving lanes, to the left of the reference line
};

void sample_leg(const Leg& leg, const std::string& name, std::vector<Sample>& samples, RoadFile& result) {
  std::vector<Sample> own;
  const Road& road = *leg.road;
  for (const PlanGeometry& geometry : road.plan_view) {
    const auto count = std::max<long>(1, std::lround(geometry.length_m / kFineSpacing));
    // Where two geometries meet the end of the first counts: a small miss is no corner.
    for (long k = own.empty() ? 0 : 1; k <= count; ++k) {
      const double ds = geometry.length_m * static_cast<double>(k) / static_cast<double>(count);
      const double s = geometry.s_m + ds;
      Sample sample{geometry.at(ds), s, value_at(road.elevation, s), 0};
      if (!sample.pose.position.allFinite() || !std::isfinite(sample.z_m) ||
          (!own.empty() && (sample.pose.position - own.back().pose.position).norm() > 20 * kFineSpacing))
        fail(
            "{}: road '{}': the geometry at s = {} runs off near s = {:.1f}: its points lie far more apart than its "
            "length says; check its coefficients and pRange",
            name, road.id, geometry.s_m, s);
      if (const auto band = road.drivable_at(s)) {
        const double width = band->left_m - band->right_m;
        sample.middle_m = 0.5 * (band->left_m + band->right_m);
        if (!(std::abs(sample.middle_m) < 1000) || !(width < 1000))
          fail("{}: road '{}': its lanes reach {:g} m wide at s = {:.1f}; check widths and lane offset", name, road.id,
               width, s);
        result.least_width_m = result.greatest_width_m > 0 ? std::min(result.least_width_m, width) : width;
        result.greatest_width_m = std::max(result.greatest_width_m, width);
      }
      own.push_back(sample);
    }
  }
  const double before = samples.empty() ? 0 : samples.back().s_m;
  const double length = road.length_m();
  if (!leg.forwards) {
    std::reverse(own.begin(), own.end());
    for (Sample& sample : own) {
      sample.pose.heading_rad += std::numbers::pi;
      sample.s_m = length - sample.s_m;
      sample.middle_m = -sample.middle_m;
    }
  }
  if (!samples.empty()) own.erase(own.begin());
  for (Sample& sample : own) {
    sample.s_m += before;
    samples.push_back(sample);
  }
}

// Averages the middle of the lanes over 10 m of the way, so that a lane that begins abruptly moves it gradually.
void ease_middle(std::vector<Sample>& samples) {
  const auto differs = [&](const Sample& s) { return s.middle_m != samples.front().middle_m; };
  if (std::none_of(samples.begin(), samples.end(), differs)) return;
  std::vector<double> eased(samples.size());
  std::size_t first = 0, last = 0;  // the window [first, last)
  double sum = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double reach =
        std::min({kMiddleReach, samples[i].s_m - samples.front().s_m, samples.back().s_m - samples[i].s_m});
    while (last < samples.size() && samples[last].s_m <= samples[i].s_m + reach + 1e-9) sum += samples[last++].middle_m;
    while (samples[first].s_m < samples[i].s_m - reach - 1e-9) sum -= samples[first++].middle_m;
    eased[i] = sum / static_cast<double>(last - first);
  }
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i].middle_m = eased[i];
}

}  // namespace

RoadFile parse_opendrive_path(const std::string& text, const std::string& name, const RoadFileOptions& options) {
  const OpenDrive drive = parse_opendrive(text, name);
  RoadFile result;
  result.left_out = drive.left_out;
  result.geo_reference = drive.geo_reference;
  const std::vector<Leg> legs = choose_way(drive, name, options.road);
  if (length_of(legs) > kLongest)
    fail("{}: the way from road '{}' to road '{}' is {:.1f} km long, at most {} km can be read; cut it", name,
         legs.front().road->id, legs.back().road->id, length_of(legs) / 1000, kLongest / 1000);
  // 1. The reference line, the heights and the middle of the lanes, finely.
  std::vector<Sample> samples;
  for (const Leg& leg : legs) {
    sample_leg(leg, name, samples, result);
    result.roads.push_back(leg.road->id);
    result.has_heights |= !leg.road->elevation.empty();
  }
  if (drive.roads.size() > legs.size())
    result.left_out.push_back(fmt::format("{} of {} roads, which the way does not lead through",
                                          drive.roads.size() - legs.size(), drive.roads.size()));
  // 2. The path: beside the reference line, where the lanes have their middle.
  ease_middle(samples);
  std::vector<Vector3d> line;
  for (const Sample& sample : samples) {
    const Vector2d left(-std::sin(sample.pose.heading_rad), std::cos(sample.pose.heading_rad));
    const Vector2d p = sample.pose.position + sample.middle_m * left;
    line.emplace_back(p.x(), p.y(), sample.z_m);
  }
  result.path = path_along(std::move(line), name);
  if (result.greatest_width_m > 0)
    result.path.width_m = 0.5 * (result.least_width_m + result.greatest_width_m);
  else
    result.left_out.push_back("lanes: none is for driving, so the path follows the reference line");
  return result;
}

RoadFile parse_waypoints(const std::string& text, const std::string& name, const RoadFileOptions& options) {
  constexpr const char* kForm = "must be a list of points [[x, y, z], [x, y, z], …] in metres";
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    const std::string what = error.what();  // «[json.exception.parse_error.101] parse error at line 2, column 5: …»
    fail("{}: is not well-formed JSON: {}", name, what.substr(std::min(what.find("] ") + 2, what.size())));
  }
  if (!json.is_array()) fail("{}: holds a JSON {}, {}", name, json.type_name(), kForm);
  RoadFile result;
  std::vector<Vector3d> line;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const nlohmann::json& point = json[i];
    if (!point.is_array() || point.size() < 2 || point.size() > 3)
      fail("{}: point {} is {}, {}", name, i, point.dump().substr(0, 60), kForm);
    Vector3d p = Vector3d::Zero();
    for (std::size_t k = 0; k < point.size(); ++k) {
      if (!point[k].is_number()) fail("{}: point {} is {}, {}", name, i, point.dump().substr(0, 60), kForm);
      p[static_cast<Eigen::Index>(k)] = point[k].get<double>();
    }
    if (!(p.cwiseAbs().maxCoeff() < 1e9))
      fail("{}: point {} lies {:g} m from the origin, {}", name, i, p.cwiseAbs().maxCoeff(), kForm);
    if ((point.size() == 3) != result.has_heights && i > 0)
      fail("{}: point {} has {} numbers, the one before {}; give a height to all points or to none", name, i,
           point.size(), result.has_heights ? 3 : 2);
    result.has_heights = point.size() == 3;
    if (options.unreal)
      p = {(p.x() - options.unreal->x_cm) / 100, -(p.y() - options.unreal->y_cm) / 100,
           result.has_heights ? (p.z() - options.unreal->z_cm) / 100 : 0.0};
    line.push_back(p);
  }
  if (line.size() < 2) fail("{}: holds {} points, a path needs two or more", name, line.size());
  result.path = path_along(std::move(line), name);
  return result;
}

RoadFile read_road_file(const std::filesystem::path& file, const RoadFileOptions& options) {
  const std::string extension = file.extension().string();
  if (extension != ".xodr" && extension != ".json")
    fail("{}: is neither .xodr (OpenDRIVE) nor .json (waypoints); roads are read from these", file.string());
  const std::string text = read_text_file(file);
  return extension == ".xodr" ? parse_opendrive_path(text, file.string(), options)
                              : parse_waypoints(text, file.string(), options);
}

std::string waypoints_json(const Path& path, const std::optional<UnrealOrigin>& unreal) {
  std::string text = "[";
  const std::size_t count = path.points.size() + (path.closed && !path.points.empty() ? 1 : 0);
  for (std::size_t i = 0; i < count; ++i) {
    Vector3d p = path.points[i % path.points.size()];
    if (unreal) p = Vector3d(unreal->x_cm + 100 * p.x(), unreal->y_cm - 100 * p.y(), unreal->z_cm + 100 * p.z());
    text += fmt::format("{}[{:.4f}, {:.4f}, {:.4f}]", i == 0 ? "" : ",\n ", p.x(), p.y(), p.z());
  }
  return text + "]\n";
}

PathExtent extent_of(const Path& path) {
  PathExtent extent{Vector2d::Constant(std::numeric_limits<double>::infinity()),
                    Vector2d::Constant(-std::numeric_limits<double>::infinity())};
  for (const Vector3d& point : path.points) {
    extent.low = extent.low.cwiseMin(point.head<2>());
    extent.high = extent.high.cwiseMax(point.head<2>());
  }
  return extent;
}

Path make_scenario_path(const Scenario& scenario) {
  const PathScenario& wanted = scenario.path;
  if (wanted.file.empty()) return make_path_loop(wanted, wanted.seed ? wanted.seed : scenario.seed);
  const std::string where =
      fmt::format("{}: path.file: ", scenario.file.empty() ? scenario.name : scenario.file.string());
  RoadFileOptions options;
  options.road = wanted.file_road;
  if (const auto& origin = wanted.file_unreal_origin; !origin.empty())
    options.unreal = UnrealOrigin{origin[0], origin[1], origin[2]};
  RoadFile read;
  try {
    read = read_road_file(wanted.file, options);
  } catch (const Error& error) {
    fail("{}{}", where, error.what());
  }
  if (wanted.file_elevation && !read.has_heights)
    fail("{}{} gives no heights; leave path.file_elevation out, or give the road an elevation profile", where,
         wanted.file.string());
  // To its place on the terrain.
  const double room = 0.5 * scenario.terrain.size_m - 0.5 * wanted.width_m - kRoomAtBorder;
  const PathExtent extent = extent_of(read.path);
  const auto fits = [&](const Vector2d& origin) {
    return (extent.high - origin).maxCoeff() <= room && (extent.low - origin).minCoeff() >= -room;
  };
  Vector3d origin = Vector3d::Zero();
  if (!wanted.file_origin.empty())
    std::copy(wanted.file_origin.begin(), wanted.file_origin.end(), origin.data());
  else if (!fits(Vector2d::Zero()))
    origin.head<2>() = 0.5 * (extent.low + extent.high);
  if (!fits(origin.head<2>())) {
    const Vector2d size = extent.high - extent.low;
    const std::string what = fmt::format(
        "{}{} runs from ({:.0f}, {:.0f}) to ({:.0f}, {:.0f}), {:.0f} m x {:.0f} m; the terrain has room for {:.0f} m x "
        "{:.0f} m (terrain.size_m {:g}, less the path's width and {} m at each border)",
        where, wanted.file.string(), extent.low.x(), extent.low.y(), extent.high.x(), extent.high.y(), size.x(),
        size.y(), 2 * room, 2 * room, scenario.terrain.size_m, kRoomAtBorder);
    if (size.maxCoeff() <= 2 * room)
      fail("{}; with path.file_origin [{:g}, {:g}] it leaves the terrain: leave the key out to centre the road", what,
           origin.x(), origin.y());
    fail("{}; make terrain.size_m larger, or give a shorter road", what);
  }
  for (Vector3d& point : read.path.points) {
    point -= origin;
    if (!wanted.file_elevation) point.z() = 0;
  }
  read.path.width_m = wanted.width_m;
  read.path.rut_spacing_m = wanted.rut_spacing_m;
  return read.path;
}

}  // namespace bramble
