#pragma once
#include "bramble/model/head_layers.hpp"
#include "bramble/model/segmenter.hpp"

namespace bramble {

/// DeepLabV3+ (Chen et al., "Encoder-Decoder with Atrous Separable Convolution", ECCV 2018): ASPP, then a decoder of
/// two separable 3x3 convolutions on the features at a quarter of the resolution (48 channels of them). The baseline
/// that ACF-Net adds class attention to. No auxiliary output. Tensor names: docs/model_package.md.
class DeepLabV3PlusImpl : public SegmenterImpl {
 public:
  DeepLabV3PlusImpl(const BackboneOptions& backbone, int classes);
  Output forward(const torch::Tensor& x) override;
  EfficientNet backbone() override { return backbone_; }

 private:
  EfficientNet backbone_{nullptr};
  Aspp aspp_{nullptr};
  PointConv low_{nullptr};
  SeparableConv refine1_{nullptr}, refine2_{nullptr};
  BiasedConv classifier_{nullptr};
};
TORCH_MODULE(DeepLabV3Plus);

}  // namespace bramble
