#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <pugixml.hpp>

#include "bramble/core/error.hpp"
#include "bramble/world/opendrive.hpp"

namespace bramble {
namespace {

using Eigen::Vector2d;

constexpr double kLongestPiece = 10;         // metres: CARLA takes p for the share of the length, so pieces are short
constexpr double kPlanTolerance = 0.0002;    // metres
constexpr double kHeightTolerance = 0.0003;  // metres
constexpr double kStraight = 1e-6;           // metres off a line that counts as straight

// The path's points as they follow each other, the first again at the end of a closed one, and the pieces between
// corners.
struct Outline {
  std::vector<Vector2d> points;
  std::vector<double> height_m;
  std::vector<double> s_m;           // along the straight pieces
  std::vector<std::size_t> corners;  // with both ends
  bool smooth_seam = false;          // closed, and no corner where it closes
};

double turn_between(const Vector2d& a, const Vector2d& b) {
  return std::atan2(a.x() * b.y() - a.y() * b.x(), a.dot(b));
}

Outline outline_of(const Path& path) {
  Outline outline;
  const std::size_t count = path.points.size() + (path.closed && !path.points.empty() ? 1 : 0);
  for (std::size_t i = 0; i < count; ++i) {
    const Eigen::Vector3d& p = path.points[i % path.points.size()];
    if (!outline.points.empty() && (p.head<2>() - outline.points.back()).norm() < 1e-6) continue;
    outline.s_m.push_back(outline.points.empty() ? 0.0
                                                 : outline.s_m.back() + (p.head<2>() - outline.points.back()).norm());
    outline.points.push_back(p.head<2>());
    outline.height_m.push_back(p.z());
  }
  if (outline.points.size() < 3) fail("a road needs a path of at least 3 different points");
  const std::size_t last = outline.points.size() - 1;
  const auto direction = [&](std::size_t piece) -> Vector2d {
    return outline.points[piece + 1] - outline.points[piece];
  };
  outline.corners.push_back(0);
  for (std::size_t i = 1; i < last; ++i)
    if (std::abs(turn_between(direction(i - 1), direction(i))) > kCornerRad) outline.corners.push_back(i);
  outline.corners.push_back(last);
  outline.smooth_seam = path.closed && std::abs(turn_between(direction(last - 1), direction(0))) <= kCornerRad;
  return outline;
}

// Derivative along s at one of the points: of the polynomial through it and `reach` points to either side (Lagrange),
// fewer where the run [first, last] between two corners ends. Past the seam of a smooth loop it goes on.
template <typename Value>
Value derivative(const Outline& outline, const std::vector<Value>& values, std::size_t first, std::size_t last,
                 std::size_t at, int reach) {
  const bool round = outline.smooth_seam && first == 0 && last + 1 == outline.points.size();
  const auto count = static_cast<std::ptrdiff_t>(last);  // of pieces, when round
  std::vector<double> s;
  std::vector<Value> v;
  std::ptrdiff_t low = static_cast<std::ptrdiff_t>(at) - reach, high = static_cast<std::ptrdiff_t>(at) + reach;
  if (!round) {
    low = std::max(low, static_cast<std::ptrdiff_t>(first));
    high = std::min(high, static_cast<std::ptrdiff_t>(last));
  }
  for (std::ptrdiff_t i = low; i <= high; ++i) {
    const std::ptrdiff_t turns = round ? (i < 0 ? -1 : i > count ? 1 : 0) : 0;
    const auto k = static_cast<std::size_t>(i - turns * count);
    s.push_back(outline.s_m[k] + static_cast<double>(turns) * outline.s_m.back() - outline.s_m[at]);
    v.push_back(values[k]);
  }
  Value sum = 0.0 * values[at];
  for (std::size_t j = 0; j < s.size(); ++j) {
    double weight = 0;
    for (std::size_t m = 0; m < s.size(); ++m) {
      if (m == j) continue;
      double product = 1 / (s[j] - s[m]);
      for (std::size_t l = 0; l < s.size(); ++l)
        if (l != j && l != m) product *= -s[l] / (s[j] - s[l]);
      weight += product;
    }
    sum += weight * v[j];
  }
  return sum;
}

// The cubic from point i to point j with these directions, p from 0 to 1 as even along it as a cubic can be.
PlanGeometry cubic_between(const Outline& outline, std::size_t i, std::size_t j, double heading_i, double heading_j) {
  PlanGeometry g;
  g.kind = PlanGeometry::Kind::kParamPoly3;
  g.normalized = true;
  g.start = {outline.points[i], heading_i};
  const Vector2d off = outline.points[j] - outline.points[i];
  const double c = std::cos(heading_i), s = std::sin(heading_i);
  const Vector2d end(c * off.x() + s * off.y(), -s * off.x() + c * off.y());
  const Vector2d leaving(std::cos(heading_j - heading_i), std::sin(heading_j - heading_i));
  g.length_m = outline.s_m[j] - outline.s_m[i];
  // Hermite's cubic with speed = length at both ends; its length is what comes out of that: a fixed point.
  for (int pass = 0; pass < 4; ++pass) {
    const double speed = g.length_m;
    g.u = {0, speed, 3 * end.x() - speed * (2 + leaving.x()), -2 * end.x() + speed * (1 + leaving.x())};
    g.v = {0, 0, 3 * end.y() - speed * leaving.y(), -2 * end.y() + speed * leaving.y()};
    double length = 0;
    constexpr int kSteps = 64;  // Simpson's rule
    for (int k = 0; k <= kSteps; ++k) {
      const double p = static_cast<double>(k) / kSteps;
      const double du = g.u[1] + p * (2 * g.u[2] + 3 * p * g.u[3]), dv = p * (2 * g.v[2] + 3 * p * g.v[3]);
      length += std::hypot(du, dv) * (k == 0 || k == kSteps ? 1 : k % 2 == 1 ? 4 : 2) / (3.0 * kSteps);
    }
    g.length_m = length;
  }
  return g;
}

// The farthest point up to which `fits(j)` holds without a break, at least the next.
template <typename Fits>
std::size_t farthest(std::size_t i, std::size_t last, const Fits& fits) {
  std::size_t j = i + 1;
  while (j < last && fits(j + 1)) ++j;
  return j;
}

// `s_m`: of each of the outline's points along the road.
std::vector<PlanGeometry> plan_of(const Outline& outline, std::vector<double>& s_m) {
  std::vector<PlanGeometry> plan;
  s_m.assign(1, 0.0);
  for (std::size_t c = 0; c + 1 < outline.corners.size(); ++c) {
    const std::size_t first = outline.corners[c], last = outline.corners[c + 1];
    std::vector<double> heading;
    for (std::size_t i = first; i <= last; ++i) {
      const Vector2d d = derivative(outline, outline.points, first, last, i, 2);
      heading.push_back(std::atan2(d.y(), d.x()));
    }
    const auto share = [&](std::size_t i, std::size_t k, std::size_t j) {
      return (outline.s_m[k] - outline.s_m[i]) / (outline.s_m[j] - outline.s_m[i]);
    };
    const auto near_points = [&](const PlanGeometry& g, std::size_t i, std::size_t j, double tolerance_m) {
      for (std::size_t k = i + 1; k < j; ++k)
        if ((g.at(share(i, k, j) * g.length_m).position - outline.points[k]).norm() > tolerance_m) return false;
      return true;
    };
    const auto line = [&](std::size_t i, std::size_t j) {
      const Vector2d chord = outline.points[j] - outline.points[i];
      PlanGeometry g;
      g.start = {outline.points[i], std::atan2(chord.y(), chord.x())};
      g.length_m = chord.norm();
      return g;
    };
    // Between two points of a curve it is straight too, but a line there would bring a bend at either end.
    const auto straight = [&](std::size_t i, std::size_t j) {
      const PlanGeometry g = line(i, j);
      const auto bend = [&](std::size_t k) {
        return std::abs(std::remainder(heading[k - first] - g.start.heading_rad, 2 * std::numbers::pi));
      };
      return bend(i) < 1e-5 && bend(j) < 1e-5 && near_points(g, i, j, kStraight);
    };
    const auto cubic = [&](std::size_t i, std::size_t j) {
      return cubic_between(outline, i, j, heading[i - first], heading[j - first]);
    };
    for (std::size_t i = first, j = i; i < last; i = j) {
      const bool is_straight = straight(i, i + 1);
      if (is_straight) {
        j = farthest(i, last, [&](std::size_t k) { return k - i < 400 && straight(i, k); });
      } else {
        j = farthest(i, last, [&](std::size_t k) {
          return outline.s_m[k] - outline.s_m[i] <= kLongestPiece && near_points(cubic(i, k), i, k, kPlanTolerance);
        });
      }
      PlanGeometry g = is_straight ? line(i, j) : cubic(i, j);
      g.s_m = s_m.back();
      for (std::size_t k = i + 1; k <= j; ++k) s_m.push_back(g.s_m + share(i, k, j) * g.length_m);
      plan.push_back(g);
    }
  }
  return plan;
}

std::vector<CubicRecord> elevation_of(const Outline& outline, const std::vector<double>& s_m) {
  const std::size_t last = outline.points.size() - 1;
  std::vector<double> rise;
  for (std::size_t i = 0; i <= last; ++i) rise.push_back(derivative(outline, outline.height_m, 0, last, i, 1));
  const auto cubic = [&](std::size_t i, std::size_t j) {
    const double length = s_m[j] - s_m[i], climb = outline.height_m[j] - outline.height_m[i];
    return CubicRecord{s_m[i], outline.height_m[i], rise[i],
                       (3 * climb - (2 * rise[i] + rise[j]) * length) / (length * length),
                       (-2 * climb + (rise[i] + rise[j]) * length) / (length * length * length)};
  };
  std::vector<CubicRecord> records;
  for (std::size_t i = 0, j = 0; i < last; i = j) {
    j = farthest(i, last, [&](std::size_t end) {
      const CubicRecord record = cubic(i, end);
      for (std::size_t k = i + 1; k < end; ++k)
        if (std::abs(record.at(s_m[k]) - outline.height_m[k]) > kHeightTolerance) return false;
      return end - i < 100;
    });
    records.push_back(cubic(i, j));
  }
  return records;
}

// To twelve digits, so that the file is not longer than it needs to be.
void round_off(double& value) { value = std::stod(fmt::format("{:.12g}", value)); }

void round_off(Road& road) {
  for (PlanGeometry& g : road.plan_view) {
    for (double* value : {&g.s_m, &g.start.position.x(), &g.start.position.y(), &g.start.heading_rad, &g.length_m})
      round_off(*value);
    for (double& value : g.u) round_off(value);
    for (double& value : g.v) round_off(value);
  }
  for (CubicRecord& record : road.elevation)
    for (double* value : {&record.s_m, &record.a, &record.b, &record.c, &record.d}) round_off(*value);
}

// --- XML -----------------------------------------------------------------------------------------------------------

void set(pugi::xml_node node, const char* key, double value) {
  node.append_attribute(key) = fmt::format("{}", value + 0.0).c_str();
}
void set(pugi::xml_node node, const char* key, const std::string& value) { node.append_attribute(key) = value.c_str(); }

void set(pugi::xml_node node, const char* s_key, const CubicRecord& record) {
  set(node, s_key, record.s_m);
  set(node, "a", record.a);
  set(node, "b", record.b);
  set(node, "c", record.c);
  set(node, "d", record.d);
}

void add_link(pugi::xml_node parent, const char* name, const std::optional<RoadLink>& link) {
  if (!link) return;
  pugi::xml_node node = parent.append_child(name);
  set(node, "elementType", link->junction ? "junction" : "road");
  set(node, "elementId", link->id);
  if (link->at_start) set(node, "contactPoint", *link->at_start ? "start" : "end");
}

// CARLA takes the first child of <geometry> for its shape and wants pRange to be given.
void add_geometry(pugi::xml_node plan, const PlanGeometry& g) {
  pugi::xml_node node = plan.append_child("geometry");
  set(node, "s", g.s_m);
  set(node, "x", g.start.position.x());
  set(node, "y", g.start.position.y());
  set(node, "hdg", g.start.heading_rad);
  set(node, "length", g.length_m);
  switch (g.kind) {
    case PlanGeometry::Kind::kLine:
      node.append_child("line");
      break;
    case PlanGeometry::Kind::kArc:
      set(node.append_child("arc"), "curvature", g.curvature_start_per_m);
      break;
    case PlanGeometry::Kind::kSpiral: {
      pugi::xml_node shape = node.append_child("spiral");
      set(shape, "curvStart", g.curvature_start_per_m);
      set(shape, "curvEnd", g.curvature_end_per_m);
      break;
    }
    case PlanGeometry::Kind::kPoly3: {
      pugi::xml_node shape = node.append_child("poly3");
      for (std::size_t k = 0; k < 4; ++k) set(shape, std::array{"a", "b", "c", "d"}[k], g.v[k]);
      break;
    }
    case PlanGeometry::Kind::kParamPoly3: {
      pugi::xml_node shape = node.append_child("paramPoly3");
      for (std::size_t k = 0; k < 4; ++k) set(shape, std::array{"aU", "bU", "cU", "dU"}[k], g.u[k]);
      for (std::size_t k = 0; k < 4; ++k) set(shape, std::array{"aV", "bV", "cV", "dV"}[k], g.v[k]);
      set(shape, "pRange", g.normalized ? "normalized" : "arcLength");
      break;
    }
  }
}

void add_road_mark(pugi::xml_node lane) {
  pugi::xml_node mark = lane.append_child("roadMark");
  set(mark, "sOffset", 0.0);
  set(mark, "type", "none");
  set(mark, "weight", "standard");
  set(mark, "color", "standard");
  set(mark, "width", 0.0);
}

void add_lane(pugi::xml_node side, const Lane& lane) {
  pugi::xml_node node = side.append_child("lane");
  set(node, "id", lane.id);
  set(node, "type", lane.type);
  set(node, "level", "false");
  pugi::xml_node link = node.append_child("link");
  if (lane.predecessor) set(link.append_child("predecessor"), "id", *lane.predecessor);
  if (lane.successor) set(link.append_child("successor"), "id", *lane.successor);
  for (const CubicRecord& width : lane.width) set(node.append_child("width"), "sOffset", width);
  add_road_mark(node);
}

void add_lanes(pugi::xml_node parent, const Road& road) {
  for (const CubicRecord& offset : road.lane_offset) set(parent.append_child("laneOffset"), "s", offset);
  for (const LaneSection& section : road.lane_sections) {
    pugi::xml_node node = parent.append_child("laneSection");
    set(node, "s", section.s_m);
    const auto add_side = [&](const char* name, bool left) {
      pugi::xml_node side;
      for (const Lane& lane : section.lanes) {
        if ((lane.id > 0) != left) continue;
        if (!side) side = node.append_child(name);
        add_lane(side, lane);
      }
    };
    add_side("left", true);
    pugi::xml_node centre = node.append_child("center").append_child("lane");
    set(centre, "id", 0);
    set(centre, "type", "none");
    set(centre, "level", "false");
    add_road_mark(centre);
    add_side("right", false);
  }
}

void add_road(pugi::xml_node root, const Road& road) {
  pugi::xml_node node = root.append_child("road");
  set(node, "name", road.name);
  set(node, "length", road.length_m());
  set(node, "id", road.id);
  set(node, "junction", road.junction);
  pugi::xml_node link = node.append_child("link");
  add_link(link, "predecessor", road.predecessor);
  add_link(link, "successor", road.successor);
  pugi::xml_node type = node.append_child("type");
  set(type, "s", 0.0);
  set(type, "type", "rural");
  if (road.speed_limit_mps > 0) {
    pugi::xml_node speed = type.append_child("speed");
    set(speed, "max", road.speed_limit_mps);
    set(speed, "unit", "m/s");
  }
  pugi::xml_node plan = node.append_child("planView");
  for (const PlanGeometry& g : road.plan_view) add_geometry(plan, g);
  pugi::xml_node profile = node.append_child("elevationProfile");
  for (const CubicRecord& record : road.elevation) set(profile.append_child("elevation"), "s", record);
  node.append_child("lateralProfile");
  add_lanes(node.append_child("lanes"), road);
  node.append_child("objects");
  node.append_child("signals");
}

struct StringWriter final : pugi::xml_writer {
  std::string text;
  void write(const void* data, std::size_t size) override { text.append(static_cast<const char*>(data), size); }
};

}  // namespace

std::string opendrive_xml(const OpenDrive& drive) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  set(declaration, "version", "1.0");
  set(declaration, "encoding", "UTF-8");
  pugi::xml_node root = document.append_child("OpenDRIVE");
  pugi::xml_node header = root.append_child("header");
  Vector2d low = Vector2d::Constant(std::numeric_limits<double>::infinity()), high = -low;
  for (const Road& road : drive.roads)
    for (const PlanGeometry& g : road.plan_view)
      for (const double share : {0.0, 0.5, 1.0}) {
        const Vector2d p = g.at(share * g.length_m).position;
        low = low.cwiseMin(p);
        high = high.cwiseMax(p);
      }
  set(header, "revMajor", 1);
  set(header, "revMinor", 4);
  set(header, "name", drive.name);
  set(header, "version", "1.00");
  set(header, "north", high.y());
  set(header, "south", low.y());
  set(header, "east", high.x());
  set(header, "west", low.x());
  set(header, "vendor", "Bramble");
  if (!drive.geo_reference.empty())
    header.append_child("geoReference").append_child(pugi::node_cdata).set_value(drive.geo_reference.c_str());
  if (drive.offset != std::array<double, 4>{}) {
    pugi::xml_node offset = header.append_child("offset");
    for (std::size_t k = 0; k < 4; ++k) set(offset, std::array{"x", "y", "z", "hdg"}[k], drive.offset[k]);
  }
  for (const Road& road : drive.roads) add_road(root, road);
  StringWriter writer;
  document.save(writer, "  ", pugi::format_default, pugi::encoding_utf8);
  return writer.text;
}

OpenDrive opendrive_of(const Path& path, const std::string& name, double speed_limit_mps) {
  const Outline outline = outline_of(path);
  std::vector<double> s_m;
  Road road;
  road.id = "1";
  road.name = name;
  road.plan_view = plan_of(outline, s_m);
  road.elevation = elevation_of(outline, s_m);
  road.speed_limit_mps = speed_limit_mps;
  road.lane_offset = {{0, 0.5 * path.width_m, 0, 0, 0}};
  Lane lane;
  lane.id = -1;
  lane.width = {{0, path.width_m, 0, 0, 0}};
  if (path.closed) {
    road.predecessor = RoadLink{false, road.id, false};
    road.successor = RoadLink{false, road.id, true};
    lane.predecessor = lane.successor = -1;
  }
  road.lane_sections = {{0, {lane}}};
  round_off(road);
  OpenDrive drive;
  drive.name = name;
  // CARLA's place for maps that name none, and that of the simulation's GNSS.
  drive.geo_reference = "+proj=tmerc +lat_0=42 +lon_0=2 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +vunits=m +no_defs";
  drive.roads.push_back(std::move(road));
  return drive;
}

}  // namespace bramble
