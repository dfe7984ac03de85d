#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "bramble/world/path.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

/// The centre line seen from above: a closed, smooth, winding loop around the origin, points about 0.5 m apart, z = 0.
/// The loop is a circle whose radius varies with a few random harmonics; they are damped, the highest first, until no
/// bend is tighter than min_radius_m. Its length is that of the scenario to within a point's distance.
Path make_path_loop(const PathScenario& scenario, std::uint64_t seed);

/// Radius of the tightest bend of the centre line seen from above [m], from circles through points 2 m apart.
double min_bend_radius_m(const Path& path);
/// Greatest rise over run between points 3 m apart.
double max_path_slope(const Path& path);

/// Where a place lies relative to the path.
struct PathPlace {
  double distance_m = 0;  ///< from the centre line, positive to the left of the direction of travel
  double s_m = 0;         ///< horizontal arc length of the nearest point of the centre line
  double height_m = 0;    ///< z of the centre line there
};

/// Answers "how far is the path?" quickly for many places of a square: a coarse grid remembers the nearest piece of the
/// centre line, the pieces around it give the exact distance. Const and safe to use from many threads.
class PathField {
 public:
  PathField(const Path& path, double size_m, double cell_m = 1.0);
  PathPlace locate(double x, double y) const;
  /// Distance to the centre line [m] without the sign, to within a cell: cheap enough to decide where to look closer.
  double rough_distance(double x, double y) const;
  /// Arc length of the nearest point, to within a cell or two; as cheap.
  double rough_s(double x, double y) const;

 private:
  std::size_t cell_of(double x, double y) const;
  std::vector<Eigen::Vector3d> points_;
  std::vector<double> s_;  // horizontal arc length at each point
  bool closed_;
  double size_m_;
  int cells_;
  std::vector<std::int32_t> nearest_;  // [cells, cells] piece
  std::vector<float> distance_;        // [cells, cells] metres
};

}  // namespace bramble
