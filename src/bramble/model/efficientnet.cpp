#include "bramble/model/efficientnet.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"
#include "bramble/model/depthwise_conv.hpp"
#include "bramble/model/norm_activate.hpp"

namespace bramble {
namespace {

namespace nn = torch::nn;

torch::Tensor norm_silu(nn::BatchNorm2d& norm, const torch::Tensor& x) {
  return torch::silu(norm_activate(*norm, x, Activation::kNone));
}

struct BlockShape {
  int in, out, kernel, stride, dilation, expand;
};

// Inverted residual: 1x1 to more channels, depthwise, squeeze-and-excitation where there is one, 1x1 back; added to its
// input where the shapes allow.
class InvertedResidualImpl : public nn::Module {
 public:
  InvertedResidualImpl(const BlockShape& s, const BackboneOptions& options, bool lite)
      : lite_(lite), residual_(s.stride == 1 && s.in == s.out) {
    const auto batch_norm = [&](int channels) {
      return nn::BatchNorm2d(nn::BatchNorm2dOptions(channels).eps(options.epsilon).momentum(0.01));
    };
    const int middle = s.in * s.expand;
    if (s.expand != 1) {
      expand_ = register_module("_expand_conv", SameConv(s.in, middle, 1));
      bn0_ = register_module("_bn0", batch_norm(middle));
    }
    depthwise_ = register_module(
        "_depthwise_conv", SameConv(middle, middle, s.kernel, s.stride, s.dilation, middle, options.symmetric_padding));
    bn1_ = register_module("_bn1", batch_norm(middle));
    if (!lite) {
      const int squeezed = std::max(1, s.in / 4);  // a quarter of the block's input, not of its middle
      se_reduce_ = register_module("_se_reduce", BiasedConv(middle, squeezed));
      se_expand_ = register_module("_se_expand", BiasedConv(squeezed, middle));
    }
    project_ = register_module("_project_conv", SameConv(middle, s.out, 1));
    bn2_ = register_module("_bn2", batch_norm(s.out));
  }
  /// stem: x is still to go through the stem's norm and activation.
  torch::Tensor forward(const torch::Tensor& x, nn::BatchNorm2d stem = nullptr) {
    nn::BatchNorm2d before = expand_.is_empty() ? stem : bn0_;
    torch::Tensor y = expand_.is_empty() ? x : expand_(x);
    if (lite_) {
      y = depthwise_->forward_between(before.is_empty() ? nullptr : before.get(), y, *bn1_, Activation::kRelu6);
    } else {
      y = norm_silu(bn1_, depthwise_(before.is_empty() ? y : norm_silu(before, y)));
      const torch::Tensor squeezed = torch::silu(se_reduce_(y.mean({2, 3}, true)));  // [N, in/4, 1, 1]
      y = y * torch::sigmoid(se_expand_(squeezed));
    }
    return norm_activate(*bn2_, project_(y), Activation::kNone, residual_ ? x : torch::Tensor());
  }

 private:
  bool lite_, residual_;
  SameConv expand_{nullptr}, depthwise_{nullptr}, project_{nullptr};
  BiasedConv se_reduce_{nullptr}, se_expand_{nullptr};
  nn::BatchNorm2d bn0_{nullptr}, bn1_{nullptr}, bn2_{nullptr};
};
TORCH_MODULE(InvertedResidual);

struct Stage {
  int repeats, kernel, stride, expand, channels;
};
// Table 1 of the paper: EfficientNet-B0.
constexpr Stage kBaseStages[7] = {{1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80},
                                  {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};

struct Variant {
  const char* name;
  double width, depth;
};
constexpr Variant kVariants[] = {
    {"efficientnet-lite0", 1.0, 1.0}, {"efficientnet-lite1", 1.0, 1.1}, {"efficientnet-lite2", 1.1, 1.2},
    {"efficientnet-lite3", 1.2, 1.4}, {"efficientnet-lite4", 1.4, 1.8}, {"efficientnet-b0", 1.0, 1.0},
    {"efficientnet-b1", 1.0, 1.1},    {"efficientnet-b2", 1.1, 1.2},    {"efficientnet-b3", 1.2, 1.4},
    {"efficientnet-b4", 1.4, 1.8},    {"efficientnet-b5", 1.6, 2.2},    {"efficientnet-b6", 1.8, 2.6},
    {"efficientnet-b7", 2.0, 3.1}};

const Variant& variant_of(const std::string& name) {
  for (const auto& variant : kVariants)
    if (name == variant.name) return variant;
  const std::string near = nearest_word(name, backbone_names());
  fail("unknown backbone '{}'{}; there are efficientnet-lite0 to -lite4 and efficientnet-b0 to -b7", name,
       near.empty() ? "" : fmt::format(", did you mean {}?", near));
}

// Channels come in eights; rounding down never loses more than a tenth.
int scaled_channels(int channels, double width) {
  const double wanted = channels * width;
  int rounded = std::max(8, static_cast<int>(wanted + 4) / 8 * 8);
  if (rounded < 0.9 * wanted) rounded += 8;
  return rounded;
}

}  // namespace

const std::vector<std::string>& backbone_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const auto& variant : kVariants) list.emplace_back(variant.name);
    return list;
  }();
  return names;
}

bool is_lite(const std::string& backbone) { return backbone.starts_with("efficientnet-lite"); }

std::vector<int> stage_repeats(const std::string& backbone) {
  const Variant& variant = variant_of(backbone);
  std::vector<int> repeats;
  for (std::size_t i = 0; i < 7; ++i) {
    const bool fixed = is_lite(backbone) && (i == 0 || i == 6);
    repeats.push_back(fixed ? kBaseStages[i].repeats
                            : static_cast<int>(std::ceil(variant.depth * kBaseStages[i].repeats)));
  }
  return repeats;
}

SameConvImpl::SameConvImpl(int in_channels, int out_channels, int kernel, int stride, int dilation, int groups,
                           bool symmetric)
    : kernel_(kernel), stride_(stride), dilation_(dilation), groups_(groups), symmetric_(symmetric) {
  weight = register_parameter("weight", torch::empty({out_channels, in_channels / groups, kernel, kernel}));
  torch::nn::init::kaiming_normal_(weight, 0, torch::kFanOut, torch::kReLU);
}

std::int64_t SameConvImpl::padding_of(std::int64_t size) const {
  const std::int64_t reach = static_cast<std::int64_t>(dilation_) * (kernel_ - 1);
  if (symmetric_) return reach;  // half of it on each side
  return std::max<std::int64_t>(((size + stride_ - 1) / stride_ - 1) * stride_ + reach + 1 - size, 0);
}

bool SameConvImpl::is_our_depthwise(const torch::Tensor& x) const {
  return is_training() && groups_ == x.size(1) && can_depthwise_conv(x, weight);
}

DepthwiseGeometry SameConvImpl::geometry_for(const torch::Tensor& x) {
  const auto out_of = [&](std::int64_t size) {
    return (size + padding_of(size) - static_cast<std::int64_t>(dilation_) * (kernel_ - 1) - 1) / stride_ + 1;
  };
  const DepthwiseGeometry geometry{
      stride_, dilation_, padding_of(x.size(2)) / 2, padding_of(x.size(3)) / 2, out_of(x.size(2)), out_of(x.size(3))};
  output_pixels_ = geometry.out_height * geometry.out_width;
  return geometry;
}

torch::Tensor SameConvImpl::forward_between(nn::BatchNorm2dImpl* before, const torch::Tensor& x,
                                            nn::BatchNorm2dImpl& after, Activation activation,
                                            const torch::Tensor& more) {
  if (more.defined() && !(is_training() && trains_on_cpu(after, x) && can_depthwise_conv(x, more, weight)))
    return forward_between(before, torch::cat({x, more}, 1), after, activation);
  const torch::Tensor read = trains_on_cpu(after, x) ? x.to(torch::kFloat) : x;  // bfloat16 under autocast
  if (more.defined() || is_our_depthwise(read))
    return depthwise_conv_between(before, read, weight, geometry_for(x), after, activation, more);
  return norm_activate(after, forward(before ? norm_activate(*before, x, activation) : x), activation);
}

torch::Tensor SameConvImpl::forward(const torch::Tensor& x) {
  if (is_our_depthwise(x)) return depthwise_conv(x, weight, geometry_for(x));
  const std::int64_t pad_v = padding_of(x.size(2)), pad_h = padding_of(x.size(3));
  const bool even = pad_v % 2 == 0 && pad_h % 2 == 0;
  const torch::Tensor padded =
      even ? x : torch::constant_pad_nd(x, {pad_h / 2, pad_h - pad_h / 2, pad_v / 2, pad_v - pad_v / 2});
  const std::vector<std::int64_t> padding = even ? std::vector{pad_v / 2, pad_h / 2} : std::vector<std::int64_t>{0, 0};
  torch::Tensor y = torch::conv2d(padded, weight, {}, stride_, padding, dilation_, groups_);
  output_pixels_ = y.size(2) * y.size(3);
  return y;
}

BiasedConvImpl::BiasedConvImpl(int in_channels, int out_channels)
    : nn::Conv2dImpl(nn::Conv2dOptions(in_channels, out_channels, 1)) {}

torch::Tensor BiasedConvImpl::forward(const torch::Tensor& x) {
  output_pixels_ = x.size(2) * x.size(3);
  return nn::Conv2dImpl::forward(x);
}

EfficientNetImpl::EfficientNetImpl(const BackboneOptions& options)
    : lite_(is_lite(options.name)), output_stride_(options.output_stride) {
  const Variant& variant = variant_of(options.name);
  const std::vector<int> repeats = stage_repeats(options.name);
  if (output_stride_ != 8 && output_stride_ != 16)
    fail("an output stride of {} is not built; there are 8 and 16", output_stride_);
  const int stem_channels = lite_ ? 32 : scaled_channels(32, variant.width);
  stem_ = register_module("_conv_stem", SameConv(3, stem_channels, 3, 2, 1, 1, options.symmetric_padding));
  stem_bn_ = register_module(
      "_bn0", nn::BatchNorm2d(nn::BatchNorm2dOptions(stem_channels).eps(options.epsilon).momentum(0.01)));
  blocks_ = register_module("_blocks", nn::ModuleList());
  int channels = stem_channels, resolution = 2, dilation = 1;
  for (std::size_t s = 0; s < 7; ++s) {
    const Stage& stage = kBaseStages[s];
    const int out = scaled_channels(stage.channels, variant.width);
    for (int i = 0; i < repeats[s]; ++i) {
      int stride = i == 0 ? stage.stride : 1;
      const bool keep = stride == 2 && resolution == output_stride_;
      if (keep) stride = 1;
      blocks_->push_back(
          InvertedResidual(BlockShape{channels, out, stage.kernel, stride, dilation, stage.expand}, options, lite_));
      resolution *= stride;
      channels = out;
      if (keep) dilation *= 2;  // from the next block on
      const int index = static_cast<int>(blocks_->size()) - 1;
      if (resolution == 2) {
        half_block_ = index;
        half_channels_ = channels;
      }
      if (resolution == 4) {
        quarter_block_ = index;
        quarter_channels_ = channels;
      }
      if (resolution == 8 && dilation == 1) {
        eighth_block_ = index;
        eighth_channels_ = channels;
      }
    }
  }
  deep_channels_ = channels;
}

EfficientNetImpl::Features EfficientNetImpl::forward(const torch::Tensor& x) {
  Features features;
  torch::Tensor y = stem_(x);  // [N, 32, H/2, W/2]
  for (std::size_t i = 0; i < blocks_->size(); ++i) {
    y = blocks_[i]->as<InvertedResidual>()->forward(y, i == 0 ? stem_bn_ : nullptr);
    if (static_cast<int>(i) == half_block_) features.half = y;
    if (static_cast<int>(i) == quarter_block_) features.quarter = y;
    if (static_cast<int>(i) == eighth_block_) features.eighth = y;
  }
  features.deep = y;
  return features;
}

}  // namespace bramble
