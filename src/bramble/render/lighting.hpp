#pragma once
#include <Eigen/Core>

#include "bramble/render/scene.hpp"
#include "bramble/render/sky_dome.hpp"

namespace bramble {

/// Light that leaves a surface towards the viewer: sun (`sun_reaches`: 0…1), sky, and highlight; linear, before haze.
/// `direction`: unit, from the viewer. Water's mirror image is not in it.
Eigen::Vector3f shade(const Surface& s, const SkyDome& dome, const Eigen::Vector3f& direction, float sun_reaches);
/// The same with `sky_light` (irradiance / pi) that was found by rays, instead of the surface's estimate of the sky it
/// sees.
Eigen::Vector3f shade(const Surface& s, const SkyDome& dome, const Eigen::Vector3f& direction, float sun_reaches,
                      const Eigen::Vector3f& sky_light);

/// Whether the sun's side of this surface matters at all, so that a shadow ray is worth its time.
bool wants_sun(const Surface& s, const SkyDome& dome);

/// Towards a point of the sun's disc; u, v in [0, 1) choose it evenly.
Eigen::Vector3f towards_sun(const Sky& sky, float u, float v);

/// What rain and snow do to a surface: a film of water darkens and mirrors, snow lies on what looks up. Labels stay.
void apply_weather(Surface& s, const Sky& sky);

/// `color` seen through `distance_m` of haze, fog and rain; `from_z`: height of the eye [m].
Eigen::Vector3f through_air(const Eigen::Vector3f& color, float distance_m, float from_z,
                            const Eigen::Vector3f& direction, const SkyDome& dome);

/// Scene radiance → display value: exposure, then the filmic curve of ACES with its colour matrices (fit by Stephen
/// Hill, 2017), still linear, 0…1.
Eigen::Vector3f tone_map(const Eigen::Vector3f& radiance, float exposure);

}  // namespace bramble
