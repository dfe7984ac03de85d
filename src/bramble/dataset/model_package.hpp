#pragma once
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "bramble/dataset/safetensors.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// What stands in a model package besides the weights (docs/model_package.md). A package is a folder:
///   model.yaml  ontology.yaml  weights.safetensors  history.json
/// model.yaml is written last: a folder that has it is whole.
struct ModelInfo {
  std::string architecture = "acfnet";          ///< acfnet, deeplabv3plus or lraspp
  std::string backbone = "efficientnet-lite0";  ///< -lite0 … -lite4, -b0 … -b7
  int output_stride = 16;                       ///< 8 or 16
  std::string decoder = "skip4";                ///< acfnet: skip4, skip2 or none; deeplabv3plus: skip4; lraspp: skip8
  std::string backbone_padding = "same";        ///< same (TensorFlow's) or symmetric
  double backbone_epsilon = 1e-3;               ///< of the backbone's batch norms
  int width = 512, height = 384;                ///< input, pixels; multiples of 16
  std::array<double, 3> mean{127 / 255.0, 127 / 255.0, 127 / 255.0};  ///< of RGB on 0…1
  std::array<double, 3> stddev{128 / 255.0, 128 / 255.0, 128 / 255.0};
  Ontology ontology;
  std::map<std::string, std::string> provenance;  ///< where it comes from: data, samples, epochs, seed, version
  nlohmann::json history;                         ///< list of {epoch, loss, val_accuracy, val_miou, lr, seconds}
};

/// Throws Error naming folder and reason when it is no model package.
ModelInfo load_model_info(const std::filesystem::path& folder);
/// Writes everything but the weights, which must be there already.
void save_model_info(const std::filesystem::path& folder, const ModelInfo& info);
std::filesystem::path model_weights_file(const std::filesystem::path& folder);
/// Copies a package (info and weights, nothing exported or quantized), with its weights as floats or rounded;
/// provenance says so then. Throws Error when `to` exists or cannot be made.
void copy_model(const std::filesystem::path& from, const std::filesystem::path& to, TensorType weights);

}  // namespace bramble
