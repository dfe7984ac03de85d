#pragma once
#include "bramble/world/path_shape.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/terrain.hpp"

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

/// The ground of a scenario. Rolling hills with ridges at the rim, gullies and bumps; ponds lie in hollows and nothing
/// else lies under the water level; the path is levelled along its way (max_slope) and its surroundings are cut and
/// filled to meet it; ruts are pressed in. Then the cover maps. Sets the z of the path's points to the ground.
/// Class ids and materials are left to the caller.
Terrain make_terrain(const Scenario& scenario, Path& path);

/// Distance of a place from the border of the terrain [m], with rounded corners (negative in the very corners).
double rim_distance_m(const Terrain& terrain, double x, double y);

}  // namespace bramble
