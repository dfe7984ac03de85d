#include "bramble/model/model_export.hpp"

#include <torch/script.h>
#include <torch/torch.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/random.hpp"
#include "bramble/model/onnx_export.hpp"
#include "bramble/model/pretrained.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/model/trace.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

// Soft colours and noise, normalised: what a network may be given.
torch::Tensor made_up_picture(const ModelInfo& info, std::uint64_t index) {
  Random random(9, stream_of("export check"), index);
  torch::Tensor coarse = torch::empty({1, 3, 6, 8}), noise = torch::empty({1, 3, info.height, info.width});
  for (auto* tensor : {&coarse, &noise}) {
    float* values = tensor->data_ptr<float>();
    for (std::int64_t i = 0; i < tensor->numel(); ++i) values[i] = random.uniform();
  }
  const torch::Tensor smooth = torch::upsample_bilinear2d(coarse, {info.height, info.width}, false);
  return normalised(0.85 * smooth + 0.15 * noise, info);
}

torch::Tensor logits_of(const Segmenter& network, const torch::Tensor& picture) {
  const torch::NoGradGuard no_grad;
  return network->forward(picture).logits.contiguous(torch::MemoryFormat::Contiguous);
}

double difference(const torch::Tensor& got, const torch::Tensor& expected, const std::string& file) {
  if (got.numel() != expected.numel())
    fail("{}: it gives {} logits, the package's network {}; export it again", file, got.numel(), expected.numel());
  const double value =
      ((got.reshape({-1}) - expected.reshape({-1})).abs().max() / expected.abs().max().clamp_min(1e-12)).item<double>();
  return std::isfinite(value) ? value : INFINITY;
}

// `run` on two pictures against the network.
template <typename Run>
ExportCheck compare(const Segmenter& network, const ModelInfo& info, const fs::path& file, const Run& run) {
  ExportCheck check{file.filename().string()};
  for (std::uint64_t i = 0; i < 2; ++i) {
    const torch::Tensor picture = made_up_picture(info, i);
    check.difference = std::max(check.difference, difference(run(picture), logits_of(network, picture), file.string()));
  }
  return check;
}

ExportCheck check_torchscript(const Segmenter& network, const ModelInfo& info, const fs::path& file) {
  torch::jit::Module module;
  try {
    module = torch::jit::load(file.string());
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    fail("{}: libtorch does not load it: {}", file.string(), what.substr(0, what.find('\n')));
  }
  const torch::NoGradGuard no_grad;
  return compare(network, info, file,
                 [&](const torch::Tensor& picture) { return module.forward({picture}).toTensor().contiguous(); });
}

ExportCheck check_onnx(const Segmenter& network, const ModelInfo& info, const fs::path& file, const OtherEngine& run) {
  if (!run) return {file.filename().string(), 0, false};
  return compare(network, info, file, [&](const torch::Tensor& picture) {
    const auto values = run(file, {picture.contiguous().data_ptr<float>(), static_cast<std::size_t>(picture.numel())});
    return torch::tensor(values);
  });
}

void require_equal(const ExportCheck& check, const fs::path& file, bool remove) {
  if (check.difference <= kExportTolerance) return;
  std::error_code error;
  if (remove) fs::remove(file, error);
  fail("{} is not the package's network: its logits differ by {:.2g} of the largest one{}", file.string(),
       check.difference, remove ? "; it was removed" : "; export it again");
}

void require_sound(const Segmenter& network, const ModelInfo& info, const std::string& where) {
  for (const auto& [name, tensor] : tensors_of(*network))
    for (const float value : tensor.values) {
      if (!std::isfinite(value)) fail("{}: tensor {} holds {}", where, name, value);
      if (name.ends_with("running_var") && value < 0) fail("{}: variance {} is negative: {}", where, name, value);
    }
  if (!torch::isfinite(logits_of(network, made_up_picture(info, 0))).all().item<bool>())
    fail("{}: the logits of a picture are not finite", where);
}

}  // namespace

std::vector<ExportCheck> export_model(const fs::path& folder, const ExportOptions& options) {
  ModelInfo info;
  const Segmenter network = load_segmenter(folder, info);
  const fs::path output = options.output.empty() ? folder : options.output;
  std::vector<ExportCheck> checks;
  if (options.torchscript) {
    const fs::path file = output / "model.pt";
    std::ostringstream bytes;
    to_torchscript(network, info).save(bytes);
    write_file_atomically(file, std::string_view(bytes.view()));
    checks.push_back(check_torchscript(network, info, file));
    require_equal(checks.back(), file, true);
    write_file_atomically(output / "model_ontology.json", info.ontology.to_gaia_json());
    const nlohmann::json config = {{"normalization", {{"mean", info.mean}, {"std", info.stddev}}},
                                   {"resize", {{"width", info.width}, {"height", info.height}}},
                                   {"batch_size", 1},
                                   {"num_workers", 1},
                                   {"n_classes", info.ontology.size()}};
    write_file_atomically(output / "model_cfg.json", config.dump(2) + "\n");
  }
  if (options.onnx) {
    const fs::path file = output / "model.onnx";
    write_file_atomically(file, to_onnx(network, info, options.version));
    checks.push_back(check_onnx(network, info, file, options.run_onnx));
    require_equal(checks.back(), file, true);
  }
  return checks;
}

std::vector<ExportCheck> check_model(const fs::path& folder, const OtherEngine& run_onnx) {
  ModelInfo info;
  const Segmenter network = load_segmenter(folder, info);
  require_sound(network, info, model_weights_file(folder).string());
  std::vector<ExportCheck> checks;
  if (fs::exists(folder / "model.pt")) {
    checks.push_back(check_torchscript(network, info, folder / "model.pt"));
    require_equal(checks.back(), folder / "model.pt", false);
  }
  if (fs::exists(folder / "model.onnx")) {
    checks.push_back(check_onnx(network, info, folder / "model.onnx", run_onnx));
    require_equal(checks.back(), folder / "model.onnx", false);
  }
  return checks;
}

void import_model(const fs::path& file, ModelInfo info, const fs::path& folder) {
  if (fs::exists(folder / "model.yaml")) fail("{} holds a model already; choose another folder", folder.string());
  const Segmenter network = make_segmenter(info);
  load_tensors(*network, read_tensor_file(file), file.string());
  network->eval();
  require_sound(network, info, file.string());
  if (!info.history.is_array()) info.history = nlohmann::json::array();
  info.provenance["imported_from"] = file.filename().string();
  write_safetensors(model_weights_file(folder), tensors_of(*network));
  save_model_info(folder, info);
}

}  // namespace bramble
