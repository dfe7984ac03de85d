#include "bramble/train/weather.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace bramble {

void add_fog(float* rgb, int width, int height, Random random) {
  const double density = random.uniform(0.3, 1.6);
  const auto grey = static_cast<float>(random.uniform(0.55, 0.9));
  const float air[3] = {grey, grey, std::min(1.0F, grey * 1.03F)};
  const std::size_t pixels = static_cast<std::size_t>(width) * height;
  for (int v = 0; v < height; ++v) {
    // Below the middle row the ground's distance goes as 1 / (v − v0); above it all is far.
    const double below = (v + 0.5) / height - 0.5;
    const double distance = below <= 0.05 ? 1 : 0.05 / below;
    const auto clear = static_cast<float>(std::exp(-density * distance));
    for (int c = 0; c < 3; ++c) {
      float* row = rgb + c * pixels + static_cast<std::size_t>(v) * width;
      for (int u = 0; u < width; ++u) row[u] = air[c] + clear * (row[u] - air[c]);
    }
  }
}

void add_rain(float* rgb, int width, int height, Random random) {
  const std::size_t pixels = static_cast<std::size_t>(width) * height;
  const auto veil = static_cast<float>(random.uniform(0.05, 0.3));
  for (std::size_t i = 0; i < 3 * pixels; ++i) rgb[i] = 0.55F * veil + (1 - veil) * rgb[i] * 0.92F;
  const double slant = random.uniform(-0.35, 0.35), alpha_high = random.uniform(0.15, 0.4);
  const int streaks = static_cast<int>(random.uniform(0.0008, 0.003) * static_cast<double>(pixels)) + 1;
  for (int s = 0; s < streaks; ++s) {
    const double u0 = random.uniform(0, width), v0 = random.uniform(-0.1, 1) * height;
    const int length = 1 + static_cast<int>(random.uniform(0.02, 0.09) * height);
    const auto alpha = static_cast<float>(random.uniform(0.05, alpha_high));
    for (int t = 0; t < length; ++t) {
      const int u = static_cast<int>(u0 + slant * t), v = static_cast<int>(v0) + t;
      if (u < 0 || v < 0 || u >= width || v >= height) continue;
      for (int c = 0; c < 3; ++c) {
        float& value = rgb[c * pixels + static_cast<std::size_t>(v) * width + u];
        value += alpha * (0.85F - value);
      }
    }
  }
}

void add_dusk(float* rgb, int width, int height, Random random) {
  const auto light = static_cast<float>(random.uniform(0.25, 0.7));
  const double gamma = random.uniform(1.0, 1.5);
  const auto warm = static_cast<float>(random.uniform(-0.12, 0.08));  // below 0: towards blue
  const float gain[3] = {light * (1 + warm), light, light * (1 - warm)};
  const std::size_t pixels = static_cast<std::size_t>(width) * height;
  for (int c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < pixels; ++i) {
      float& value = rgb[c * pixels + i];
      value = std::min(1.0F, gain[c] * std::pow(value, static_cast<float>(gamma)));
    }
}

void add_glare(float* rgb, int width, int height, Random random) {
  const double u0 = random.uniform(-0.1, 1.1) * width, v0 = random.uniform(-0.1, 0.5) * height;
  const double size = random.uniform(0.1, 0.4) * height, power = random.uniform(0.3, 0.9);
  const double veil = random.uniform(0.02, 0.15);
  const std::size_t pixels = static_cast<std::size_t>(width) * height;
  for (int v = 0; v < height; ++v)
    for (int u = 0; u < width; ++u) {
      const double du = u - u0, dv = v - v0;
      const auto add = static_cast<float>(power / (1 + (du * du + dv * dv) / (size * size)) + veil);
      for (int c = 0; c < 3; ++c) {
        float& value = rgb[c * pixels + static_cast<std::size_t>(v) * width + u];
        value = 1 - (1 - value) * std::max(0.0F, 1 - add);  // screen: never above 1
      }
    }
}

void add_weather(float* rgb, int width, int height, Random random) {
  switch (random.below(4)) {
    case 0:
      return add_fog(rgb, width, height, random);
    case 1:
      return add_rain(rgb, width, height, random);
    case 2:
      return add_dusk(rgb, width, height, random);
    default:
      return add_glare(rgb, width, height, random);
  }
}

}  // namespace bramble
