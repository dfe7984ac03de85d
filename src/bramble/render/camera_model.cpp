#include "bramble/render/camera_model.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

// Distorted over undistorted radius of Brown and Conrady's model, and its radius's derivative.
double radial(const std::array<double, 5>& d, double r2) { return 1 + r2 * (d[0] + r2 * (d[1] + r2 * d[4])); }
double radius_slope(const std::array<double, 5>& d, double r2) {
  return 1 + r2 * (3 * d[0] + r2 * (5 * d[1] + r2 * 7 * d[4]));
}

Eigen::Vector2d distort(const std::array<double, 5>& d, const Eigen::Vector2d& p) {
  const double r2 = p.squaredNorm(), scale = radial(d, r2), xy = 2 * p.x() * p.y();
  return {p.x() * scale + d[2] * xy + d[3] * (r2 + 2 * p.x() * p.x()),
          p.y() * scale + d[3] * xy + d[2] * (r2 + 2 * p.y() * p.y())};
}

// Newton's method with the radial derivative; the tangential part is small and follows by iteration.
Eigen::Vector2d undistort(const std::array<double, 5>& d, const Eigen::Vector2d& wanted) {
  Eigen::Vector2d p = wanted;
  for (int i = 0; i < 20; ++i) {
    const Eigen::Vector2d error = distort(d, p) - wanted;
    if (error.squaredNorm() < 1e-18) break;
    const double r2 = p.squaredNorm(), across = radial(d, r2), along = std::max(radius_slope(d, r2), 0.1);
    if (r2 < 1e-12) {
      p -= error / across;
      continue;
    }
    const Eigen::Vector2d out = p / std::sqrt(r2);
    const double outward = error.dot(out);
    p -= outward / along * out + (error - outward * out) / std::max(across, 0.1);
  }
  return p;
}

double fisheye_radius(const std::array<double, 5>& d, double angle) {
  const double a2 = angle * angle;
  return angle * (1 + a2 * (d[0] + a2 * (d[1] + a2 * (d[2] + a2 * d[3]))));
}
double fisheye_slope(const std::array<double, 5>& d, double angle) {
  const double a2 = angle * angle;
  return 1 + a2 * (3 * d[0] + a2 * (5 * d[1] + a2 * (7 * d[2] + a2 * 9 * d[3])));
}

}  // namespace

double CameraModel::focal_px() const {
  if (projection == Projection::kFisheye) return 0.5 * width / fisheye_radius(distortion, 0.5 * fov_rad);
  return width / (2 * std::tan(fov_rad / 2));
}

Eigen::Vector3f CameraModel::direction(float u, float v) const {
  if (projection == Projection::kPinhole && !distorted()) {
    const auto focal = static_cast<float>(focal_px());
    return Eigen::Vector3f((u - 0.5F * static_cast<float>(width)) / focal,
                           (v - 0.5F * static_cast<float>(height)) / focal, 1)
        .normalized();
  }
  const Eigen::Vector2d p = Eigen::Vector2d(u - 0.5 * width, v - 0.5 * height) / focal_px();
  if (projection == Projection::kPinhole) {
    const Eigen::Vector2d q = undistort(distortion, p);
    return Eigen::Vector3d(q.x(), q.y(), 1).normalized().cast<float>();
  }
  const double radius = p.norm();
  double angle = radius;
  for (int i = 0; i < 20 && distorted(); ++i) {
    const double error = fisheye_radius(distortion, angle) - radius;
    if (std::abs(error) < 1e-10) break;
    angle -= error / std::max(fisheye_slope(distortion, angle), 0.1);
  }
  if (angle > 0.5 * fov_rad) return Eigen::Vector3f::Zero();
  if (radius < 1e-12) return Eigen::Vector3f::UnitZ();
  const double across = std::sin(angle) / radius;
  return Eigen::Vector3d(across * p.x(), across * p.y(), std::cos(angle)).cast<float>();
}

std::optional<Eigen::Vector2d> CameraModel::project(const Eigen::Vector3d& p_C) const {
  const Eigen::Vector2d middle(0.5 * width, 0.5 * height);
  if (projection == Projection::kPinhole) {
    if (p_C.z() <= 1e-3) return std::nullopt;
    const Eigen::Vector2d p = p_C.head<2>() / p_C.z();
    return middle + focal_px() * (distorted() ? distort(distortion, p) : p);
  }
  const double across = p_C.head<2>().norm(), angle = std::atan2(across, p_C.z());
  if (angle > 0.5 * fov_rad + 1e-6) return std::nullopt;  // the border itself is seen
  if (across < 1e-12) return middle;
  return middle + focal_px() * fisheye_radius(distortion, angle) / across * p_C.head<2>();
}

void CameraModel::check(const std::string& who) const {
  if (width < 1 || height < 1 || samples_per_axis < 1)
    fail("{}: a camera of {}x{} pixels with {} samples an axis cannot be rendered", who, width, height,
         samples_per_axis);
  const bool pinhole = projection == Projection::kPinhole;
  if (!(fov_rad > 0) || fov_rad > (pinhole ? 0.95 : 2.0) * std::numbers::pi)
    fail("{}: a field of view of {:.0f} degrees is impossible with this projection", who,
         fov_rad * 180 / std::numbers::pi);
  if (!distorted()) return;
  // The radius in the picture must grow with the angle as far as the picture's corner, or the image circle's border.
  const double corner = pinhole ? 0.5 * std::hypot(width, height) / (width / (2 * std::tan(fov_rad / 2))) : 0;
  bool reached = !pinhole;
  for (int i = 0; i <= 2000 && !(pinhole && reached); ++i) {
    const double at = pinhole ? 8.0 * i / 2000 : 0.5 * fov_rad * i / 2000;
    if ((pinhole ? radius_slope(distortion, at * at) : fisheye_slope(distortion, at)) <= 0.1) break;
    if (pinhole) reached = at * radial(distortion, at * at) >= corner;
    if (!pinhole && i == 2000) return;
  }
  if (pinhole && reached) return;
  fail(
      "{}: the distortion [{}, {}, {}, {}, {}] folds the picture over itself before its corners; use smaller "
      "coefficients, or the fisheye projection",
      who, distortion[0], distortion[1], distortion[2], distortion[3], distortion[4]);
}

bool CameraModel::same_rays(const CameraModel& other) const {
  return width == other.width && height == other.height && fov_rad == other.fov_rad && projection == other.projection &&
         distortion == other.distortion && ray_spacing == other.ray_spacing;
}

bool set_quality(const std::string& name, CameraModel& camera) {
  if (name == "draft" || name == "preview")
    camera.samples_per_axis = 1;
  else if (name == "standard")
    camera.samples_per_axis = 2;
  else if (name == "reference")
    camera.samples_per_axis = 8;
  else
    return false;
  camera.traced_sky_light = camera.samples_per_axis > 1;
  camera.ray_spacing = name == "draft" ? 2 : 1;
  return true;
}

}  // namespace bramble
