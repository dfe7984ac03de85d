#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bramble/dataset/model_package.hpp"

namespace bramble {

/// Logits [1, K, h, w] of a file for one normalised picture [3, H, W], by some other engine.
using OtherEngine = std::function<std::vector<float>(const std::filesystem::path& file, std::span<const float> rgb)>;

struct ExportOptions {
  bool torchscript = true;         ///< model.pt, model_ontology.json, model_cfg.json: as PerceptionMetrics takes them
  bool onnx = true;                ///< model.onnx
  std::filesystem::path output{};  ///< folder; empty: the package's own
  std::string version{};           ///< of the program, for the files' headers
  OtherEngine run_onnx{};          ///< checks model.onnx; empty: it is not checked
};

/// How far a file's logits are from the package's network on made-up pictures: largest difference beside largest logit.
struct ExportCheck {
  std::string file;
  double difference = 0;
  bool checked = true;
};

/// Largest difference that counts as equal: rounding in another order of sums.
inline constexpr double kExportTolerance = 1e-4;

/// Writes the files and runs each against the package's network. Throws Error when one differs; its file is removed.
std::vector<ExportCheck> export_model(const std::filesystem::path& folder, const ExportOptions& options);

/// Checks a package: every tensor there, finite, variances not negative, logits finite; and the exported files that lie
/// beside them against the network. Throws Error naming the first thing that is wrong.
std::vector<ExportCheck> check_model(const std::filesystem::path& folder, const OtherEngine& run_onnx);

/// Makes a package out of tensors made elsewhere (safetensors or PyTorch files, docs/model_package.md has the names);
/// `info` says what they are the weights of. Checked as check_model() does before model.yaml is written.
void import_model(const std::filesystem::path& tensors, ModelInfo info, const std::filesystem::path& folder);

}  // namespace bramble
