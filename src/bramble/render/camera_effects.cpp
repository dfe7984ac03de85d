#include "bramble/render/camera_effects.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/render/lighting.hpp"

namespace bramble {

using Eigen::Vector3d;
using Eigen::Vector3f;

CameraEffects CameraEffects::of(const CameraScenario& scenario) {
  CameraEffects effects;
  effects.exposure_ev = scenario.exposure_ev;
  effects.temperature_k = scenario.temperature_k;
  effects.vignetting = scenario.vignetting;
  effects.shutter_s = scenario.shutter_s;
  effects.iso = scenario.iso;
  effects.linear = scenario.tone == "linear" ? 1 : 0;
  return effects;
}

CameraEffects CameraEffects::with(const Own& own) const {
  CameraEffects effects = *this;
  for (const auto& [member, value] : own) effects.*member = value;
  return effects;
}

Development::Development(const CameraEffects& effects, float automatic_exposure)
    : gain_(white_balance(effects.temperature_k) * automatic_exposure *
            static_cast<float>(std::exp2(effects.exposure_ev))),
      vignetting_(static_cast<float>(effects.vignetting)),
      filmic_(effects.linear < 0.5) {}

Vector3f Development::operator()(const Vector3f& radiance, float axis_cosine) const {
  Vector3f light = gain_.cwiseProduct(radiance);
  if (vignetting_ > 0) {
    const float square = std::max(axis_cosine, 0.0F) * std::max(axis_cosine, 0.0F);
    light *= 1 - vignetting_ * (1 - square * square);
  }
  return filmic_ ? tone_map(light, 1.0F) : Vector3f(light.cwiseMin(1.0F));
}

Vector3f white_balance(double temperature_k) {
  const auto linear_srgb = [](double t) {
    const double x = t <= 4000 ? -0.2661239e9 / (t * t * t) - 0.2343589e6 / (t * t) + 0.8776956e3 / t + 0.179910
                               : -3.0258469e9 / (t * t * t) + 2.1070379e6 / (t * t) + 0.2226347e3 / t + 0.240390;
    const double y = t <= 2222   ? ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
                     : t <= 4000 ? ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
                                 : ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483;
    const Vector3d xyz(x / y, 1, (1 - x - y) / y);
    const Eigen::Matrix3d to_rgb = (Eigen::Matrix3d() << 3.2404542, -1.5371385, -0.4985314, -0.9692660, 1.8760108,
                                    0.0415560, 0.0556434, -0.2040259, 1.0572252)
                                       .finished();
    return Vector3d((to_rgb * xyz).cwiseMax(1e-3));
  };
  const Vector3d gain = linear_srgb(6500).cwiseQuotient(linear_srgb(std::clamp(temperature_k, 1667.0, 25000.0)));
  return (gain / gain.y()).cast<float>();
}

void motion_blur(const ImageF32& display, const ImageF32& flow, double shutter_share, ImageF32& result) {
  constexpr int kMostTaps = 32;
  const int width = display.width, height = display.height;
  parallel_for(
      static_cast<std::size_t>(height),
      [&](std::size_t row) {
        for (int u = 0; u < width; ++u) {
          const auto v = static_cast<int>(row);
          const float* by = flow.at(u, v);
          const double du = by[0] * width * shutter_share, dv = by[1] * height * shutter_share;
          const int taps = std::clamp(static_cast<int>(std::ceil(std::hypot(du, dv))), 1, kMostTaps);
          Vector3f sum = Vector3f::Zero();
          for (int k = 0; k < taps; ++k) {
            const double along = (k + 0.5) / taps - 0.5;
            const int su = std::clamp(static_cast<int>(std::lround(u + along * du)), 0, width - 1);
            const int sv = std::clamp(static_cast<int>(std::lround(v + along * dv)), 0, height - 1);
            sum += Eigen::Map<const Vector3f>(display.at(su, sv));
          }
          Eigen::Map<Vector3f>(result.at(u, v)) = sum / static_cast<float>(taps);
        }
      },
      8);
}

void sensor_noise(ImageF32& display, double iso, std::uint64_t seed, std::uint64_t frame_index) {
  if (iso <= 0) return;
  constexpr double kReadNoise = 6;  // electrons
  const double electrons = 20000 * 100 / iso;
  parallel_for(
      static_cast<std::size_t>(display.height),
      [&](std::size_t row) {
        Random random(seed ^ frame_index * 0x9e3779b97f4a7c15ULL, stream_of("camera noise"), row);
        float* value = display.at(0, static_cast<int>(row));
        for (int i = 0; i < 3 * display.width; ++i, ++value) {
          const double stddev = std::sqrt(*value * electrons + kReadNoise * kReadNoise) / electrons;
          *value = std::clamp(*value + static_cast<float>(random.normal(0, stddev)), 0.0F, 1.0F);
        }
      },
      8);
}

}  // namespace bramble
