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

/// Answers "how far is the path?" quickly for many places of a square around the origin: a grid of cells remembers the
/// nearest piece of the centre line, the pieces around it give the exact distance. In a square beyond 1.1 km only the
/// land up to 96 m from the path has such cells; farther off the distance is interpolated (to within some metres) and
/// the rest is that of the nearest point of the block's middle. Const and safe to use from many threads.
class PathField {
 public:
  PathField(const Path& path, double size_m, double cell_m = 1.0);
  PathPlace locate(double x, double y) const;
  /// Distance to the centre line [m] without the sign, to within a cell: cheap enough to decide where to look closer.
  double rough_distance(double x, double y) const;
  /// Arc length of the nearest point, to within a cell or two; as cheap.
  double rough_s(double x, double y) const;

 private:
  static constexpr int kBlock = 16;  // cells per side of a block
  struct Cell {
    float distance_m;
    std::int32_t point;
  };
  struct Block {
    std::int32_t cells = -1;  // its first in cells_, [kBlock, kBlock]; -1: far from the path
    std::int32_t point = 0;   // nearest to its middle
  };
  int cell(double coordinate) const;
  std::int32_t nearest(double x, double y) const;
  std::vector<Eigen::Vector3d> points_;
  std::vector<double> s_;  // horizontal arc length at each point
  bool closed_;
  double size_m_;
  int cells_per_side_, blocks_per_side_;
  std::vector<Block> blocks_;
  std::vector<Cell> cells_;
  std::vector<float> corner_distance_m_;  // [blocks_per_side + 1, blocks_per_side + 1]; empty without far blocks
};

}  // namespace bramble
