#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/pose.hpp"
#include "bramble/render/camera_model.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

/// What a camera makes of the light that falls on its pixels, in the light's order: the lens darkens the corners, the
/// picture smears while the shutter is open, the chip adds noise; white balance, exposure and tone curve make the
/// displayed value. The defaults change nothing but the tone.
struct CameraEffects {
  double exposure_ev = 0;       ///< stops above the automatic exposure
  double temperature_k = 6500;  ///< colour temperature of the light that the camera takes for white
  double vignetting = 0;        ///< 0…1: how far the corners darken with the fourth power of the angle's cosine
  double shutter_s = 0;         ///< time of exposure, half before and half after the stamp; 0: no motion blur
  double iso = 0;               ///< noise of a chip that holds 20,000 electrons a pixel at 100; 0: none
  double linear = 0;            ///< 1: no tone curve, values clip at white (for those who want radiance)

  static CameraEffects of(const CameraScenario& scenario);
  /// A sensor's own values, which come before the scenario's.
  using Own = std::vector<std::pair<double CameraEffects::*, double>>;
  CameraEffects with(const Own& own) const;
};

/// The part of the effects that a pixel needs no neighbour for, prepared for a frame.
class Development {
 public:
  Development(const CameraEffects& effects, float automatic_exposure);
  /// Scene radiance of a ray at this cosine to the axis → displayed value, linear, 0…1.
  Eigen::Vector3f operator()(const Eigen::Vector3f& radiance, float axis_cosine) const;

 private:
  Eigen::Vector3f gain_;
  float vignetting_;
  bool filmic_;
};

/// Gain of each channel that makes light of this colour temperature [K, 1,000…40,000] look white, green 1, so that 6500
/// gives 1, 1, 1. (Planck's locus in chromaticity after Kim et al., 2002, through sRGB's primaries.)
Eigen::Vector3f white_balance(double temperature_k);

/// Smears each pixel along its motion while the shutter is open: `shutter_share` is its time over the time between
/// frames. `display`: [H, W, 3] linear, `flow`: [H, W, 2] as in CameraFrame. `result` may not be `display`.
void motion_blur(const ImageF32& display, const ImageF32& flow, double shutter_share, ImageF32& result);

/// Photon and read noise on linear displayed values 0…1, other for every pixel, frame_index and seed.
void sensor_noise(ImageF32& display, double iso, std::uint64_t seed, std::uint64_t frame_index);

}  // namespace bramble
