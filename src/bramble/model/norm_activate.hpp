#pragma once
#include <torch/nn.h>

#include "bramble/model/activation.hpp"

namespace bramble {

/// activation(norm(x)), x: [N, C, H, W]; plus `added` where it is given (then the activation must be kNone). Where the
/// norm trains, on float tensors in the CPU's memory, all of it goes through the loops of norm_rows.hpp: statistics in
/// one pass and result in another, and as much backwards, instead of two more for the activation each way; and only x
/// is kept for the gradient, not the norm's result as well. On a GPU gpu_layers.hpp does as much. Elsewhere it is
/// libtorch's. (Ioffe and Szegedy, "Batch Normalization", ICML 2015.)
torch::Tensor norm_activate(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x, Activation activation,
                            const torch::Tensor& added = {});

/// Whether norm_activate() uses our loops on the CPU for such an x.
bool trains_on_cpu(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x);

}  // namespace bramble
