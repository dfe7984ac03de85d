#pragma once
#include <torch/nn.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bramble/model/depthwise_conv.hpp"

namespace bramble {

/// Convolution without bias, depthwise when groups = channels. Padding is TensorFlow's SAME: output = ceil(input /
/// stride), an odd pixel of padding goes to the end; or symmetric: dilation · (kernel − 1) / 2 on every side.
class SameConvImpl : public torch::nn::Module {
 public:
  SameConvImpl(int in_channels, int out_channels, int kernel, int stride = 1, int dilation = 1, int groups = 1,
               bool symmetric = false);
  torch::Tensor forward(const torch::Tensor& x);
  /// activation(after(forward(activation(before(x))))), `before` left out where it is null: in one step where it can
  /// be. more: channels behind those of x, where it is given (then there must be no `before`).
  torch::Tensor forward_between(torch::nn::BatchNorm2dImpl* before, const torch::Tensor& x,
                                torch::nn::BatchNorm2dImpl& after, Activation activation,
                                const torch::Tensor& more = {});

  torch::Tensor weight;  // [out, in / groups, k, k]
  /// Of one sample, in the last forward().
  std::int64_t multiply_adds() const { return weight.numel() * output_pixels_; }

 private:
  std::int64_t padding_of(std::int64_t size) const;  // of both sides
  bool is_our_depthwise(const torch::Tensor& x) const;
  DepthwiseGeometry geometry_for(const torch::Tensor& x);

  std::int64_t output_pixels_ = 0;
  int kernel_, stride_, dilation_, groups_;
  bool symmetric_;
};
TORCH_MODULE(SameConv);

/// 1x1 convolution with bias that knows what its last call cost.
class BiasedConvImpl : public torch::nn::Conv2dImpl {
 public:
  BiasedConvImpl(int in_channels, int out_channels);
  torch::Tensor forward(const torch::Tensor& x);
  std::int64_t multiply_adds() const { return weight.numel() * output_pixels_; }

 private:
  std::int64_t output_pixels_ = 0;
};
TORCH_MODULE(BiasedConv);

/// Which backbone, and how the program that trained its weights pads and normalises.
struct BackboneOptions {
  std::string name = "efficientnet-lite0";  ///< efficientnet-lite0 … -lite4, efficientnet-b0 … -b7
  int output_stride = 16;                   ///< 8 or 16
  bool symmetric_padding = false;           ///< torchvision's weights and timm's own; false: TensorFlow's SAME
  double epsilon = 1e-3;                    ///< of the batch norms
};

/// All names that EfficientNet takes.
const std::vector<std::string>& backbone_names();
/// Blocks of each of the seven stages. Throws Error for an unknown name, with the nearest known one.
std::vector<int> stage_repeats(const std::string& backbone);
/// Whether the variant has squeeze-and-excitation and swish (B0…B7) or neither, and ReLU6 (Lite).
bool is_lite(const std::string& backbone);

/// EfficientNet (Tan and Le, ICML 2019) without its classifier: the stage that would go below the output stride keeps
/// its resolution, its later blocks are dilated by 2, and so on. The Lite variants drop squeeze-and-excitation, use
/// ReLU6 and leave stem, first and last stage unscaled. Parameter names are those of the pretrained files of
/// EfficientNet-PyTorch (`_conv_stem.weight`, `_blocks.3._bn1.running_mean`, `_blocks.3._se_reduce.bias`, …).
class EfficientNetImpl : public torch::nn::Module {
 public:
  /// Throws Error for an unknown name or output stride.
  explicit EfficientNetImpl(const BackboneOptions& options);
  struct Features {
    torch::Tensor half;     // [N, half_channels(), H/2, W/2]
    torch::Tensor quarter;  // [N, quarter_channels(), H/4, W/4]
    torch::Tensor eighth;   // [N, eighth_channels(), H/8, W/8]
    torch::Tensor deep;     // [N, deep_channels(), H/os, W/os]
  };
  /// x: [N, 3, H, W], normalised; H and W multiples of 16.
  Features forward(const torch::Tensor& x);
  int half_channels() const { return half_channels_; }
  int quarter_channels() const { return quarter_channels_; }
  int eighth_channels() const { return eighth_channels_; }
  int deep_channels() const { return deep_channels_; }
  int output_stride() const { return output_stride_; }

 private:
  torch::nn::ModuleList blocks_;
  SameConv stem_{nullptr};
  torch::nn::BatchNorm2d stem_bn_{nullptr};
  bool lite_ = true;
  int output_stride_ = 16;
  int half_block_ = 0, quarter_block_ = 0, eighth_block_ = 0;
  int half_channels_ = 0, quarter_channels_ = 0, eighth_channels_ = 0, deep_channels_ = 0;
};
TORCH_MODULE(EfficientNet);

}  // namespace bramble
