#pragma once
#include <torch/nn.h>

#include "bramble/model/depthwise_conv.hpp"
#include "bramble/model/norm_activate.hpp"

namespace bramble {

/// The layers of norm_activate.hpp and depthwise_conv.hpp for training on an NVIDIA GPU, on float or bfloat16 pictures.
/// libtorch's batch norm and activation pass over a picture fourteen times, forwards and back, these eight times; its
/// depthwise convolutions have no kernel for channels-last pictures with dilation, and change the layout there and
/// back. Sums are float within a block of a few thousand pixels and double beyond, always in the same order.

/// Whether these take a picture: on a GPU for which GpuKernels can be had, channels a multiple of 8.
bool can_use_gpu_layers(const torch::Tensor& x);

/// What norm_activate() does where the norm trains. x: [N, C, H, W], taken channels-last; the result has its type.
torch::Tensor gpu_norm_activate(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x, Activation activation);

/// What depthwise_conv() does, for strides of 1 and 2. weight: [C, 1, k, k] float, k 3 or 5.
torch::Tensor gpu_depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight,
                                 const DepthwiseGeometry& geometry);

}  // namespace bramble
