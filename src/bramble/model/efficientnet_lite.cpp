#include "bramble/model/efficientnet_lite.hpp"

#include <torch/torch.h>

#include "bramble/core/error.hpp"
#include "bramble/model/depthwise_conv.hpp"

namespace bramble {
namespace {

namespace nn = torch::nn;

nn::BatchNorm2d batch_norm(int channels) {
  return nn::BatchNorm2d(nn::BatchNorm2dOptions(channels).eps(1e-3).momentum(0.01));
}

// In place: nobody else holds what a batch norm returns. Not clamp(): its gradient takes four passes.
torch::Tensor clamp_to_six(torch::Tensor x) { return torch::hardtanh_(x, 0, 6); }

// Inverted residual: 1x1 to more channels, depthwise, 1x1 back; added to its input where the shapes allow.
class InvertedResidualImpl : public nn::Module {
 public:
  InvertedResidualImpl(int in, int out, int kernel, int stride, int dilation, int expand)
      : residual_(stride == 1 && in == out) {
    const int middle = in * expand;
    if (expand != 1) {
      expand_ = register_module("_expand_conv", SameConv(in, middle, 1));
      bn0_ = register_module("_bn0", batch_norm(middle));
    }
    depthwise_ = register_module("_depthwise_conv", SameConv(middle, middle, kernel, stride, dilation, middle));
    bn1_ = register_module("_bn1", batch_norm(middle));
    project_ = register_module("_project_conv", SameConv(middle, out, 1));
    bn2_ = register_module("_bn2", batch_norm(out));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = expand_.is_empty() ? x : clamp_to_six(bn0_(expand_(x)));
    y = clamp_to_six(bn1_(depthwise_(y)));
    y = bn2_(project_(y));
    return residual_ ? y + x : y;
  }

 private:
  bool residual_;
  SameConv expand_{nullptr}, depthwise_{nullptr}, project_{nullptr};
  nn::BatchNorm2d bn0_{nullptr}, bn1_{nullptr}, bn2_{nullptr};
};
TORCH_MODULE(InvertedResidual);

struct Stage {
  int repeats, kernel, stride, expand, channels;
};

std::vector<Stage> stages_of(const std::string& variant) {
  if (variant == "efficientnet-lite0")
    return {{1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80},
            {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};
  if (variant == "efficientnet-lite1")
    return {{1, 3, 1, 1, 16},  {3, 3, 2, 6, 24},  {3, 5, 2, 6, 40}, {4, 3, 2, 6, 80},
            {4, 5, 1, 6, 112}, {5, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};
  if (variant == "efficientnet-lite2")
    return {{1, 3, 1, 1, 16},  {3, 3, 2, 6, 24},  {3, 5, 2, 6, 48}, {4, 3, 2, 6, 88},
            {4, 5, 1, 6, 120}, {5, 5, 2, 6, 208}, {1, 3, 1, 6, 352}};
  fail("unknown backbone '{}'; there are efficientnet-lite0, efficientnet-lite1, efficientnet-lite2", variant);
}

}  // namespace

SameConvImpl::SameConvImpl(int in_channels, int out_channels, int kernel, int stride, int dilation, int groups)
    : kernel_(kernel), stride_(stride), dilation_(dilation), groups_(groups) {
  weight = register_parameter("weight", torch::empty({out_channels, in_channels / groups, kernel, kernel}));
  torch::nn::init::kaiming_normal_(weight, 0, torch::kFanOut, torch::kReLU);
}

torch::Tensor SameConvImpl::forward(const torch::Tensor& x) {
  const auto pad_of = [&](std::int64_t size) {
    return std::max<std::int64_t>(((size + stride_ - 1) / stride_ - 1) * stride_ + dilation_ * (kernel_ - 1) + 1 - size,
                                  0);
  };
  const std::int64_t pad_v = pad_of(x.size(2)), pad_h = pad_of(x.size(3));
  if (is_training() && groups_ == x.size(1) && can_depthwise_conv(x, weight)) {
    const DepthwiseGeometry geometry{stride_,
                                     dilation_,
                                     pad_v / 2,
                                     pad_h / 2,
                                     (x.size(2) + stride_ - 1) / stride_,
                                     (x.size(3) + stride_ - 1) / stride_};
    output_pixels_ = geometry.out_height * geometry.out_width;
    return depthwise_conv(x, weight, geometry);
  }
  const bool symmetric = pad_v % 2 == 0 && pad_h % 2 == 0;
  const torch::Tensor padded =
      symmetric ? x : torch::constant_pad_nd(x, {pad_h / 2, pad_h - pad_h / 2, pad_v / 2, pad_v - pad_v / 2});
  const std::vector<std::int64_t> padding =
      symmetric ? std::vector{pad_v / 2, pad_h / 2} : std::vector<std::int64_t>{0, 0};
  torch::Tensor y = torch::conv2d(padded, weight, {}, stride_, padding, dilation_, groups_);
  output_pixels_ = y.size(2) * y.size(3);
  return y;
}

EfficientNetLiteImpl::EfficientNetLiteImpl(const std::string& variant) {
  const auto stages = stages_of(variant);
  stem_ = register_module("_conv_stem", SameConv(3, 32, 3, 2));
  stem_bn_ = register_module("_bn0", batch_norm(32));
  blocks_ = register_module("_blocks", torch::nn::ModuleList());
  int channels = 32, resolution = 2, dilation = 1;
  for (const auto& stage : stages) {
    for (int i = 0; i < stage.repeats; ++i) {
      int stride = i == 0 ? stage.stride : 1;
      const bool keep = stride == 2 && resolution == 16;
      if (keep) stride = 1;
      blocks_->push_back(InvertedResidual(channels, stage.channels, stage.kernel, stride, dilation, stage.expand));
      resolution *= stride;
      channels = stage.channels;
      if (keep) dilation = 2;  // from the next block on
      if (resolution == 4) {
        quarter_block_ = static_cast<int>(blocks_->size()) - 1;
        quarter_channels_ = channels;
      }
    }
  }
  sixteenth_channels_ = channels;
}

EfficientNetLiteImpl::Features EfficientNetLiteImpl::forward(const torch::Tensor& x) {
  Features features;
  torch::Tensor y = clamp_to_six(stem_bn_(stem_(x)));  // [N, 32, H/2, W/2]
  for (std::size_t i = 0; i < blocks_->size(); ++i) {
    y = blocks_[i]->as<InvertedResidual>()->forward(y);
    if (static_cast<int>(i) == quarter_block_) features.quarter = y;
  }
  features.sixteenth = y;
  return features;
}

}  // namespace bramble
