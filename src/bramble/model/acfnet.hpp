#pragma once
#include <torch/nn.h>

#include <string>

#include "bramble/model/head_layers.hpp"
#include "bramble/model/segmenter.hpp"

namespace bramble {

/// The attentional class feature of every pixel (Zhang et al., "ACFNet: Attentional Class Feature Network for Semantic
/// Segmentation", ICCV 2019, section 3): class centres as means of the features weighted by the coarse map, then for
/// each pixel their mean weighted by its own class probabilities.
///   x [N, C, h, w], coarse logits [N, K, h, w] → [N, C, h, w]
torch::Tensor attentional_class_features(const torch::Tensor& x, const torch::Tensor& coarse);

/// ACF-Net on an EfficientNet backbone: ASPP, coarse map, attentional class features, and a light decoder that brings
/// in the features at a quarter of the resolution (after DeepLabV3+), and (skip2) at a half. Tensor names:
/// docs/model_package.md.
class AcfNetImpl : public SegmenterImpl {
 public:
  /// decoder: skip4, skip2 or none.
  AcfNetImpl(const BackboneOptions& backbone, const std::string& decoder, int classes);
  AcfNetImpl(const std::string& backbone, const std::string& decoder, int classes);
  Output forward(const torch::Tensor& x) override;
  EfficientNet backbone() override { return backbone_; }
  std::int64_t other_multiply_adds(const std::string& child, const Output& out) const override;

 private:
  EfficientNet backbone_{nullptr};
  Aspp aspp_{nullptr};
  PointConv attend_{nullptr}, high_{nullptr}, low_{nullptr}, half_high_{nullptr}, half_low_{nullptr};
  SeparableConv fuse_{nullptr}, refine_{nullptr}, half_refine_{nullptr};
  BiasedConv coarse_{nullptr}, classifier_{nullptr};
};
TORCH_MODULE(AcfNet);

}  // namespace bramble
