#pragma once
#include "bramble/model/head_layers.hpp"
#include "bramble/model/segmenter.hpp"

namespace bramble {

/// LR-ASPP (Howard et al., "Searching for MobileNetV3", ICCV 2019, section 6.4): the fast head. A 1x1 convolution of
/// the deep features, gated by a 1x1 convolution of their mean over the picture, brought to an eighth of the resolution
/// and classified together with the features there. No auxiliary output. Tensor names: docs/model_package.md.
class LrAsppImpl : public SegmenterImpl {
 public:
  LrAsppImpl(const BackboneOptions& backbone, int classes);
  Output forward(const torch::Tensor& x) override;
  EfficientNet backbone() override { return backbone_; }
  std::int64_t other_multiply_adds(const std::string& child, const Output& out) const override;

 private:
  static constexpr int kChannels = 128;
  EfficientNet backbone_{nullptr};
  PointConv high_{nullptr};
  SameConv scale_{nullptr};
  BiasedConv low_classifier_{nullptr}, high_classifier_{nullptr};
};
TORCH_MODULE(LrAspp);

}  // namespace bramble
