#include "bramble/render/lighting.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {

using Eigen::Vector3f;

bool wants_sun(const Surface& s, const Sky& sky) {
  const float cosine = s.normal.dot(sky.sun_direction);
  return sky.sun_direction.z() > 0 && (cosine > 0 || s.translucency > 0 || s.water);
}

Vector3f shade(const Surface& s, const Sky& sky, const SkyDome& dome, const Vector3f& direction, float sun_reaches) {
  // Many blades or leaves share a far pixel: it sees their mean, not whether one of them is lit.
  if (s.fineness > 0) sun_reaches += s.fineness * (0.30F + 0.42F * sun_reaches - sun_reaches);
  const float cosine = s.normal.dot(sky.sun_direction);
  Vector3f light = s.sky_visibility * dome.ambient(s.normal);
  if (s.translucency > 0) {
    // Light that leaves and blades pass on to each other, tinted by the first leaf it met.
    light += (0.16F * s.sky_visibility * std::max(sky.sun_direction.z(), 0.0F)) *
             sky.sun_color.cwiseProduct(Vector3f(0.85F, 1.0F, 0.42F));
  }
  if (sun_reaches > 0) {
    // Leaves let part of the light through: what falls on the back glows, yellower than the front.
    light += (sun_reaches * std::max(cosine, 0.0F) * (1 - 0.35F * s.translucency)) * sky.sun_color;
    if (s.translucency > 0) {
      const float back = std::max(-cosine, 0.0F) + 0.25F * std::max(1 - std::abs(cosine), 0.0F);
      light += (sun_reaches * s.translucency * back) * sky.sun_color.cwiseProduct(Vector3f(1.15F, 1.15F, 0.5F));
    }
  }
  Vector3f color = s.albedo.cwiseProduct(light);
  if (s.gloss > 0 && sun_reaches > 0) {
    const Vector3f half = (sky.sun_direction - direction).normalized();
    const float sharp = s.water ? 400.0F : 24.0F;
    color += sun_reaches * s.gloss * (s.water ? 6.0F : 0.35F) * std::pow(std::max(0.0F, half.dot(s.normal)), sharp) *
             sky.sun_color;
  }
  return color;
}

Vector3f through_haze(const Vector3f& color, float distance_m, const Vector3f& direction, const Sky& sky,
                      const SkyDome& dome) {
  const float clear = std::exp(-distance_m / sky.haze_distance_m);
  return clear * color + (1 - clear) * dome.haze(direction);
}

// Colours bleed into each other as in film and eye before the curve, so that bright greens pale instead of glowing.
Vector3f tone_map(const Vector3f& radiance, float exposure) {
  static const Eigen::Matrix3f kInto =
      (Eigen::Matrix3f() << 0.59719F, 0.35458F, 0.04823F, 0.07600F, 0.90834F, 0.01566F, 0.02840F, 0.13383F, 0.83777F)
          .finished();
  static const Eigen::Matrix3f kOut = (Eigen::Matrix3f() << 1.60475F, -0.53108F, -0.07367F, -0.10208F, 1.10813F,
                                       -0.00605F, -0.00327F, -0.07276F, 1.07602F)
                                          .finished();
  Vector3f x = kInto * (1.7F * exposure * radiance.cwiseProduct(Vector3f(1.05F, 1.0F, 0.95F)));
  for (int c = 0; c < 3; ++c)
    x[c] = (x[c] * (x[c] + 0.0245786F) - 0.000090537F) / (x[c] * (0.983729F * x[c] + 0.4329510F) + 0.238081F);
  return (kOut * x).cwiseMax(0.0F).cwiseMin(1.0F);
}

}  // namespace bramble
