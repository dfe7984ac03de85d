#pragma once
#include <torch/nn.h>

#include <string>

#include "bramble/model/efficientnet.hpp"

namespace bramble {

/// Channels of the heads' features.
inline constexpr int kHeadChannels = 256;

/// Depthwise 3x3 (dilated), BN, ReLU, pointwise 1x1, BN, ReLU; of x with the channels of `more`, if given, behind its
/// own.
class SeparableConvImpl : public torch::nn::Module {
 public:
  SeparableConvImpl(int in_channels, int out_channels, int dilation);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& more = {});

 private:
  SameConv depthwise_{nullptr}, pointwise_{nullptr};
  torch::nn::BatchNorm2d depthwise_bn_{nullptr}, bn_{nullptr};
};
TORCH_MODULE(SeparableConv);

/// 1x1 convolution, BN, ReLU.
class PointConvImpl : public torch::nn::Module {
 public:
  PointConvImpl(int in_channels, int out_channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  SameConv conv_{nullptr};
  torch::nn::BatchNorm2d bn_{nullptr};
};
TORCH_MODULE(PointConv);

/// Atrous spatial pyramid pooling (Chen et al., "Rethinking Atrous Convolution", 2017) with separable convolutions:
/// mean over the picture, 1x1, and three dilated branches of 6, 12 and 18 at output stride 16, twice that at 8.
///   [N, C, h, w] → [N, 256, h, w]
class AsppImpl : public torch::nn::Module {
 public:
  AsppImpl(int in_channels, int output_stride);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  PointConv pool_{nullptr}, point_{nullptr}, project_{nullptr};
  SeparableConv rate6_{nullptr}, rate12_{nullptr}, rate18_{nullptr};
};
TORCH_MODULE(Aspp);

/// A folder of modules, so that names have the dots that the package wants.
class ModuleGroupImpl : public torch::nn::Module {
 public:
  template <typename Module>
  Module add(const std::string& name, Module module) {
    return register_module(name, module);
  }
};
TORCH_MODULE(ModuleGroup);

/// Bilinear with half-pixel centres, to the height and width of `like`.
torch::Tensor resize_like(const torch::Tensor& x, const torch::Tensor& like);

}  // namespace bramble
