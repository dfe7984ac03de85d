#pragma once
#include "bramble/world/path_shape.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/side_track.hpp"
#include "bramble/world/terrain.hpp"

namespace bramble {

/// The ground of a scenario. Rolling hills with ridges at the rim, gullies and bumps; ponds lie in hollows and nothing
/// else lies under the water level; the path is levelled along its way (max_slope) and its surroundings are cut and
/// filled to meet it; forks lie on the ground as it is; streams cut their beds and cross the path in fords; ruts are
/// pressed in, puddles and washouts come last. Then the cover maps. Sets the z of the path's points to the ground.
/// Class ids and materials are left to the caller.
Terrain make_terrain(const Scenario& scenario, Path& path, const std::vector<SideTrack>& forks = {});

}  // namespace bramble
