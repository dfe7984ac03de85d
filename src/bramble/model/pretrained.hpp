#pragma once
#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "bramble/dataset/model_package.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/model/efficientnet.hpp"

namespace bramble {

/// Float tensors by name out of a safetensors file or a PyTorch file, old (before 1.6) or new (zip archive), told by
/// the content. Throws Error naming the file.
TensorMap read_tensor_file(const std::filesystem::path& file);

/// Backbone weights under Bramble's names, and how the network that they were trained in pads and normalises.
struct PretrainedBackbone {
  TensorMap tensors;                                  ///< without classifier and the 1x1 convolution before it
  std::string origin;                                 ///< EfficientNet-PyTorch, torchvision or timm
  std::string padding = "same";                       ///< same or symmetric
  double epsilon = 1e-3;                              ///< of the batch norms
  std::optional<std::array<double, 3>> mean, stddev;  ///< of its pictures, RGB on 0…1; empty: the backbone's default
};

/// Reads ImageNet weights of an EfficientNet under the key names of
///   EfficientNet-PyTorch  _blocks.3._depthwise_conv.weight    (SAME padding, epsilon 1e-3)
///   torchvision           features.3.0.block.1.0.weight       (symmetric; 1e-5 for B0…B4, 1e-3 for B5…B7)
///   timm                  blocks.2.0.conv_dw.weight           (tf_efficientnet_…: SAME, 1e-3; else symmetric, 1e-5)
/// Which of timm's it is, and how its pictures are normalised, is read from config.json beside the file where there is
/// one, else from the name of the file or of the nearest folder with «efficientnet» in its name. Throws Error naming
/// the file when it holds none of them, or a network of another depth.
PretrainedBackbone read_pretrained(const std::filesystem::path& file, const std::string& backbone);

/// Puts the weights into a backbone; throws Error when a tensor is missing, superfluous or of another shape.
void load_pretrained(EfficientNet backbone, const std::filesystem::path& file, const std::string& name);

/// Writes the file's conventions into the description of a network to be made: padding, epsilon, normalisation.
void apply_conventions(ModelInfo& info, const PretrainedBackbone& pretrained);

}  // namespace bramble
