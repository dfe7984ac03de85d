#pragma once
#include <Eigen/Core>
#include <vector>

namespace bramble {

/// Light of the sun in clear air: molecules (Rayleigh), haze (Mie, Cornette and Shanks' phase function) and ozone
/// around a sphere, integrated along the ray, with all orders of scattering but the first taken together. Sources:
/// coefficients and profiles of Bruneton and Neyret, "Precomputed Atmospheric Scattering" (2008, revised 2017);
/// multiple scattering of Hillaire, "A Scalable and Production Ready Sky and Atmosphere Rendering Technique" (2020).
///
/// Colours are linear RGB; the sun outside the air is (1, 1, 1) as a camera balanced for daylight at noon sees it, so
/// that its light at the ground is near (1, 1, 1) too when it stands high. Radiance is in units of the sun's irradiance
/// divided by pi: a white matt surface facing the sun outside the air has radiance 1.
class Atmosphere {
 public:
  /// turbidity: total optical depth over that of the molecules at 550 nm; 1.7 very clear … 10 hazy.
  explicit Atmosphere(double turbidity);

  /// Share of the sun's light that arrives at the ground, by the sine of its elevation; 0 below the horizon.
  Eigen::Vector3f sun_at_ground(double sine_elevation) const;
  /// Radiance of the clear sky seen from the ground. Directions: unit, z up; the view must look up (z >= 0). The sun
  /// may stand below the horizon.
  Eigen::Vector3f sky(const Eigen::Vector3d& view, const Eigen::Vector3d& sun) const;

 private:
  struct Medium {  // per metre
    Eigen::Array3d rayleigh, mie, extinction;
  };
  Medium at_height(double height_m) const;
  Eigen::Array3d transmittance(double height_m, double sine) const;  // from there to the top of the air; interpolated
  Eigen::Array3d integrated_transmittance(double height_m, double sine) const;
  Eigen::Array3d multiple_scattering(double height_m, double sine_sun) const;  // interpolated
  Eigen::Array3d integrated_multiple_scattering(double height_m, double sine_sun) const;

  Eigen::Array3d mie_scattering_, mie_extinction_;
  std::vector<Eigen::Array3d> transmittance_;        // [kHeights, kSines]
  std::vector<Eigen::Array3d> multiple_scattering_;  // [kHeights, kSines]
};

}  // namespace bramble
