#pragma once
#include <array>
#include <cmath>
#include <cstdint>

namespace bramble {

/// Light of each byte of a picture, 0…1 (IEC 61966-2-1).
inline const std::array<float, 256> kLinearOfSrgb = [] {
  std::array<float, 256> values{};
  for (int i = 0; i < 256; ++i) {
    const double value = i / 255.0;
    values[i] = static_cast<float>(value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4));
  }
  return values;
}();

inline float srgb_to_linear(std::uint8_t value) { return kLinearOfSrgb[value]; }
/// The way back, clamped; through a table of 4096 steps.
std::uint8_t linear_to_srgb(float value);

}  // namespace bramble
