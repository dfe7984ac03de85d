#include "bramble/model/lraspp.hpp"

#include <torch/torch.h>

namespace bramble {

LrAsppImpl::LrAsppImpl(const BackboneOptions& backbone, int classes) {
  backbone_ = register_module("backbone", EfficientNet(backbone));
  auto head = register_module("head", ModuleGroup());
  high_ = head->add("high", PointConv(backbone_->deep_channels(), kChannels));
  scale_ = head->add("scale", SameConv(backbone_->deep_channels(), kChannels, 1));
  low_classifier_ = head->add("low_classifier", BiasedConv(backbone_->eighth_channels(), classes));
  high_classifier_ = head->add("high_classifier", BiasedConv(kChannels, classes));
}

LrAsppImpl::Output LrAsppImpl::forward(const torch::Tensor& input) {
  const auto features = backbone_->forward(input);
  const torch::Tensor gate = torch::sigmoid(scale_(features.deep.mean({2, 3}, true)));  // [N, 128, 1, 1]
  const torch::Tensor x = resize_like(high_(features.deep) * gate, features.eighth);    // [N, 128, H/8, W/8]
  Output out;
  out.logits = low_classifier_(features.eighth) + high_classifier_(x);
  return out;
}

std::int64_t LrAsppImpl::other_multiply_adds(const std::string& child, const Output& out) const {
  if (child != "head") return 0;
  const auto shrink = backbone_->output_stride() / 8;
  return kChannels * (out.logits.size(2) / shrink) * (out.logits.size(3) / shrink);
}

}  // namespace bramble
