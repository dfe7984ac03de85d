#pragma once
#include <Eigen/Core>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bramble/world/path.hpp"

namespace bramble {

// ASAM OpenDRIVE 1.4 to 1.8 as far as a track needs it: where roads run, how high, how wide their driving lanes are,
// and which road goes on where. Frame: x east, y north, z up, metres, radians counter-clockwise from +x: M's own.
// Along a road s grows from its start; t is the distance to the left of the reference line.

/// A polynomial record of the standard: a + b ds + c ds^2 + d ds^3 with ds = s - s_m.
struct CubicRecord {
  double s_m = 0;
  double a = 0, b = 0, c = 0, d = 0;
  double at(double s) const;
};

/// The value of the record in force at s: the last that begins at or before it; 0 before the first.
double value_at(const std::vector<CubicRecord>& records, double s_m);

/// A place on a line seen from above.
struct PlanPose {
  Eigen::Vector2d position = Eigen::Vector2d::Zero();  ///< metres
  double heading_rad = 0;
};

/// One `<geometry>` of a road's plan view.
struct PlanGeometry {
  enum class Kind { kLine, kArc, kSpiral, kPoly3, kParamPoly3 };
  Kind kind = Kind::kLine;
  double s_m = 0;
  PlanPose start;
  double length_m = 0;
  double curvature_start_per_m = 0, curvature_end_per_m = 0;  ///< arc (both the same) and spiral; positive to the left
  std::array<double, 4> u{0, 1, 0, 0};                        ///< paramPoly3: aU, bU, cU, dU
  std::array<double, 4> v{};                                  ///< poly3: a, b, c, d; paramPoly3: aV, bV, cV, dV
  bool normalized = false;                                    ///< paramPoly3: p runs over [0, 1], else over [0, length]

  /// The pose ds metres after its start; ds is clamped to [0, length_m]. Spirals are integrated numerically (Gauss and
  /// Legendre's five points on pieces that turn by half a radian at most: errors below 1e-9 m). In a paramPoly3 p is
  /// proportional to ds, as CARLA has it too.
  PlanPose at(double ds_m) const;
};

struct Lane {
  int id = 0;  ///< positive to the left of the centre lane 0, negative to the right
  std::string type = "driving";
  std::vector<CubicRecord> width;             ///< metres; s from the begin of the lane section
  std::optional<int> predecessor, successor;  ///< lane of the road before and after
};

struct LaneSection {
  double s_m = 0;
  std::vector<Lane> lanes;  ///< from left to right, without lane 0
};

/// What comes before or after a road.
struct RoadLink {
  bool junction = false;
  std::string id;
  std::optional<bool> at_start;  ///< contactPoint: that road's start or its end; unknown for junctions
};

/// Where vehicles may drive at one place of a road.
struct DrivableBand {
  double left_m = 0, right_m = 0;  ///< t of its borders
};

struct Road {
  std::string id, name;
  std::string junction = "-1";  ///< the junction it lies in; -1: none
  std::optional<RoadLink> predecessor, successor;
  std::vector<PlanGeometry> plan_view;  ///< at least one; each begins where the one before ends
  std::vector<CubicRecord> elevation;   ///< metres; empty: none given
  std::vector<CubicRecord> lane_offset;
  std::vector<LaneSection> lane_sections;
  double speed_limit_mps = 0;  ///< 0: none

  double length_m() const;  ///< of its geometries
  /// The reference line's pose at s, clamped to the road.
  PlanPose reference_at(double s_m) const;
  /// From the leftmost to the rightmost border of the lanes of type driving or bidirectional; none: there are none.
  std::optional<DrivableBand> drivable_at(double s_m) const;
};

struct OpenDrive {
  std::string name;
  std::string geo_reference;          ///< PROJ string; empty: none
  std::array<double, 4> offset{};     ///< of the header: x, y, z in metres, heading
  std::vector<Road> roads;            ///< at least one
  std::vector<std::string> left_out;  ///< what the text holds beside it, for people: "3 signals", …
};

/// Reads the text of an .xodr file; `name` stands in messages. Objects, signals, junctions, bridges, superelevation and
/// whatever else the structs above have no place for are passed over and listed in left_out. Throws Error with name,
/// line, road and what to do: XML that is not well formed, roads without a plan view, geometries of unknown kind, with
/// gaps of more than 0.1 m between them or s that does not rise, lanes given by borders, values that are no numbers.
OpenDrive parse_opendrive(const std::string& text, const std::string& name);

/// The text of an .xodr file of revision 1.4, in the order and with the attributes that CARLA 0.9 wants.
std::string opendrive_xml(const OpenDrive& drive);

/// The path as one road with one lane of the path's width, which lies astride the reference line: lane -1, with a lane
/// offset of half the width. The reference line runs through the path's points to within 0.2 mm, the elevation to
/// within 0.3 mm: paramPoly3 pieces of at most 10 m whose directions meet, lines where the path is straight; the
/// direction jumps only where the path itself has a corner of more than 10 degrees. A closed path's road is its own
/// predecessor and successor.
/// The geographic reference is that of the simulation's GNSS. Throws Error for a path of fewer than 3 different points.
OpenDrive opendrive_of(const Path& path, const std::string& name, double speed_limit_mps);

/// A change of direction from which on a point of a line counts as a corner.
inline constexpr double kCornerRad = 10 * 3.14159265358979323846 / 180;

}  // namespace bramble
