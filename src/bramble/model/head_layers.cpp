#include "bramble/model/head_layers.hpp"

#include <torch/torch.h>

#include "bramble/model/bilinear_resize.hpp"
#include "bramble/model/norm_activate.hpp"

namespace bramble {
namespace {

namespace nn = torch::nn;

nn::BatchNorm2d batch_norm(int channels) {
  return nn::BatchNorm2d(nn::BatchNorm2dOptions(channels).eps(1e-5).momentum(0.1));
}

}  // namespace

SeparableConvImpl::SeparableConvImpl(int in_channels, int out_channels, int dilation) {
  depthwise_ = register_module("depthwise", SameConv(in_channels, in_channels, 3, 1, dilation, in_channels));
  depthwise_bn_ = register_module("depthwise_bn", batch_norm(in_channels));
  pointwise_ = register_module("pointwise", SameConv(in_channels, out_channels, 1));
  bn_ = register_module("bn", batch_norm(out_channels));
}
torch::Tensor SeparableConvImpl::forward(const torch::Tensor& x, const torch::Tensor& more) {
  const torch::Tensor spatial = depthwise_->forward_between(nullptr, x, *depthwise_bn_, Activation::kRelu, more);
  return norm_activate(*bn_, pointwise_(spatial), Activation::kRelu);
}

PointConvImpl::PointConvImpl(int in_channels, int out_channels) {
  conv_ = register_module("conv", SameConv(in_channels, out_channels, 1));
  bn_ = register_module("bn", batch_norm(out_channels));
}
torch::Tensor PointConvImpl::forward(const torch::Tensor& x) {
  return norm_activate(*bn_, conv_(x), Activation::kRelu);
}

AsppImpl::AsppImpl(int in_channels, int output_stride) {
  const int unit = 16 / output_stride;
  pool_ = register_module("pool", PointConv(in_channels, kHeadChannels));
  point_ = register_module("point", PointConv(in_channels, kHeadChannels));
  rate6_ = register_module("rate6", SeparableConv(in_channels, kHeadChannels, 6 * unit));
  rate12_ = register_module("rate12", SeparableConv(in_channels, kHeadChannels, 12 * unit));
  rate18_ = register_module("rate18", SeparableConv(in_channels, kHeadChannels, 18 * unit));
  project_ = register_module("project", PointConv(5 * kHeadChannels, kHeadChannels));
}

torch::Tensor AsppImpl::forward(const torch::Tensor& x) {
  // The mean over the picture is one pixel, so its batch norm needs more than one sample in training.
  const torch::Tensor pooled =
      pool_(x.mean({2, 3}, true)).expand({-1, -1, x.size(2), x.size(3)}).contiguous(x.suggest_memory_format());
  return project_(torch::cat({pooled, point_(x), rate6_(x), rate12_(x), rate18_(x)}, 1));
}

torch::Tensor resize_like(const torch::Tensor& x, const torch::Tensor& like) {
  namespace F = torch::nn::functional;
  if (torch::GradMode::is_enabled() && x.requires_grad() && can_bilinear_resize(x))
    return bilinear_resize(x, like.size(2), like.size(3));
  return F::interpolate(x, F::InterpolateFuncOptions()
                               .size(std::vector<std::int64_t>{like.size(2), like.size(3)})
                               .mode(torch::kBilinear)
                               .align_corners(false));
}

}  // namespace bramble
