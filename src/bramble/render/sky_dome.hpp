#pragma once
#include <Eigen/Core>
#include <vector>

#include "bramble/world/world.hpp"

namespace bramble {

/// The light of the sky, computed once for a weather: a dome of radiance (clear air, clouds, fog), the colour of the
/// haze in each direction, what is left of the sun's beam, the light that a surface gets from the sky, and the exposure
/// that a camera would choose.
class SkyDome {
 public:
  explicit SkyDome(const Sky& sky);
  /// Light of the same radiance from everywhere, no sun, exposure 1: the white furnace, in which a white surface must
  /// vanish. Of `sky` only the air (haze, fog, rain) and what lies on surfaces count.
  static SkyDome uniform(const Sky& sky, const Eigen::Vector3f& radiance);

  const Sky& sky() const { return sky_; }
  /// Radiance seen in `direction` (unit, M); below the horizon the haze's colour. With the sun's disc.
  Eigen::Vector3f radiance(const Eigen::Vector3f& direction) const;
  /// The same without the disc and its aureole's peak, averaged over some twenty degrees: for light that falls on
  /// surfaces, where a single ray must not decide.
  Eigen::Vector3f broad_radiance(const Eigen::Vector3f& direction) const;
  /// Radiance without clouds' detail, for the haze: a blurred horizon band.
  Eigen::Vector3f haze(const Eigen::Vector3f& direction) const;
  /// Light that fog scatters towards the viewer who looks in `direction`, when no other light is left.
  Eigen::Vector3f fog(const Eigen::Vector3f& direction) const;
  /// Diffuse irradiance / pi from the unoccluded sky and the lit ground on a surface with this normal.
  Eigen::Vector3f ambient(const Eigen::Vector3f& normal) const;
  /// Irradiance / pi of the sun's beam under the clouds and the fog.
  const Eigen::Vector3f& sun() const { return sun_; }
  /// Factor before tone mapping: what an automatic exposure makes of this light, times sky().exposure. See
  /// automatic_exposure().
  float exposure() const { return exposure_; }

 private:
  SkyDome() = default;
  void integrate_clear_sky();
  Eigen::Vector3f clear(const Eigen::Vector3f& direction) const;
  float cloud_density(float x, float y) const;
  Eigen::Vector3f with_clouds(const Eigen::Vector3f& direction) const;
  Eigen::Vector3f behind_fog(const Eigen::Vector3f& color, const Eigen::Vector3f& direction) const;
  Eigen::Vector3f cosine_weighted_mean() const;
  void average_broadly();
  static constexpr int kWidth = 2048, kHeight = 512, kHazeWidth = 128, kBroadWidth = 16, kBroadHeight = 5;
  static constexpr int kClearAzimuths = 64, kClearHeights = 64;

  Sky sky_;
  float overcast_ = 0;                 // 0…1: how far the clouds have closed
  Eigen::Vector3f sun_, clear_light_;  // clear_light_: mean radiance of the clear sky, cosine-weighted
  Eigen::Vector3f up_, down_;
  float exposure_ = 1;
  float stars_ = 0;                     // 0…1: how much of their light comes through
  std::vector<Eigen::Vector3f> clear_;  // [kClearHeights, kClearAzimuths], rows as in dome_, azimuth from the sun's
  std::vector<Eigen::Vector3f>
      dome_;  // [kHeight, kWidth], row 0 at the horizon; rows even in the square root of the elevation's sine
  std::vector<Eigen::Vector3f> haze_;   // [kHazeWidth] by azimuth
  std::vector<Eigen::Vector3f> broad_;  // [kBroadHeight, kBroadWidth], as dome_
};

/// The exposure for this much light on open ground (luminance of irradiance / pi; about 1 at noon). It follows the
/// light to the power of 0.85, so that dusk looks darker than noon, and below the light of late dusk to the power of
/// 0.4, as a camera that has come to the end of its shutter and gain: nights are dark.
float automatic_exposure(float light);

}  // namespace bramble
