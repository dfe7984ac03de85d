#include "bramble/render/sky_dome.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/core/parallel.hpp"
#include "bramble/render/stars.hpp"
#include "bramble/world/atmosphere.hpp"
#include "bramble/world/noise.hpp"

namespace bramble {
namespace {

using Eigen::Vector3f;

constexpr float kPi = std::numbers::pi_v<float>;
const Vector3f kLuminance(0.2126F, 0.7152F, 0.0722F);
// What is left at night: airglow and a veil of moonlight, in the sun's units. Far brighter than in nature, as films do
// it: a camera needs something to see.
const Vector3f kNight(0.00018F, 0.00026F, 0.00042F);

Vector3f mix(const Vector3f& a, const Vector3f& b, float t) { return a + t * (b - a); }

// Henyey and Greenstein's phase function, times 4 pi: 1 for light that scatters alike everywhere.
float phase(float cosine, float g) { return (1 - g * g) / std::pow(1 + g * g - 2 * g * cosine, 1.5F); }

}  // namespace

SkyDome::SkyDome(const Sky& sky) : sky_(sky) {
  integrate_clear_sky();

  // 1. The sun's beam under closing clouds and through fog.
  overcast_ = static_cast<float>(smoothstep(0.72, 1.0, sky.cloud_cover));
  const float height = std::max(sky.sun_direction.z(), 0.0F);
  sun_ = sky.sun_color * (1 - overcast_) * (height > 0 ? 1.0F : 0.0F);
  if (sky.fog_per_m > 0) sun_ *= std::exp(-0.5F * sky.fog_per_m * sky.fog_height_m / std::max(height, 0.05F));

  // 2. The dome: clouds over the clear sky, then fog before both. Fog takes its light from the dome without it.
  dome_.resize(static_cast<std::size_t>(kWidth) * kHeight);
  const auto fill = [&](const auto& value) {
    parallel_for(kHeight, [&](std::size_t row) {
      const float root = (static_cast<float>(row) + 0.5F) / kHeight;
      const float sine = root * root;
      const float cosine = std::sqrt(1.0F - sine * sine);
      for (int column = 0; column < kWidth; ++column) {
        const float azimuth = (static_cast<float>(column) + 0.5F) / kWidth * 2 * kPi;
        Vector3f& cell = dome_[row * kWidth + static_cast<std::size_t>(column)];
        cell = value(cell, Vector3f(cosine * std::cos(azimuth), cosine * std::sin(azimuth), sine));
      }
    });
  };
  fill([&](const Vector3f&, const Vector3f& direction) { return with_clouds(direction); });
  const Vector3f ground_albedo(0.17F, 0.18F, 0.10F);
  const auto gather = [&] {
    up_ = cosine_weighted_mean();
    down_ = mix(ground_albedo, Vector3f(0.8F, 0.82F, 0.86F), sky.snow).cwiseProduct(up_ + sun_ * height);
  };
  gather();
  if (sky.fog_per_m > 0) {
    fill([&](const Vector3f& color, const Vector3f& direction) { return behind_fog(color, direction); });
    gather();
  }

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

  average_broadly();
  stars_ = (1 - overcast_) * static_cast<float>(smoothstep(-0.09, -0.2, sky.sun_direction.z()));
  if (sky.fog_per_m > 0) stars_ *= std::exp(-2 * sky.fog_per_m * sky.fog_height_m);

  // 4. Exposure for a matt surface on open ground.
  const float light = kLuminance.dot(up_ + sun_ * height);
  exposure_ = sky.exposure * automatic_exposure(light);
}

float automatic_exposure(float light) {
  constexpr float kNoon = 1.05F, kDusk = 0.01F;
  const float day = std::pow(kNoon / std::max(light, kDusk), 0.85F);
  return light >= kDusk ? day : day * std::pow(kDusk / std::max(light, 1e-5F), 0.55F);
}

SkyDome SkyDome::uniform(const Sky& sky, const Vector3f& radiance) {
  SkyDome dome;
  dome.sky_ = sky;
  dome.sun_ = Vector3f::Zero();
  dome.up_ = dome.down_ = dome.clear_light_ = radiance;
  dome.dome_.assign(static_cast<std::size_t>(kWidth) * kHeight, radiance);
  dome.haze_.assign(kHazeWidth, radiance);
  dome.broad_.assign(static_cast<std::size_t>(kBroadWidth) * kBroadHeight, radiance);
  return dome;
}

void SkyDome::integrate_clear_sky() {
  const Atmosphere air(sky_.turbidity);
  clear_.resize(static_cast<std::size_t>(kClearHeights) * kClearAzimuths);
  const Eigen::Vector3d sun = sky_.sun_direction.cast<double>();
  const double around = std::atan2(sun.y(), sun.x());
  parallel_for(kClearHeights, [&](std::size_t row) {
    const double root = static_cast<double>(row) / (kClearHeights - 1), sine = root * root;
    for (int column = 0; column < kClearAzimuths; ++column) {
      // Half a turn is enough: the sky is alike on both sides of the sun. Finest towards it.
      const double share = static_cast<double>(column) / (kClearAzimuths - 1), azimuth = around + kPi * share * share;
      const double across = std::sqrt(1 - sine * sine);
      clear_[row * kClearAzimuths + static_cast<std::size_t>(column)] =
          air.sky({across * std::cos(azimuth), across * std::sin(azimuth), sine}, sun) + kNight;
    }
  });
  Vector3f sum = Vector3f::Zero();
  float weight = 0;
  for (int row = 0; row < kClearHeights; ++row)
    for (int column = 0; column < kClearAzimuths; ++column) {
      const float root = static_cast<float>(row) / (kClearHeights - 1);
      const float w = root * root * root * static_cast<float>(column);
      sum += w * clear_[static_cast<std::size_t>(row) * kClearAzimuths + column];
      weight += w;
    }
  clear_light_ = sum / weight;
}

// Interpolated from the table.
Vector3f SkyDome::clear(const Vector3f& direction) const {
  const float row = std::sqrt(std::clamp(direction.z(), 0.0F, 1.0F)) * (kClearHeights - 1);
  const Eigen::Vector2f flat = direction.head<2>(), sun = sky_.sun_direction.head<2>();
  const float turn = std::abs(std::atan2(sun.x() * flat.y() - sun.y() * flat.x(), sun.dot(flat)));
  const float column = std::sqrt(std::min(turn / kPi, 1.0F)) * (kClearAzimuths - 1);
  const int r = std::min(static_cast<int>(row), kClearHeights - 2),
            c = std::min(static_cast<int>(column), kClearAzimuths - 2);
  const float wr = row - static_cast<float>(r), wc = column - static_cast<float>(c);
  const Vector3f* at = clear_.data() + static_cast<std::size_t>(r) * kClearAzimuths + c;
  return mix(mix(at[0], at[1], wc), mix(at[kClearAzimuths], at[kClearAzimuths + 1], wc), wr);
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
  if (sky_.cloud_cover <= 0.01F || sine < 0.004F) return color;
  // The plane of the clouds curves down towards the horizon, so that they crowd there without running to infinity.
  const float reach = 1.0F / (sine + 0.07F);
  const float x = direction.x() * reach, y = direction.y() * reach;
  const float density = cloud_density(x, y);
  const float fade = std::clamp((sine - 0.004F) / 0.10F, 0.0F, 1.0F);  // haze in front of far clouds
  if (density > 0) {
    // Light through the cloud: less where more cloud lies towards the sun; silver rims near the sun.
    const float step = 0.16F;
    const float towards = cloud_density(x + step * sky_.sun_direction.x(), y + step * sky_.sun_direction.y());
    const float through = std::exp(-0.75F * towards - 0.55F * density);
    const float near_sun = std::pow(std::clamp(direction.dot(sky_.sun_direction), 0.0F, 1.0F), 8.0F);
    const Vector3f lit = sky_.sun_color * (0.26F + 0.50F * through + 0.35F * near_sun * (1 - density));
    const Vector3f cloud = (lit + 1.1F * clear_light_).cwiseMin(2.5F);
    color = mix(color, cloud, std::min(0.97F, density * 1.15F) * fade);
  }
  if (overcast_ > 0) {
    // A closed layer: three times as bright overhead as at the horizon (the CIE's overcast sky), a quarter of the clear
    // sky's light, with the shapes of its lower side.
    const float sun_height = std::max(sky_.sun_direction.z(), 0.0F);
    const Vector3f light = 0.27F * (clear_light_ + sky_.sun_color * sun_height) * (1 - 0.45F * sky_.rain);
    const float grey = kLuminance.dot(light);
    const Noise noise(sky_.cloud_seed, 79);
    const float shapes = 1 + 0.55F * static_cast<float>(noise.fbm(x, y, 1.6, 5, 0.55)) * fade;
    const Vector3f layer =
        mix(light, Vector3f(0.97F, 1.0F, 1.05F) * grey, 0.7F) * (9.0F / 7.0F) * ((1 + 2 * sine) / 3 + 0.18F) * shapes;
    color = mix(color, layer, overcast_);
  }
  return color;
}

Vector3f SkyDome::fog(const Vector3f& direction) const {
  // Droplets scatter forward; what comes from the sky has been scattered many times.
  return 0.5F * (up_ + down_) + sun_ * (0.10F + 0.030F * phase(direction.dot(sky_.sun_direction), 0.75F));
}

Vector3f SkyDome::behind_fog(const Vector3f& color, const Vector3f& direction) const {
  const float depth = sky_.fog_per_m * sky_.fog_height_m / std::max(direction.z(), 0.01F);
  return mix(fog(direction), color, std::exp(-depth));
}

// The dome's light on a surface that looks up, divided by pi.
Vector3f SkyDome::cosine_weighted_mean() const {
  Vector3f sum = Vector3f::Zero();
  float weight = 0;
  for (int row = 0; row < kHeight; row += 4) {
    const float root = (static_cast<float>(row) + 0.5F) / kHeight;
    const float w = root * root * 2 * root;  // sine, and the solid angle of a row: d(sine) / d(root)
    for (int column = 0; column < kWidth; column += 16) {
      sum += w * dome_[static_cast<std::size_t>(row) * kWidth + column];
      weight += w;
    }
  }
  return sum / weight;
}

Vector3f SkyDome::haze(const Vector3f& direction) const {
  const float azimuth = std::atan2(direction.y(), direction.x()) / (2 * kPi);
  const float position = (azimuth - std::floor(azimuth)) * kHazeWidth;
  const int first = static_cast<int>(position) % kHazeWidth;
  return mix(haze_[first], haze_[(first + 1) % kHazeWidth], position - std::floor(position));
}

namespace {

// Bilinear reading of a table over the upper half sphere: rows even in the square root of the elevation's sine.
Vector3f read_dome(const std::vector<Vector3f>& table, int width, int height, const Vector3f& direction) {
  const float row = std::sqrt(std::clamp(direction.z(), 0.0F, 1.0F)) * height - 0.5F;
  const float azimuth = std::atan2(direction.y(), direction.x()) / (2 * kPi);
  const float column = (azimuth - std::floor(azimuth)) * width - 0.5F;
  const int r0 = std::clamp(static_cast<int>(std::floor(row)), 0, height - 1), r1 = std::min(r0 + 1, height - 1);
  const int c0 = (static_cast<int>(std::floor(column)) + width) % width, c1 = (c0 + 1) % width;
  const float wr = std::clamp(row - std::floor(row), 0.0F, 1.0F), wc = column - std::floor(column);
  const auto at = [&](int r, int c) -> const Vector3f& { return table[static_cast<std::size_t>(r) * width + c]; };
  return mix(mix(at(r0, c0), at(r0, c1), wc), mix(at(r1, c0), at(r1, c1), wc), wr);
}

}  // namespace

void SkyDome::average_broadly() {
  broad_.assign(static_cast<std::size_t>(kBroadWidth) * kBroadHeight, Vector3f::Zero());
  std::vector<float> weights(broad_.size(), 0);
  for (int row = 0; row < kHeight; ++row) {
    const float root = (static_cast<float>(row) + 0.5F) / kHeight;
    for (int column = 0; column < kWidth; ++column) {
      const auto cell = static_cast<std::size_t>(row * kBroadHeight / kHeight) * kBroadWidth +
                        static_cast<std::size_t>(column * kBroadWidth / kWidth);
      broad_[cell] += root * dome_[static_cast<std::size_t>(row) * kWidth + column];  // solid angle: d(sine)
      weights[cell] += root;
    }
  }
  for (std::size_t i = 0; i < broad_.size(); ++i) broad_[i] /= weights[i];
}

Vector3f SkyDome::broad_radiance(const Vector3f& direction) const {
  return read_dome(broad_, kBroadWidth, kBroadHeight, direction);
}

Vector3f SkyDome::radiance(const Vector3f& direction) const {
  if (direction.z() <= 0) return haze(direction);
  Vector3f color = read_dome(dome_, kWidth, kHeight, direction);
  if (stars_ > 0) {
    const float star = star_light(direction);
    if (star > 0) {
      const float reach = 1.0F / (direction.z() + 0.07F);
      const float clouds = sky_.cloud_cover > 0.01F ? cloud_density(direction.x() * reach, direction.y() * reach) : 0;
      const float air = std::clamp(direction.z() / 0.3F, 0.0F, 1.0F);
      color += Vector3f::Constant(star * stars_ * air * (1 - std::min(1.0F, 1.5F * clouds)) * 0.02F);
    }
  }
  const float towards_sun = direction.dot(sky_.sun_direction);
  if (towards_sun > 0.998F) {
    // The disc, and the glare that it makes in every lens. (1 - cosine is half the angle's square.)
    const float angle = std::sqrt(2 * std::max(0.0F, 1 - towards_sun));
    const float disc =
        std::clamp((1.25F * sky_.sun_radius_rad - angle) / (0.5F * sky_.sun_radius_rad + 1e-4F), 0.0F, 1.0F);
    color += sun_ * (40.0F * disc + 2.2F * std::exp(-angle / 0.008F));
  }
  return color;
}

Vector3f SkyDome::ambient(const Vector3f& normal) const { return mix(down_, up_, 0.5F + 0.5F * normal.z()); }

}  // namespace bramble
