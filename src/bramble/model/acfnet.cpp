#include "bramble/model/acfnet.hpp"

#include <torch/torch.h>

#include "bramble/core/error.hpp"
#include "bramble/model/dropout.hpp"

namespace bramble {

torch::Tensor attentional_class_features(const torch::Tensor& x, const torch::Tensor& coarse) {
  const auto n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), k = coarse.size(1);
  // Pixels first, as channels-last pictures lie in memory: nothing is copied.
  const torch::Tensor probability = torch::softmax(coarse, 1).permute({0, 2, 3, 1}).reshape({n, h * w, k});
  const torch::Tensor features = x.permute({0, 2, 3, 1}).reshape({n, h * w, c});
  const torch::Tensor centres = torch::bmm(probability.transpose(1, 2), features) /
                                (probability.sum(1, true).transpose(1, 2) + 1e-6);      // [N, K, C]
  return torch::bmm(probability, centres).reshape({n, h, w, c}).permute({0, 3, 1, 2});  // [N, C, h, w]
}

AcfNetImpl::AcfNetImpl(const std::string& backbone, const std::string& decoder, int classes)
    : AcfNetImpl(BackboneOptions{.name = backbone}, decoder, classes) {}

AcfNetImpl::AcfNetImpl(const BackboneOptions& backbone, const std::string& decoder, int classes) {
  if (decoder != "skip4" && decoder != "skip2" && decoder != "none")
    fail("unknown decoder '{}'; there are skip4, skip2 and none", decoder);
  backbone_ = register_module("backbone", EfficientNet(backbone));
  aspp_ = register_module("aspp", Aspp(backbone_->deep_channels(), backbone.output_stride));
  coarse_ = register_module("coarse", BiasedConv(kHeadChannels, classes));
  auto acf = register_module("acf", ModuleGroup());
  attend_ = acf->add("attend", PointConv(kHeadChannels, kHeadChannels));
  fuse_ = acf->add("fuse", SeparableConv(2 * kHeadChannels, kHeadChannels, 1));
  int channels = kHeadChannels;
  if (decoder != "none") {
    auto group = register_module("decoder", ModuleGroup());
    high_ = group->add("high", PointConv(kHeadChannels, 64));
    low_ = group->add("low", PointConv(backbone_->quarter_channels(), 32));
    refine_ = group->add("refine", SeparableConv(96, 64, 1));
    channels = 64;
    if (decoder == "skip2") {
      half_high_ = group->add("half_high", PointConv(64, 32));
      half_low_ = group->add("half_low", PointConv(backbone_->half_channels(), 16));
      half_refine_ = group->add("half_refine", SeparableConv(48, 32, 1));
      channels = 32;
    }
  }
  classifier_ = register_module("classifier", BiasedConv(channels, classes));
}

AcfNetImpl::Output AcfNetImpl::forward(const torch::Tensor& input) {
  const auto features = backbone_->forward(input);
  // 1. Context.
  const torch::Tensor x = seeded_dropout(aspp_(features.deep), 0.1, is_training());  // [N, 256, h, w]
  // 2. Coarse map and attentional class features.
  Output out;
  out.coarse = coarse_(x);
  torch::Tensor y = fuse_(x, attend_(attentional_class_features(x, out.coarse)));
  y = seeded_dropout(y, 0.1, is_training());
  // 3. Detail.
  if (!high_.is_empty()) y = refine_(resize_like(high_(y), features.quarter), low_(features.quarter));
  if (!half_high_.is_empty()) y = half_refine_(resize_like(half_high_(y), features.half), half_low_(features.half));
  out.logits = classifier_(y);
  return out;
}

std::int64_t AcfNetImpl::other_multiply_adds(const std::string& child, const Output& out) const {
  // Centres out of features, and features out of centres.
  return child == "acf" ? 2 * kHeadChannels * out.coarse.size(1) * out.coarse.size(2) * out.coarse.size(3) : 0;
}

}  // namespace bramble
