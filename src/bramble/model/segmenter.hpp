#pragma once
#include <torch/nn.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bramble/dataset/model_package.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/model/efficientnet.hpp"

namespace bramble {

/// A network that labels every pixel: what training, export and inspection know of it. The tensors' names, shapes and
/// order of use are a contract with other programs and with the room infer: docs/model_package.md.
class SegmenterImpl : public torch::nn::Module {
 public:
  struct Output {
    torch::Tensor logits;  // [N, K, H/s, W/s], s = 4, 8 or the output stride
    torch::Tensor coarse;  // [N, K, H/os, W/os] for the auxiliary loss; undefined where the network has none
  };
  /// x: [N, 3, H, W] normalised RGB; H and W multiples of 16.
  virtual Output forward(const torch::Tensor& x) = 0;
  virtual EfficientNet backbone() = 0;
  /// Multiply-adds of one sample in a named child that are no convolution (products of class centres, gates).
  virtual std::int64_t other_multiply_adds(const std::string& child, const Output& out) const;
};
using Segmenter = std::shared_ptr<SegmenterImpl>;

/// acfnet, deeplabv3plus, lraspp; the decoders that each takes (the first is the default).
const std::vector<std::string>& architecture_names();
std::vector<std::string> decoders_of(const std::string& architecture);

/// The network that `info` describes, with random weights. Throws Error for an unknown architecture, backbone, decoder
/// or output stride.
Segmenter make_segmenter(const ModelInfo& info);

/// Sets what belongs to the family of a backbone: normalisation of the picture (Lite: 127 and 128 of 255; B: ImageNet's
/// mean and deviation), SAME padding and epsilon 1e-3.
void set_backbone_defaults(ModelInfo& info);

/// A module's tensors by name, without counters. And back: throws Error naming a tensor that is missing, superfluous or
/// of another shape (`file` stands in the message).
TensorMap tensors_of(const torch::nn::Module& module);
void load_tensors(torch::nn::Module& module, const TensorMap& tensors, const std::string& file);

/// The network of a model package, in evaluation mode.
Segmenter load_segmenter(const std::filesystem::path& folder, ModelInfo& info);

/// [N, 3, H, W] normalised as the package wants it, out of RGB on 0…1.
torch::Tensor normalised(const torch::Tensor& rgb, const ModelInfo& info);

/// What a part of the network costs for one picture. Convolutions and the products of the class centres are counted.
struct PartCost {
  std::string name;  ///< a child of the network: backbone, aspp, coarse, acf, decoder, classifier, …
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;
};
struct NetworkSummary {
  std::vector<PartCost> parts;
  std::vector<std::int64_t> logits, coarse;  ///< shapes; coarse is empty where there is none
};
NetworkSummary summarise(SegmenterImpl& network, int width, int height);

}  // namespace bramble
