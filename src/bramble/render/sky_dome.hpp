#pragma once
#include <Eigen/Core>
#include <vector>

#include "bramble/world/world.hpp"

namespace bramble {

/// The light of the sky, computed once for a world: a dome of radiance with sun glow and clouds, the colour of the haze
/// in each direction, and the irradiance that a surface gets from the sky.
class SkyDome {
 public:
  explicit SkyDome(const Sky& sky);

  /// Radiance seen in `direction` (unit, M); below the horizon the haze's colour. With the sun's disc.
  Eigen::Vector3f radiance(const Eigen::Vector3f& direction) const;
  /// Radiance without clouds' detail, for reflections on rough water and for the haze: a blurred horizon band.
  Eigen::Vector3f haze(const Eigen::Vector3f& direction) const;
  /// Diffuse irradiance / pi from the unoccluded sky and the lit ground on a surface with this normal.
  Eigen::Vector3f ambient(const Eigen::Vector3f& normal) const;

 private:
  Eigen::Vector3f clear(const Eigen::Vector3f& direction) const;
  float cloud_density(float x, float y) const;
  Eigen::Vector3f with_clouds(const Eigen::Vector3f& direction) const;
  static constexpr int kWidth = 2048, kHeight = 512, kHazeWidth = 128;

  Sky sky_;
  Eigen::Vector3f zenith_, horizon_, up_, down_;
  std::vector<Eigen::Vector3f>
      dome_;  // [kHeight, kWidth], row 0 at the horizon; rows even in the square root of the elevation's sine
  std::vector<Eigen::Vector3f> haze_;  // [kHazeWidth] by azimuth
};

}  // namespace bramble
