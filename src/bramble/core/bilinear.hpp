#pragma once
#include <vector>

namespace bramble {

/// Where along one axis an output pixel samples its input: value = (1 - weight) * in[low] + weight * in[high].
struct BilinearTap {
  int low;
  int high;
  float weight;
};

/// The taps of `output` pixels over `input` of them: pixel centres at half integers, edges clamped, as PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)`.
std::vector<BilinearTap> bilinear_taps(int input, int output);

}  // namespace bramble
