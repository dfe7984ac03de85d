#pragma once
#include <torch/nn.h>

#include <cstdint>

#include "bramble/model/activation.hpp"

namespace bramble {

/// Where a depthwise convolution samples: output pixel y takes tap k from input pixel y·stride + k·dilation − padding.
struct DepthwiseGeometry {
  std::int64_t stride = 1, dilation = 1;
  std::int64_t padding_top = 0, padding_left = 0;  ///< zeros before the first row and column
  std::int64_t out_height = 0, out_width = 0;      ///< what lies behind the last row or column is zero too
};

/// Whether depthwise_conv() takes these tensors: float on the CPU, or float and bfloat16 on a GPU that gpu_layers.hpp
/// serves; weights float, channels a multiple of 8, kernel 3x3 or 5x5.
bool can_depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight);

/// Whether depthwise_conv_between() takes the channels of x and behind them those of `more`: float on the CPU, those of
/// x a multiple of 32.
bool can_depthwise_conv(const torch::Tensor& x, const torch::Tensor& more, const torch::Tensor& weight);

/// Depthwise convolution for training, with its gradients; on a GPU with a stride of 1 or 2. x: [N, C, H, W] (taken
/// channels-last, copied when it is not); weight: [C, 1, k, k]. Returns [N, C, out_height, out_width], channels-last.
///
/// On the CPU libtorch's own runs dilated kernels and all weight gradients through a slow general path where the
/// processor has no AVX-512; there these loops take a sixth of its time. The sums of a gradient are made in one order,
/// whatever the number of threads.
torch::Tensor depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight, const DepthwiseGeometry& geometry);

/// activation(after(depthwise_conv(activation(before(x))))), `before` and its activation left out where it is null.
/// Where the norms train on the CPU, all of it is one step: what `before` makes of x is never stored, neither are the
/// slopes between the parts, and memory is passed over fourteen times instead of twenty-two, forwards and back.
/// Elsewhere it is norm_activate(), depthwise_conv() and norm_activate(). x and weight must be such that
/// can_depthwise_conv().
/// more: channels behind those of x, read from where they are instead of being put together first; only where the norm
/// trains on the CPU, there is no `before`, and can_depthwise_conv() says so.
torch::Tensor depthwise_conv_between(torch::nn::BatchNorm2dImpl* before, const torch::Tensor& x,
                                     const torch::Tensor& weight, const DepthwiseGeometry& geometry,
                                     torch::nn::BatchNorm2dImpl& after, Activation activation,
                                     const torch::Tensor& more = {});

}  // namespace bramble
