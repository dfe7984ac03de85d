#pragma once
#include <memory>

#include "bramble/world/path_shape.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/side_track.hpp"
#include "bramble/world/terrain.hpp"

namespace bramble {

/// A square of the ground and how finely it is wanted.
struct TerrainPart {
  Eigen::Vector2d centre_m{0, 0};  ///< M
  double size_m = 0;
  int samples = 0;  ///< heights per side
  int cover_pixels = 0;
  bool local_water = true;  ///< puddles and streams; they ask for samples some 0.4 m apart
};

/// The lie of a scenario's land, worked out once; the ground of any part of it comes from here. Rolling hills with
/// ridges at the rim, gullies and bumps; ponds lie in hollows and nothing else lies under the water level; the path is
/// levelled along its way (max_slope) and its surroundings are cut and filled to meet it; forks lie on the ground as it
/// is; streams cut their beds and cross the path in fords; ruts are pressed in, puddles and washouts come last. Then
/// the cover maps. Parts agree where they overlap. Const and safe to use from many threads.
class Landscape {
 public:
  /// Sets the z of the path's points to the ground. The scenario and the forks must outlive this.
  Landscape(const Scenario& scenario, Path& path, const std::vector<SideTrack>& forks = {});
  ~Landscape();
  Landscape(const Landscape&) = delete;
  Landscape& operator=(const Landscape&) = delete;

  /// Class ids and materials are left to the caller.
  Terrain terrain(const TerrainPart& part) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The whole ground of a scenario as its `terrain:` says. Sets the z of the path's points to the ground.
Terrain make_terrain(const Scenario& scenario, Path& path, const std::vector<SideTrack>& forks = {});

}  // namespace bramble
