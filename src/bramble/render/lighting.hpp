#pragma once
#include <Eigen/Core>

#include "bramble/render/scene.hpp"
#include "bramble/render/sky_dome.hpp"

namespace bramble {

/// Light that leaves a surface towards the viewer: sun (if `sun_reaches`: 0 or 1), sky, and highlight; linear, before
/// haze. `direction`: unit, from the viewer. Water's mirror image is not in it.
Eigen::Vector3f shade(const Surface& s, const Sky& sky, const SkyDome& dome, const Eigen::Vector3f& direction,
                      float sun_reaches);

/// Whether the sun's side of this surface matters at all, so that a shadow ray is worth its time.
bool wants_sun(const Surface& s, const Sky& sky);

/// `color` seen through `distance_m` of air.
Eigen::Vector3f through_haze(const Eigen::Vector3f& color, float distance_m, const Eigen::Vector3f& direction,
                             const Sky& sky, const SkyDome& dome);

/// Scene radiance → display value: exposure, then the filmic curve of ACES with its colour matrices (fit by Stephen
/// Hill, 2017), still linear, 0…1.
Eigen::Vector3f tone_map(const Eigen::Vector3f& radiance, float exposure);

}  // namespace bramble
