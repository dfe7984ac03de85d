#pragma once
#include <torch/nn.h>

namespace bramble {

enum class Activation { kNone, kRelu, kRelu6 };

/// activation(norm(x)), x: [N, C, H, W]. Where the norm trains, on float tensors in the CPU's memory, both go through
/// the loops of this file: statistics in one pass and result in another, and as much backwards, instead of two more for
/// the activation each way; and only x is kept for the gradient, not the norm's result as well. On a GPU gpu_layers.hpp
/// does as much. Elsewhere it is libtorch's. Sums are made in one order, whatever the number of threads. (Ioffe and
/// Szegedy, "Batch Normalization", ICML 2015; running variance unbiased, as PyTorch's.)
torch::Tensor norm_activate(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x, Activation activation);

}  // namespace bramble
