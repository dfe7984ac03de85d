#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numbers>
#include <pugixml.hpp>

#include "bramble/core/error.hpp"
#include "bramble/world/opendrive.hpp"

namespace bramble {
namespace {

constexpr double kTolerance = 0.1;       // metres by which neighbouring geometries may miss each other
constexpr double kLongestRoad = 50'000;  // metres
constexpr double kSharpestPerM = 20;     // curvature: a bend of 5 cm
constexpr double kMostTurns = 20;        // of one spiral
constexpr double kFarthest = 1e9;        // metres, of coordinates

int line_of(const std::string& text, std::ptrdiff_t offset) {
  if (offset < 0) return 1;
  const auto end = text.begin() + std::min<std::ptrdiff_t>(offset, static_cast<std::ptrdiff_t>(text.size()));
  return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}

// Where in the text something stands, and of which road it is: what every message begins with.
class Reader {
 public:
  Reader(const std::string& text, const std::string& name) : text_(text), name_(name) {}
  OpenDrive read();

 private:
  template <typename... Args>
  [[noreturn]] void reject(const pugi::xml_node& node, fmt::format_string<Args...> format, Args&&... args) const {
    const std::string what = fmt::format(format, std::forward<Args>(args)...);
    fail("{}:{}: {}{}", name_, line_of(text_, node.offset_debug()),
         road_.empty() ? "" : fmt::format("road '{}': ", road_), what);
  }

  double number(const pugi::xml_node& node, const char* key) const {
    const pugi::xml_attribute attribute = node.attribute(key);
    if (!attribute) reject(node, "<{}> lacks '{}'; add the attribute, the standard demands it", node.name(), key);
    return parsed(node, attribute);
  }
  double number(const pugi::xml_node& node, const char* key, double absent) const {
    const pugi::xml_attribute attribute = node.attribute(key);
    return attribute ? parsed(node, attribute) : absent;
  }
  double parsed(const pugi::xml_node& node, const pugi::xml_attribute& attribute) const {
    std::string value = attribute.value();
    value.erase(0, value.find_first_not_of(" \t\r\n+"));
    value.erase(value.find_last_not_of(" \t\r\n") + 1);
    double result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc() || end != value.data() + value.size())
      reject(node, "{} of <{}> is '{}', must be a number with a decimal point", attribute.name(), node.name(),
             attribute.value());
    if (!std::isfinite(result))
      reject(node, "{} of <{}> is {}, must be a finite number", attribute.name(), node.name(), result);
    return result;
  }
  std::optional<int> whole(const pugi::xml_node& node, const char* key) const {
    const pugi::xml_attribute attribute = node.attribute(key);
    if (!attribute) return std::nullopt;
    const double value = parsed(node, attribute);
    if (value != std::floor(value) || std::abs(value) > 1000)
      reject(node, "{} of <{}> is {}, must be a whole number", key, node.name(), value);
    return static_cast<int>(value);
  }

  CubicRecord cubic(const pugi::xml_node& node, const char* s_key) const;
  std::vector<CubicRecord> cubics(const pugi::xml_node& parent, const char* element, const char* s_key) const;
  std::optional<RoadLink> link(const pugi::xml_node& node) const;
  PlanGeometry geometry(const pugi::xml_node& node) const;
  void add_geometry(const pugi::xml_node& node, Road& road) const;
  Lane lane(const pugi::xml_node& node) const;
  LaneSection lane_section(const pugi::xml_node& node) const;
  Road road(const pugi::xml_node& node);
  void leave_out(const std::string& what, std::size_t count) { left_out_[what] += count; }

  const std::string& text_;
  const std::string& name_;
  std::string road_;                             // id of the road that is being read
  std::map<std::string, std::size_t> left_out_;  // by what it is: how many
  std::vector<std::string> remarks_;
};

std::size_t count_of(const pugi::xml_node& parent, const char* child) {
  const auto children = parent.children(child);
  return static_cast<std::size_t>(std::distance(children.begin(), children.end()));
}

std::size_t element_count(const pugi::xml_node& parent) {
  std::size_t count = 0;
  for (const pugi::xml_node& child : parent.children()) count += child.type() == pugi::node_element;
  return count;
}

CubicRecord Reader::cubic(const pugi::xml_node& node, const char* s_key) const {
  return {number(node, s_key), number(node, "a"), number(node, "b"), number(node, "c"), number(node, "d")};
}

std::vector<CubicRecord> Reader::cubics(const pugi::xml_node& parent, const char* element, const char* s_key) const {
  std::vector<CubicRecord> records;
  for (const pugi::xml_node& node : parent.children(element)) {
    records.push_back(cubic(node, s_key));
    if (records.size() > 1 && records.back().s_m < records[records.size() - 2].s_m)
      reject(node, "<{}> has {} = {} after {}; order the elements by {}", element, s_key, records.back().s_m,
             records[records.size() - 2].s_m, s_key);
  }
  return records;
}

std::optional<RoadLink> Reader::link(const pugi::xml_node& node) const {
  if (!node) return std::nullopt;
  RoadLink result;
  result.junction = std::string(node.attribute("elementType").value()) == "junction";
  result.id = node.attribute("elementId").value();
  const std::string contact = node.attribute("contactPoint").value();
  if (contact == "start" || contact == "end") result.at_start = contact == "start";
  return result;
}

PlanGeometry Reader::geometry(const pugi::xml_node& node) const {
  PlanGeometry g;
  g.s_m = number(node, "s");
  g.start = {{number(node, "x"), number(node, "y")}, number(node, "hdg")};
  g.length_m = number(node, "length");
  if (g.start.position.cwiseAbs().maxCoeff() > kFarthest)
    reject(node, "<geometry> begins {:g} m from the origin; give coordinates in metres",
           g.start.position.cwiseAbs().maxCoeff());
  if (g.length_m < 0) reject(node, "<geometry> has length {}; lengths cannot be negative", g.length_m);
  if (g.length_m > kLongestRoad)
    reject(node, "<geometry> has length {} m; at most {} km can be read", g.length_m, kLongestRoad / 1000);
  pugi::xml_node shape;
  for (const char* kind : {"line", "arc", "spiral", "poly3", "paramPoly3"})
    if (!shape) shape = node.child(kind);
  const std::string kind = shape.name();
  if (kind == "line") {
    g.kind = PlanGeometry::Kind::kLine;
  } else if (kind == "arc") {
    g.kind = PlanGeometry::Kind::kArc;
    g.curvature_start_per_m = g.curvature_end_per_m = number(shape, "curvature");
  } else if (kind == "spiral") {
    g.kind = PlanGeometry::Kind::kSpiral;
    g.curvature_start_per_m = number(shape, "curvStart");
    g.curvature_end_per_m = number(shape, "curvEnd");
  } else if (kind == "poly3") {
    g.kind = PlanGeometry::Kind::kPoly3;
    g.v = {number(shape, "a"), number(shape, "b"), number(shape, "c"), number(shape, "d")};
  } else if (kind == "paramPoly3") {
    g.kind = PlanGeometry::Kind::kParamPoly3;
    g.u = {number(shape, "aU"), number(shape, "bU"), number(shape, "cU"), number(shape, "dU")};
    g.v = {number(shape, "aV"), number(shape, "bV"), number(shape, "cV"), number(shape, "dV")};
    const std::string range = shape.attribute("pRange").value();
    if (!range.empty() && range != "normalized" && range != "arcLength")
      reject(shape, "pRange is '{}', must be normalized or arcLength", range);
    g.normalized = range != "arcLength";  // the standard's default
  } else {
    pugi::xml_node other = node.first_child();
    while (other && other.type() != pugi::node_element) other = other.next_sibling();
    reject(
        node,
        "<geometry> holds {}, must hold one of line, arc, spiral, poly3, paramPoly3; write the piece as one of these",
        other ? fmt::format("<{}>", other.name()) : "no element");
  }
  const double sharpest = std::max(std::abs(g.curvature_start_per_m), std::abs(g.curvature_end_per_m));
  if (sharpest > kSharpestPerM)
    reject(shape, "<{}> has a curvature of {:g} per metre, a bend tighter than {} m; curvature is 1 / radius", kind,
           sharpest, 1 / kSharpestPerM);
  if (g.kind == PlanGeometry::Kind::kSpiral && sharpest * g.length_m > 2 * std::numbers::pi * kMostTurns)
    reject(shape, "<spiral> winds round more than {} times over its {} m; curvature is 1 / radius", kMostTurns,
           g.length_m);
  return g;
}

void Reader::add_geometry(const pugi::xml_node& node, Road& road) const {
  const PlanGeometry g = geometry(node);
  if (g.length_m < 1e-9) return;  // left over by some editors
  if (road.plan_view.empty()) {
    if (std::abs(g.s_m) > kTolerance) reject(node, "the first <geometry> has s = {}, must begin at 0", g.s_m);
    road.plan_view.push_back(g);
    return;
  }
  const PlanGeometry& before = road.plan_view.back();
  const double end_s = before.s_m + before.length_m;
  if (g.s_m <= before.s_m)
    reject(node, "<geometry> has s = {} after s = {}; s must rise from one to the next", g.s_m, before.s_m);
  if (std::abs(g.s_m - end_s) > kTolerance)
    reject(node, "<geometry> begins at s = {}, but the one before ends at s = {:.3f}; s must be the sum of the lengths",
           g.s_m, end_s);
  const double gap = (before.at(before.length_m).position - g.start.position).norm();
  if (!(gap <= kTolerance))
    reject(node,
           "there is a gap of {:.2f} m before the <geometry> at s = {}: the one before ends at ({:.3f}, {:.3f}); "
           "let them meet within {} m",
           gap, g.s_m, before.at(before.length_m).position.x(), before.at(before.length_m).position.y(), kTolerance);
  if (end_s + g.length_m > kLongestRoad)
    reject(node, "the road is longer than {} km, which cannot be read", kLongestRoad / 1000);
  road.plan_view.push_back(g);
}

Lane Reader::lane(const pugi::xml_node& node) const {
  Lane result;
  const std::optional<int> id = whole(node, "id");
  if (!id) reject(node, "<lane> lacks 'id'; add the attribute, the standard demands it");
  result.id = *id;
  result.type = node.attribute("type").value();
  result.width = cubics(node, "width", "sOffset");
  if (result.width.empty() && node.child("border") && (result.type == "driving" || result.type == "bidirectional"))
    reject(node, "lane {} is given by <border>, and only <width> can be read; let your tool export widths", *id);
  result.predecessor = whole(node.child("link").child("predecessor"), "id");
  result.successor = whole(node.child("link").child("successor"), "id");
  return result;
}

LaneSection Reader::lane_section(const pugi::xml_node& node) const {
  LaneSection section;
  section.s_m = number(node, "s");
  for (const char* side : {"left", "right"})
    for (const pugi::xml_node& child : node.child(side).children("lane")) {
      section.lanes.push_back(lane(child));
      const int id = section.lanes.back().id;
      if (id == 0 || (id > 0) != (std::string(side) == "left"))
        reject(child, "lane {} stands under <{}>; left lanes count up from 1, right lanes down from -1", id, side);
    }
  std::stable_sort(section.lanes.begin(), section.lanes.end(),
                   [](const Lane& a, const Lane& b) { return a.id > b.id; });
  return section;
}

Road Reader::road(const pugi::xml_node& node) {
  Road result;
  result.id = node.attribute("id").value();
  road_ = result.id.empty() ? "without id" : result.id;
  if (result.id.empty()) reject(node, "<road> lacks 'id'; add the attribute, the standard demands it");
  result.name = node.attribute("name").value();
  if (const pugi::xml_attribute junction = node.attribute("junction")) result.junction = junction.value();
  result.predecessor = link(node.child("link").child("predecessor"));
  result.successor = link(node.child("link").child("successor"));
  const pugi::xml_node speed = node.child("type").child("speed");
  if (const pugi::xml_attribute max = speed.attribute("max"); max && *max.value() >= '0' && *max.value() <= '9') {
    const std::string unit = speed.attribute("unit").value();
    result.speed_limit_mps = parsed(speed, max) * (unit == "km/h" ? 1 / 3.6 : unit == "mph" ? 0.44704 : 1.0);
  }
  const pugi::xml_node plan = node.child("planView");
  if (!plan) reject(node, "there is no <planView>, which says where the road runs; add one");
  for (const pugi::xml_node& child : plan.children("geometry")) add_geometry(child, result);
  if (result.plan_view.empty()) reject(plan, "<planView> holds no <geometry> that has a length; add one");
  const double length = number(node, "length", result.length_m());
  if (std::abs(length - result.length_m()) > kTolerance)
    remarks_.push_back(fmt::format("the length of road '{}': it says {} m, its geometries come to {:.3f} m", result.id,
                                   length, result.length_m()));
  result.elevation = cubics(node.child("elevationProfile"), "elevation", "s");
  const pugi::xml_node lanes = node.child("lanes");
  result.lane_offset = cubics(lanes, "laneOffset", "s");
  for (const pugi::xml_node& child : lanes.children("laneSection")) {
    result.lane_sections.push_back(lane_section(child));
    const auto& sections = result.lane_sections;
    if (sections.size() > 1 && sections.back().s_m < sections[sections.size() - 2].s_m)
      reject(child, "<laneSection> has s = {} after {}; order the sections by s", sections.back().s_m,
             sections[sections.size() - 2].s_m);
  }
  leave_out("object", element_count(node.child("objects")));
  leave_out("signal", element_count(node.child("signals")));
  leave_out("lateral profile record", element_count(node.child("lateralProfile")));
  leave_out("surface record", element_count(node.child("surface")));
  leave_out("railroad record", element_count(node.child("railroad")));
  road_.clear();
  return result;
}

// All text inside an element as one line of words.
std::string words_of(const pugi::xml_node& node) {
  std::string words;
  for (const pugi::xml_node& child : node.children())
    for (const char* c = child.value(); *c != 0; ++c) {
      const bool space = static_cast<unsigned char>(*c) <= ' ';
      if (!space)
        words += *c;
      else if (!words.empty() && words.back() != ' ')
        words += ' ';
    }
  if (words.ends_with(' ')) words.pop_back();
  return words;
}

OpenDrive Reader::read() {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(text_.data(), text_.size());
  if (!parsed)
    fail("{}:{}: is not well-formed XML: {}; mend it there, or export the file again", name_,
         line_of(text_, parsed.offset), parsed.description());
  const pugi::xml_node root = document.document_element();
  if (std::string(root.name()) != "OpenDRIVE")
    reject(root, "this is no OpenDRIVE file: its root element is <{}>, must be <OpenDRIVE>", root.name());
  OpenDrive drive;
  const pugi::xml_node header = root.child("header");
  if (number(header, "revMajor", 1) != 1)
    reject(header, "revision {}.{} cannot be read; export revision 1.4 to 1.8", header.attribute("revMajor").value(),
           header.attribute("revMinor").value());
  drive.name = header.attribute("name").value();
  drive.geo_reference = words_of(header.child("geoReference"));
  const pugi::xml_node offset = header.child("offset");
  drive.offset = {number(offset, "x", 0), number(offset, "y", 0), number(offset, "z", 0), number(offset, "hdg", 0)};
  for (const pugi::xml_node& child : root.children("road")) {
    drive.roads.push_back(road(child));
    for (std::size_t i = 0; i + 1 < drive.roads.size(); ++i)
      if (drive.roads[i].id == drive.roads.back().id)
        reject(child, "there are two roads of id '{}'; give each its own", drive.roads.back().id);
  }
  if (drive.roads.empty())
    reject(root, "holds no <road>{}; export the roads too", root.child("junction") ? ", only junctions" : "");
  leave_out("junction", count_of(root, "junction"));
  leave_out("controller", count_of(root, "controller"));
  leave_out("station", count_of(root, "station"));
  drive.left_out = std::move(remarks_);
  for (const auto& [what, count] : left_out_)
    if (count > 0) drive.left_out.push_back(fmt::format("{} {}{}", count, what, count > 1 ? "s" : ""));
  return drive;
}

}  // namespace

OpenDrive parse_opendrive(const std::string& text, const std::string& name) { return Reader(text, name).read(); }

}  // namespace bramble
