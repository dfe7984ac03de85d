#include "bramble/model/deeplab.hpp"

#include <torch/torch.h>

#include "bramble/model/dropout.hpp"

namespace bramble {

DeepLabV3PlusImpl::DeepLabV3PlusImpl(const BackboneOptions& backbone, int classes) {
  constexpr int kLowChannels = 48;
  backbone_ = register_module("backbone", EfficientNet(backbone));
  aspp_ = register_module("aspp", Aspp(backbone_->deep_channels(), backbone.output_stride));
  auto decoder = register_module("decoder", ModuleGroup());
  low_ = decoder->add("low", PointConv(backbone_->quarter_channels(), kLowChannels));
  refine1_ = decoder->add("refine1", SeparableConv(kHeadChannels + kLowChannels, kHeadChannels, 1));
  refine2_ = decoder->add("refine2", SeparableConv(kHeadChannels, kHeadChannels, 1));
  classifier_ = register_module("classifier", BiasedConv(kHeadChannels, classes));
}

DeepLabV3PlusImpl::Output DeepLabV3PlusImpl::forward(const torch::Tensor& input) {
  const auto features = backbone_->forward(input);
  const torch::Tensor x = seeded_dropout(aspp_(features.deep), 0.1, is_training());            // [N, 256, h, w]
  const torch::Tensor y = refine1_(resize_like(x, features.quarter), low_(features.quarter));  // [N, 256, H/4, W/4]
  Output out;
  out.logits = classifier_(seeded_dropout(refine2_(y), 0.1, is_training()));
  return out;
}

}  // namespace bramble
