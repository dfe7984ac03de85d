#pragma once
#include <torch/types.h>

namespace bramble {

/// Whether bilinear_resize takes it: float on a processor, a multiple of eight channels.
bool can_bilinear_resize(const torch::Tensor& x);
/// PyTorch's `interpolate(mode="bilinear", align_corners=False)` of x [N, C, h, w] for training: channels_last in and
/// out, forwards and backwards (libtorch's own gradient goes through the other layout, by copies). The same bits for
/// any number of threads.
torch::Tensor bilinear_resize(const torch::Tensor& x, std::int64_t height, std::int64_t width);

}  // namespace bramble
