#pragma once
#include <torch/nn.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bramble {

/// Convolution with TensorFlow's SAME padding: output = ceil(input / stride), an odd pixel of padding goes to the end.
/// Depthwise when groups = channels. No bias.
class SameConvImpl : public torch::nn::Module {
 public:
  SameConvImpl(int in_channels, int out_channels, int kernel, int stride = 1, int dilation = 1, int groups = 1);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;  // [out, in / groups, k, k]
  /// Of one sample, in the last forward().
  std::int64_t multiply_adds() const { return weight.numel() * output_pixels_; }

 private:
  std::int64_t output_pixels_ = 0;
  int kernel_, stride_, dilation_, groups_;
};
TORCH_MODULE(SameConv);

/// EfficientNet-Lite (Tan and Le 2019; the Lite variants drop squeeze-and-excitation and use ReLU6) without its
/// classifier, at output stride 16: the last stage that would halve the resolution keeps it, its later blocks are
/// dilated by 2. Parameter names are those of the pretrained files (`_conv_stem.weight`, `_blocks.3._bn1.running_mean`,
/// …).
class EfficientNetLiteImpl : public torch::nn::Module {
 public:
  /// `variant`: efficientnet-lite0, -lite1 or -lite2.
  explicit EfficientNetLiteImpl(const std::string& variant);
  struct Features {
    torch::Tensor quarter;    // [N, 24, H/4, W/4]
    torch::Tensor sixteenth;  // [N, 320 (lite2: 352), H/16, W/16]
  };
  /// x: [N, 3, H, W], normalised; H and W multiples of 16.
  Features forward(const torch::Tensor& x);
  int quarter_channels() const { return quarter_channels_; }
  int sixteenth_channels() const { return sixteenth_channels_; }

 private:
  torch::nn::ModuleList blocks_;
  SameConv stem_{nullptr};
  torch::nn::BatchNorm2d stem_bn_{nullptr};
  int quarter_block_ = 0;
  int quarter_channels_ = 0, sixteenth_channels_ = 0;
};
TORCH_MODULE(EfficientNetLite);

}  // namespace bramble
