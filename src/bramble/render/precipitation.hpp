#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "bramble/core/image.hpp"
#include "bramble/core/pose.hpp"
#include "bramble/render/camera_model.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// What falls before the camera in one frame.
struct Precipitation {
  Pose X_MC = Pose::Identity();
  Eigen::Vector3d camera_velocity_M = Eigen::Vector3d::Zero();  ///< m/s: streaks slant towards a moving camera
  double shutter_s = 0;                                         ///< length of the streaks; 0: that of 1/120 s
  Eigen::Vector3f light{1, 1, 1};                               ///< displayed colour of what a drop shows: the sky
  std::uint64_t seed = 0;
};

/// Draws the rain near the camera as streaks (with snow on the ground: flakes) over `display` ([H, W, 3] linear, 0…1),
/// hidden by what is nearer ([H, W, 1] depth). Farther drops are the veil in through_air(). sky.rain says how many;
/// sizes and speeds of drops are those of Marshall and Palmer's and of Atlas's measurements, roughly.
void draw_precipitation(const Precipitation& falling, const Sky& sky, const CameraModel& camera,
                        const ImageF32& depth_m, ImageF32& display);

}  // namespace bramble
