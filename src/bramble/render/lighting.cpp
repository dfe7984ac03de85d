#include "bramble/render/lighting.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/world/noise.hpp"

namespace bramble {

using Eigen::Vector3f;

bool wants_sun(const Surface& s, const SkyDome& dome) {
  const float cosine = s.normal.dot(dome.sky().sun_direction);
  return dome.sun().y() > 1e-5F && (cosine > 0 || s.translucency > 0 || s.water);
}

Vector3f towards_sun(const Sky& sky, float u, float v) {
  if (sky.sun_radius_rad <= 0) return sky.sun_direction;
  const float radius = sky.sun_radius_rad * std::sqrt(u), angle = 2 * std::numbers::pi_v<float> * v;
  const Vector3f across = sky.sun_direction.unitOrthogonal(), up = sky.sun_direction.cross(across);
  return (sky.sun_direction + radius * (std::cos(angle) * across + std::sin(angle) * up)).normalized();
}

void apply_weather(Surface& s, const Sky& sky) {
  if (s.water) return;
  const float up = std::max(s.normal.z(), 0.0F);
  if (sky.wetness > 0) {
    // Water between the grains lets light deeper in: porous ground darkens most, leaves hardly.
    const float soaked = sky.wetness * (s.translucency > 0 ? 0.25F : 1.0F);
    s.albedo *= 1 - 0.45F * soaked;
    s.gloss += 0.30F * sky.wetness * up;
    s.film = std::max(s.film, sky.wetness * up * (s.translucency > 0 ? 0.15F : 0.5F));
  }
  if (sky.snow > 0) {
    static const Noise kDrift(41, 9);
    const Vector3f& p = s.position;
    const float drift = static_cast<float>(kDrift.fbm(p.x(), p.y(), 2.2, 3, 0.6) + 0.4 * kDrift.at(p.x(), p.y(), 0.3));
    const float depth = 1.25F * sky.snow * std::sqrt(s.sky_visibility) + 0.45F * drift + 1.3F * (up - 1) -
                        0.75F * s.trodden + (s.translucency > 0 ? -0.15F : 0.0F);
    const float cover = static_cast<float>(smoothstep(0.30, 0.62, depth));
    s.albedo += cover * (Vector3f(0.84F, 0.86F, 0.89F) - s.albedo);
    s.translucency *= 1 - cover;
    s.gloss *= 1 - cover;
    s.film *= 1 - cover;
  }
}

Vector3f shade(const Surface& s, const SkyDome& dome, const Vector3f& direction, float sun_reaches) {
  return shade(s, dome, direction, sun_reaches, s.sky_visibility * dome.ambient(s.normal));
}

Vector3f shade(const Surface& s, const SkyDome& dome, const Vector3f& direction, float sun_reaches,
               const Vector3f& sky_light) {
  const Sky& sky = dome.sky();
  const Vector3f& sun = dome.sun();
  // Many blades or leaves share a far pixel: it sees their mean, not whether one of them is lit.
  if (s.fineness > 0) sun_reaches += s.fineness * (0.30F + 0.42F * sun_reaches - sun_reaches);
  const float cosine = s.normal.dot(sky.sun_direction);
  Vector3f light = sky_light;
  if (s.translucency > 0) {
    // Light that leaves and blades pass on to each other, tinted by the first leaf it met.
    light += (0.16F * s.sky_visibility * std::max(sky.sun_direction.z(), 0.0F)) *
             sun.cwiseProduct(Vector3f(0.85F, 1.0F, 0.42F));
  }
  if (sun_reaches > 0) {
    // Leaves let part of the light through: what falls on the back glows, yellower than the front.
    light += (sun_reaches * std::max(cosine, 0.0F) * (1 - 0.35F * s.translucency)) * sun;
    if (s.translucency > 0) {
      const float back = std::max(-cosine, 0.0F) + 0.25F * std::max(1 - std::abs(cosine), 0.0F);
      light += (sun_reaches * s.translucency * back) * sun.cwiseProduct(Vector3f(1.15F, 1.15F, 0.5F));
    }
  }
  Vector3f color = s.albedo.cwiseProduct(light);
  if (s.gloss > 0 && sun_reaches > 0) {
    const Vector3f half = (sky.sun_direction - direction).normalized();
    const float sharp = s.water ? 400.0F : 24.0F;
    color +=
        sun_reaches * s.gloss * (s.water ? 6.0F : 0.35F) * std::pow(std::max(0.0F, half.dot(s.normal)), sharp) * sun;
  }
  if (s.film > 0) {
    const float facing = std::clamp(-direction.dot(s.normal), 0.0F, 1.0F);
    const float mirror = 0.02F + 0.98F * std::pow(1 - facing, 5.0F);
    Vector3f away = direction - 2 * direction.dot(s.normal) * s.normal;
    away.z() = std::max(away.z(), 0.02F);
    color += s.film * mirror * (s.sky_visibility * dome.radiance(away.normalized()) - color);
  }
  return color;
}

Vector3f through_air(const Vector3f& color, float distance_m, float from_z, const Vector3f& direction,
                     const SkyDome& dome) {
  const Sky& sky = dome.sky();
  const float clear = std::exp(-distance_m * (1 / sky.haze_distance_m + 0.003F * sky.rain));
  Vector3f seen = clear * color + (1 - clear) * dome.haze(direction);
  if (sky.fog_per_m > 0) {
    // Its density falls with the height: the integral of exp(-z / h) along the ray.
    const float h = sky.fog_height_m, begin = std::exp(-std::max(from_z, -h) / h), climb = direction.z() * distance_m;
    const float mean = std::abs(climb) < 0.01F * h ? 1.0F : (1 - std::exp(-std::max(climb, -3 * h) / h)) * h / climb;
    const float left = std::exp(-sky.fog_per_m * distance_m * begin * mean);
    seen = left * seen + (1 - left) * dome.fog(direction);
  }
  return seen;
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
