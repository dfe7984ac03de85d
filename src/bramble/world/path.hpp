#pragma once
#include <Eigen/Core>
#include <vector>

namespace bramble {

/// The centre line of the dirt path: points about 0.5 m apart in the map frame, z on the ground.
/// A closed path joins its last point to its first.
struct Path {
  std::vector<Eigen::Vector3d> points;  // metres, M
  bool closed = true;
  double width_m = 3.2;
  double rut_spacing_m = 1.6;  ///< between the centres of the two wheel ruts

  /// Length along the slope (three-dimensional); all arc lengths s below are measured so.
  double length_m() const;
  /// Point and unit tangent (horizontal, turning steadily) at arc length s [m]; wraps when closed, clamps when open.
  Eigen::Vector3d point_at(double s_m) const;
  Eigen::Vector3d tangent_at(double s_m) const;
  /// Arc length of the point of the path nearest to (x, y), searched within ± window of hint_s (all of it when hint_s <
  /// 0).
  double nearest_s(double x, double y, double hint_s_m = -1, double window_m = 20) const;
  /// Distance of (x, y) from the centre line [m], positive to the left of the direction of travel.
  double lateral_offset(double x, double y, double s_m) const;
};

}  // namespace bramble
