#include "bramble/core/srgb.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace bramble {
namespace {

constexpr int kSteps = 4096;
const std::array<std::uint8_t, kSteps + 1> kToSrgb = [] {
  std::array<std::uint8_t, kSteps + 1> values{};
  for (int i = 0; i <= kSteps; ++i) {
    const double linear = static_cast<double>(i) / kSteps;
    const double srgb = linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
    values[i] = static_cast<std::uint8_t>(std::lround(255 * srgb));
  }
  return values;
}();

}  // namespace

std::uint8_t linear_to_srgb(float value) {
  return kToSrgb[static_cast<int>(std::clamp(value, 0.0F, 1.0F) * kSteps + 0.5F)];
}

}  // namespace bramble
