#pragma once
#include <optional>

#include "bramble/world/terrain.hpp"

namespace bramble {

/// Where a ray from `from` to `to` (metres, M) meets the terrain's triangles, as a share 0…1 of its length; nothing
/// when it stays above. A start below the ground meets it at 0. For rays that point mostly downwards, as a wheel's do.
/// Terrain::height is a plane in each triangle, so intersecting with the plane below the last estimate ends on the
/// exact point after a few rounds; where rounds disagree (a crease), the bracket is halved.
std::optional<double> ground_hit(const Terrain& terrain, const Eigen::Vector3d& from, const Eigen::Vector3d& to);

}  // namespace bramble
