#pragma once
#include <torch/types.h>

namespace bramble {

/// [N, C, H, W] with a pixel's channels side by side in memory, as our kernels read it; x itself where it lies so.
inline torch::Tensor channels_last(const torch::Tensor& x) { return x.contiguous(torch::MemoryFormat::ChannelsLast); }

}  // namespace bramble
