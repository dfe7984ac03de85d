#pragma once
#include <Eigen/Core>
#include <cstddef>
#include <functional>
#include <vector>

#include "bramble/world/noise.hpp"
#include "bramble/world/path.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

/// Standing water in a rut: a flat surface over a shallow bowl with a ragged outline.
struct Puddle {
  Eigen::Vector2d centre;  // metres, M
  Eigen::Vector2d along;   // unit
  double half_length_m = 0;
  double half_width_m = 0;
  double level_m = 0;  ///< of the water
  /// 0 at the centre, 1 about the shore, growing outwards; `ragged` is a noise over the plane.
  double reach(double x, double y, const Noise& ragged) const;
};

/// A cut that running water made across the path.
struct Washout {
  Eigen::Vector2d centre{0, 0};    // metres, M; on the path
  Eigen::Vector2d downhill{1, 0};  // unit
  double depth_m = 0;              // on the path
  /// Depth of the cut at (x, y) [m], 0 away from it.
  double cut(double x, double y, const Noise& winding) const;
};

/// What water does to the path: puddles in its ruts, washouts across it.
class RoadDamage {
 public:
  /// `ground`: height [m] of the ground with its ruts, to find what level a bowl holds.
  RoadDamage(const Scenario& scenario, const Path& loop, const std::function<double(double x, double y)>& ground);
  const std::vector<Puddle>& puddles() const { return puddles_; }
  const std::vector<Washout>& washouts() const { return washouts_; }

  /// Height [m] of the ground at (x, y), beside arc length s of the path (to within some metres), where it was
  /// `height`.
  double shaped(double x, double y, double s_m, double height) const;
  /// Level of a puddle at or just around (x, y); kNoWater elsewhere.
  double water_level(double x, double y, double s_m) const;
  /// How bare the ground is made: distance to the border of the bare ground [m], positive on it; -1 away from damage.
  double dirt_distance(double x, double y, double s_m) const;
  /// 0…1: mud around puddles.
  double wetness(double x, double y, double s_m) const;

 private:
  // What may reach a place, by the arc length beside it.
  struct Bucket {
    std::vector<std::size_t> puddles, washouts;
  };
  const Bucket& bucket(double s_m) const;
  void place_puddles(const Scenario& scenario, const Path& loop, const std::function<double(double, double)>& ground);
  void place_washouts(const Scenario& scenario, const Path& loop, const std::function<double(double, double)>& ground);
  double depth_m_;
  Noise ragged_;
  std::vector<Puddle> puddles_;
  std::vector<Washout> washouts_;
  double bucket_m_ = 1;
  std::vector<Bucket> buckets_;
};

}  // namespace bramble
