#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>

namespace bramble {

/// e^x for x <= 0 to a relative error of 3e-6, in arithmetic that vectorises: 2^(x / ln 2) = 2^n 2^f with whole n and f
/// in [-1/2, 1/2], the latter by its Taylor polynomial of degree 5. Below -80: e^-80.
inline float exp_of_negative(float x) {
  const float t = std::max(x, -80.0F) * 1.44269504F;
  const auto n = static_cast<std::int32_t>(t - 0.5F);  // towards 0: the nearest whole number of t <= 0
  const float f = (t - static_cast<float>(n)) * 0.69314718F;
  const float p = 1 + f * (1 + f * (0.5F + f * (1.0F / 6 + f * (1.0F / 24 + f * (1.0F / 120)))));
  return p * std::bit_cast<float>((n + 127) << 23);
}

}  // namespace bramble
