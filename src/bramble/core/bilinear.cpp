#include "bramble/core/bilinear.hpp"

#include <algorithm>

namespace bramble {

std::vector<BilinearTap> bilinear_taps(int input, int output) {
  std::vector<BilinearTap> taps(static_cast<std::size_t>(output));
  const float scale = static_cast<float>(input) / static_cast<float>(output);
  for (int i = 0; i < output; ++i) {
    const float source = std::max((static_cast<float>(i) + 0.5F) * scale - 0.5F, 0.0F);
    const int low = std::min(static_cast<int>(source), input - 1);
    taps[i] = {low, std::min(low + 1, input - 1), source - static_cast<float>(low)};
  }
  return taps;
}

}  // namespace bramble
