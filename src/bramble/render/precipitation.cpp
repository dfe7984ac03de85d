#include "bramble/render/precipitation.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

using Eigen::Vector2d;
using Eigen::Vector3d;

constexpr double kNearest = 0.35, kFarthest = 7.0;  // metres: beyond, a drop is smaller than a pixel
constexpr double kDropsPerM3 = 60;                  // of visible size in the heaviest rain

// A soft line from a to b, `width_px` wide at least one pixel and fainter when it is thinner.
void draw_streak(const Vector2d& a, const Vector2d& b, double width_px, double alpha, float distance_m,
                 const Eigen::Vector3f& light, const ImageF32& depth_m, ImageF32& display) {
  const double drawn = std::max(width_px, 1.0), half = 0.5 * drawn;
  alpha *= std::min(1.0, width_px);
  const int u0 = std::max(0, static_cast<int>(std::floor(std::min(a.x(), b.x()) - half - 1)));
  const int u1 = std::min(display.width - 1, static_cast<int>(std::ceil(std::max(a.x(), b.x()) + half + 1)));
  const int v0 = std::max(0, static_cast<int>(std::floor(std::min(a.y(), b.y()) - half - 1)));
  const int v1 = std::min(display.height - 1, static_cast<int>(std::ceil(std::max(a.y(), b.y()) + half + 1)));
  const Vector2d along = b - a;
  const double squared = std::max(along.squaredNorm(), 1e-9);
  for (int v = v0; v <= v1; ++v)
    for (int u = u0; u <= u1; ++u) {
      if (*depth_m.at(u, v) < distance_m) continue;
      const Vector2d p(u + 0.5, v + 0.5);
      const double t = std::clamp((p - a).dot(along) / squared, 0.0, 1.0);
      const double away = (p - a - t * along).norm();
      const auto cover = static_cast<float>(alpha * std::clamp(half + 0.5 - away, 0.0, 1.0));
      if (cover <= 0) continue;
      Eigen::Map<Eigen::Vector3f> pixel(display.at(u, v));
      pixel += cover * (light - pixel);
    }
}

}  // namespace

void draw_precipitation(const Precipitation& falling, const Sky& sky, const CameraModel& camera,
                        const ImageF32& depth_m, ImageF32& display) {
  const bool flakes = sky.snow > 0.3F;
  // Drops are strewn over a cube around the camera; those that it does not see cost next to nothing.
  const double volume = 8 * kFarthest * kFarthest * kFarthest;
  const auto count = static_cast<int>(sky.rain * volume * kDropsPerM3);
  const double focal = camera.focal_px(), exposure_s = falling.shutter_s > 0 ? falling.shutter_s : 1.0 / 120;
  const Pose X_CM = falling.X_MC.inverse();
  Random random(falling.seed, stream_of("precipitation"));
  for (int i = 0; i < count; ++i) {
    Vector3d p_M = falling.X_MC.translation();
    for (int k = 0; k < 3; ++k) p_M[k] += random.uniform(-kFarthest, kFarthest);
    const double size = random.uniform(0.0, 1.0), gust = random.uniform(-1.0, 1.0), drift = random.uniform(-1.0, 1.0);
    const Vector3d p_C = X_CM * p_M;
    const double distance = p_C.norm();
    if (distance < kNearest || distance > kFarthest) continue;
    const double diameter_m = flakes ? 0.004 + 0.006 * size : 0.0012 + 0.002 * size * size;
    const double speed = flakes ? 0.8 + 0.5 * size : 5.0 + 3.5 * size;
    const Vector3d velocity = Vector3d(1.2 + (flakes ? 0.8 : 0.3) * gust, 0.4 + (flakes ? 0.8 : 0.3) * drift, -speed) -
                              falling.camera_velocity_M;
    const Vector3d half_way = 0.5 * exposure_s * (X_CM.linear() * velocity);
    const auto begin = camera.project(p_C - half_way), end = camera.project(p_C + half_way);
    if (!begin || !end) continue;
    const double width_px = focal * diameter_m / distance, length_px = (*end - *begin).norm() + width_px;
    if (length_px > 0.5 * camera.height) continue;  // a drop at the lens: out of focus
    // A pixel is covered only for the time that the drop takes to pass it, but drops bend the light of half the sky.
    const double share = std::min(1.0, 6 * width_px / length_px);
    const double alpha = (flakes ? 0.85 : 0.75) * share * std::min(1.0, (kFarthest - distance) / 2);
    draw_streak(*begin, *end, width_px, alpha, static_cast<float>(distance), falling.light, depth_m, display);
  }
}

}  // namespace bramble
