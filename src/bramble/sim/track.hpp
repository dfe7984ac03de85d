#pragma once
#include <Eigen/Core>
#include <vector>

#include "bramble/world/path.hpp"

namespace bramble {

/// How fast a driver dares to go.
struct SpeedRules {
  double limit_mps = 6;
  double lateral_mps2 = 2.2;  ///< largest sideways acceleration in a bend
  double braking_mps2 = 1.4;  ///< planned ahead of a bend
  double downhill = 1.5;      ///< share of the speed taken off per unit of downward slope
  double slowest_mps = 2;     ///< never planned slower
};

/// A line on the ground to follow, with the direction and the planned speed at every place. Arc lengths are horizontal
/// metres. Lookups are local: a search goes from a hint.
class Track {
 public:
  struct Place {
    Eigen::Vector2d position = Eigen::Vector2d::Zero();  ///< metres, M
    double heading_rad = 0;
    double curvature_per_m = 0;  ///< positive to the left
    double speed_mps = 0;        ///< planned
  };

  /// Along the path in its direction or against it; at the end of an open path the planned speed is 0. Throws Error for
  /// a path of fewer than 3 points.
  static Track along(const Path& path, bool backwards, const SpeedRules& rules);
  /// Through these points (metres, M), open; points nearer than `spacing_m` to the one before are left out.
  static Track through(const std::vector<Eigen::Vector3d>& points, double spacing_m, const SpeedRules& rules);

  double length_m() const { return length_m_; }
  bool closed() const { return closed_; }
  Place at(double s_m) const;
  /// Arc length of the place nearest to a point, searched from `hint_s_m` - 10 m to + 10 m; negative hint: everywhere.
  double nearest_s(const Eigen::Vector2d& point, double hint_s_m) const;

 private:
  Track(std::vector<Eigen::Vector3d> points, bool closed, bool stop_at_end, const SpeedRules& rules);
  double wrapped(double s_m) const;
  std::size_t piece_of(double s_m) const;
  bool closed_ = false;
  double length_m_ = 0;
  std::vector<Eigen::Vector2d> points_;
  std::vector<double> s_m_;  // of each point, and the length at the end
  std::vector<double> heading_rad_, curvature_per_m_, speed_mps_;
};

/// The angle in (-pi, pi].
double wrap_angle(double rad);

}  // namespace bramble
