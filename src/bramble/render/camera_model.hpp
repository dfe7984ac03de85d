#pragma once
#include <Eigen/Core>
#include <array>
#include <optional>
#include <string>

namespace bramble {

enum class Projection {
  kPinhole,  ///< distortion as ROS's plumb_bob (Brown-Conrady): k1, k2, p1, p2, k3
  kFisheye   ///< distortion as ROS's equidistant (Kannala-Brandt): k1, k2, k3, k4
};

/// Where a camera's pixels look. Optical frame: x right, y down, z forward. Pixel (u, v): ray through its centre
/// (u + 0.5, v + 0.5); fx = fy = focal_px(), principal point at the picture's middle.
/// Pinhole: focal length as CARLA's, width / (2 tan(fov/2)), before distortion. Fisheye: the distance from the middle
/// grows with the angle from the axis (plus distortion); `fov` is the angle of the image circle, which touches the left
/// and right border; pixels outside it see nothing.
struct CameraModel {
  int width = 1024;
  int height = 768;
  double fov_rad = 1.5707963267948966;  ///< horizontal
  Projection projection = Projection::kPinhole;
  std::array<double, 5> distortion{};
  int samples_per_axis = 1;  ///< RGB is the mean of n x n rays a pixel; annotations always come from the pixel's centre
  bool traced_sky_light = false;  ///< sky light and one bounce by a ray a sample, not by the surface's estimate
  /// Pixels per side that share their rays: colour is interpolated between the rays, annotations are the nearest ray's.
  /// 1 where width or height is no multiple of it.
  int ray_spacing = 1;

  double focal_px() const;
  bool distorted() const { return distortion != std::array<double, 5>{}; }
  /// Unit direction, optical frame, of a point of the picture; zero outside a fisheye's image circle.
  Eigen::Vector3f direction(float u, float v) const;
  /// Where a point of the optical frame is seen; nothing behind a pinhole camera or outside the image circle.
  std::optional<Eigen::Vector2d> project(const Eigen::Vector3d& p_C) const;
  /// Throws Error when the size makes no picture or the distortion folds the picture over itself; `who` begins it.
  void check(const std::string& who) const;
  bool same_rays(const CameraModel& other) const;
};

/// Quality by name: draft is a sample for four pixels, preview, standard, reference are 1, 4 and 64 samples a pixel,
/// the latter two with traced sky light. Sets samples_per_axis, traced_sky_light and ray_spacing; false when there is
/// no such quality.
bool set_quality(const std::string& name, CameraModel& camera);

}  // namespace bramble
