#include "bramble/render/sky_dome.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/core/parallel.hpp"
#include "bramble/world/noise.hpp"

namespace bramble {
namespace {

using Eigen::Vector3f;

constexpr float kPi = std::numbers::pi_v<float>;

Vector3f mix(const Vector3f& a, const Vector3f& b, float t) { return a + t * (b - a); }

}  // namespace

SkyDome::SkyDome(const Sky& sky) : sky_(sky) {
  // 1. The clear sky's two colours. Rayleigh's blue overhead pales with turbidity; near the horizon the long way
  // through air
  //    whitens it, and a low sun warms it.
  const float height = std::clamp(sky.sun_direction.z(), 0.02F, 1.0F);
  const float haze = std::clamp((sky.turbidity - 2.0F) / 6.0F, 0.0F, 1.0F);
  const float low_sun = std::pow(1.0F - height, 4.0F);
  const float brightness = 0.25F + 0.75F * std::sqrt(height);
  zenith_ = brightness * mix(Vector3f(0.115F, 0.245F, 0.57F), Vector3f(0.25F, 0.36F, 0.56F), haze);
  horizon_ = brightness * mix(mix(Vector3f(0.50F, 0.64F, 0.83F), Vector3f(0.74F, 0.78F, 0.82F), haze),
                              Vector3f(0.95F, 0.70F, 0.48F), 0.75F * low_sun);

  // 2. The dome: clouds over the clear sky.
  dome_.resize(static_cast<std::size_t>(kWidth) * kHeight);
  parallel_for(kHeight, [&](std::size_t row) {
    const float root = (static_cast<float>(row) + 0.5F) / kHeight;
    const float sine = root * root;
    const float cosine = std::sqrt(1.0F - sine * sine);
    for (int column = 0; column < kWidth; ++column) {
      const float azimuth = (static_cast<float>(column) + 0.5F) / kWidth * 2 * kPi;
      dome_[row * kWidth + column] = with_clouds({cosine * std::cos(azimuth), cosine * std::sin(azimuth), sine});
    }
  });

  // 3. Haze: the mean of the lowest degrees of the dome over a sector of azimuth.
  haze_.resize(kHazeWidth);
  for (int i = 0; i < kHazeWidth; ++i) {
    Vector3f sum = Vector3f::Zero();
    int count = 0;
    for (int offset = -48; offset <= 48; ++offset)
      for (int row = 60; row < 170; row += 8) {
        const int column = ((i * kWidth / kHazeWidth + offset) % kWidth + kWidth) % kWidth;
        sum += dome_[static_cast<std::size_t>(row) * kWidth + column];
        ++count;
      }
    haze_[i] = sum / static_cast<float>(count);
  }

  // 4. Ambient light: the cosine-weighted mean of the dome for a surface that looks up, and light from the ground for
  // one that
  //    looks down (a ground of albedo 0.18 lit by sun and sky).
  Vector3f sum = Vector3f::Zero();
  float weight = 0;
  for (int row = 0; row < kHeight; row += 4) {
    const float root = (static_cast<float>(row) + 0.5F) / kHeight;
    const float solid_angle = 2 * root;  // d(sine) / d(root)
    for (int column = 0; column < kWidth; column += 16) {
      const float w = root * root * solid_angle;
      sum += w * dome_[static_cast<std::size_t>(row) * kWidth + column];
      weight += w;
    }
  }
  up_ = sum / weight;
  const Vector3f ground_albedo(0.17F, 0.18F, 0.10F);
  down_ = ground_albedo.cwiseProduct(up_ + sky.sun_color * std::max(sky.sun_direction.z(), 0.0F));
}

// Gradient by elevation, and a glow around the sun (a sharp and a wide lobe).
Vector3f SkyDome::clear(const Vector3f& direction) const {
  const float sine = std::clamp(direction.z(), 0.0F, 1.0F);
  Vector3f color = mix(zenith_, horizon_, std::pow(1.0F - sine, 3.2F));
  const float towards_sun = std::clamp(direction.dot(sky_.sun_direction), 0.0F, 1.0F);
  const float strength = 0.6F + 0.12F * sky_.turbidity;
  color += strength * sky_.sun_color * (0.10F * std::pow(towards_sun, 6.0F) + 0.30F * std::pow(towards_sun, 60.0F));
  return color;
}

// 0 outside clouds, up to 1 inside, on a plane high above; coordinates in cloud heights.
float SkyDome::cloud_density(float x, float y) const {
  static constexpr int kOctaves = 6;
  const Noise noise(sky_.cloud_seed, 77);
  const Noise large(sky_.cloud_seed, 78);
  const double shape = noise.fbm(x, y, 1.1, kOctaves, 0.52) + 0.30 * large.at(x, y, 4.0);
  const double threshold = 0.36 - 0.75 * sky_.cloud_cover;
  return static_cast<float>(smoothstep(threshold, threshold + 0.34, shape));
}

Vector3f SkyDome::with_clouds(const Vector3f& direction) const {
  Vector3f color = clear(direction);
  const float sine = direction.z();
  if (sky_.cloud_cover <= 0.01F || sine < 0.01F) return color;
  // The plane of the clouds curves down towards the horizon, so that they crowd there without running to infinity.
  const float reach = 1.0F / (sine + 0.07F);
  const float x = direction.x() * reach, y = direction.y() * reach;
  const float density = cloud_density(x, y);
  if (density <= 0) return color;
  // Light through the cloud: less where more cloud lies towards the sun; silver rims near the sun.
  const float step = 0.16F;
  const float towards = cloud_density(x + step * sky_.sun_direction.x(), y + step * sky_.sun_direction.y());
  const float through = std::exp(-0.75F * towards - 0.55F * density);
  const float near_sun = std::pow(std::clamp(direction.dot(sky_.sun_direction), 0.0F, 1.0F), 8.0F);
  const Vector3f lit = sky_.sun_color * (0.34F + 0.62F * through + 0.35F * near_sun * (1 - density));
  const Vector3f shade = mix(zenith_, horizon_, 0.6F) * 0.55F;
  const Vector3f cloud = (lit * 0.80F + shade).cwiseMin(2.5F);
  const float fade = std::clamp((sine - 0.01F) / 0.12F, 0.0F, 1.0F);  // haze in front of far clouds
  return mix(color, cloud, std::min(0.97F, density * 1.15F) * fade);
}

Vector3f SkyDome::haze(const Vector3f& direction) const {
  const float azimuth = std::atan2(direction.y(), direction.x()) / (2 * kPi);
  const float position = (azimuth - std::floor(azimuth)) * kHazeWidth;
  const int first = static_cast<int>(position) % kHazeWidth;
  return mix(haze_[first], haze_[(first + 1) % kHazeWidth], position - std::floor(position));
}

Vector3f SkyDome::radiance(const Vector3f& direction) const {
  if (direction.z() <= 0) return haze(direction);
  const float row = std::sqrt(std::min(direction.z(), 1.0F)) * kHeight - 0.5F;
  const float azimuth = std::atan2(direction.y(), direction.x()) / (2 * kPi);
  const float column = (azimuth - std::floor(azimuth)) * kWidth - 0.5F;
  const int r0 = std::clamp(static_cast<int>(std::floor(row)), 0, kHeight - 1), r1 = std::min(r0 + 1, kHeight - 1);
  const int c0 = (static_cast<int>(std::floor(column)) + kWidth) % kWidth, c1 = (c0 + 1) % kWidth;
  const float wr = std::clamp(row - std::floor(row), 0.0F, 1.0F), wc = column - std::floor(column);
  const auto at = [&](int r, int c) -> const Vector3f& { return dome_[static_cast<std::size_t>(r) * kWidth + c]; };
  Vector3f color = mix(mix(at(r0, c0), at(r0, c1), wc), mix(at(r1, c0), at(r1, c1), wc), wr);
  const float towards_sun = direction.dot(sky_.sun_direction);
  if (towards_sun > 0.9996F)
    color += sky_.sun_color * 12.0F * std::clamp((towards_sun - 0.9996F) / 0.0003F, 0.0F, 1.0F);
  return color;
}

Vector3f SkyDome::ambient(const Vector3f& normal) const { return mix(down_, up_, 0.5F + 0.5F * normal.z()); }

}  // namespace bramble
