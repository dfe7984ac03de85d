#pragma once
#include <Eigen/Core>
#include <vector>

#include "bramble/world/noise.hpp"
#include "bramble/world/path.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

/// A pond with its place worked out: an ellipse with a ragged outline.
struct Pond {
  Eigen::Vector2d centre;  // metres, M
  Eigen::Vector2d along;   // unit, the long axis
  double half_length_m = 0;
  double half_width_m = 0;
  double depth_m = 0;
  /// 0 at the centre, 1 on the ellipse, growing outwards.
  double reach(double x, double y) const;
};

/// The ponds of a scenario beside its loop.
std::vector<Pond> place_ponds(const WaterScenario& scenario, const Path& loop);

/// Distance of a place from the border of a square of this side around the origin [m], with rounded corners (negative
/// in the very corners).
double rim_distance_m(double size_m, double x, double y);

/// The shape of the land before the path and the ponds are made. Const and safe to use from many threads; the scenario
/// and the ponds must outlive it.
class Land {
 public:
  Land(const Scenario& scenario, const std::vector<Pond>& ponds);
  /// Height [m] of everything but the bumps, which the path smooths away: hills or ridges, the rim, gullies, what water
  /// has washed away, and hollows for the ponds. Nothing but those lies below 0.5 m above the water level.
  double height(double x, double y) const;
  /// Unevenness at the scale of a vehicle [m], about 0.
  double bumps(double x, double y) const;

 private:
  double uneroded(double x, double y) const;
  double washed(double x, double y) const;
  const TerrainScenario& terrain_;
  const WaterScenario& water_;
  const std::vector<Pond>& ponds_;
  Noise hills_, rim_, gullies_, bumps_;
  int erosion_side_ = 0;       // samples per side of the grid on which water flows
  std::vector<float> washed_;  // [erosion_side_, erosion_side_] change of height, metres; empty: none
};

}  // namespace bramble
