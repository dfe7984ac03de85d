#include "bramble/dataset/model_package.hpp"

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

namespace fs = std::filesystem;

fs::path model_weights_file(const fs::path& folder) { return folder / "weights.safetensors"; }

ModelInfo load_model_info(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("no model at {}", folder.string());
  for (const char* name : {"model.yaml", "ontology.yaml", "weights.safetensors"})
    if (!fs::exists(folder / name))
      fail("{} is not a whole model package: {} is missing; finish its training first", folder.string(), name);
  ModelInfo info;
  YamlReader reader(folder / "model.yaml");
  YamlBlock root = reader.root();
  int format = 1, classes = 0;
  root.get("format", format, 1, 1);
  root.get("architecture", info.architecture, {"acfnet", "deeplabv3plus", "lraspp"});
  root.get("backbone", info.backbone,
           {"efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "efficientnet-lite3",
            "efficientnet-lite4", "efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "efficientnet-b3",
            "efficientnet-b4", "efficientnet-b5", "efficientnet-b6", "efficientnet-b7"});
  root.get("output_stride", info.output_stride, 8, 16);
  if (info.output_stride != 8 && info.output_stride != 16)
    root.complain("output_stride", fmt::format("{} is neither 8 nor 16", info.output_stride));
  root.get("decoder", info.decoder, {"skip4", "skip2", "skip8", "none"});
  root.get("backbone_padding", info.backbone_padding, {"same", "symmetric"});
  root.get("backbone_epsilon", info.backbone_epsilon, 1e-8, 1.0);
  root.get("classes", classes, 1, 255);
  YamlBlock input = root.block("input");
  input.get("width", info.width, 16, 8192);
  input.get("height", info.height, 16, 8192);
  for (const auto& [key, side] : {std::pair("width", info.width), std::pair("height", info.height)})
    if (side % 16 != 0) input.complain(key, fmt::format("{} is no multiple of 16", side));
  YamlBlock normalization = root.block("normalization");
  std::vector<double> mean(info.mean.begin(), info.mean.end()), stddev(info.stddev.begin(), info.stddev.end());
  normalization.get("mean", mean, 3);
  normalization.get("std", stddev, 3);
  for (const double value : stddev)
    if (!(value > 0 && value < 1e6)) normalization.complain("std", fmt::format("{} cannot divide a colour", value));
  YamlBlock provenance = root.block("provenance");
  for (const auto& key : provenance.keys()) provenance.get(key, info.provenance[key]);
  reader.finish();
  std::copy(mean.begin(), mean.end(), info.mean.begin());
  std::copy(stddev.begin(), stddev.end(), info.stddev.begin());
  info.ontology = Ontology::load(folder / "ontology.yaml");
  if (static_cast<int>(info.ontology.size()) != classes)
    fail("{}: model.yaml says {} classes, ontology.yaml has {}", folder.string(), classes, info.ontology.size());
  if (fs::exists(folder / "history.json"))
    info.history = nlohmann::json::parse(read_text_file(folder / "history.json"), nullptr, false);
  if (!info.history.is_array()) info.history = nlohmann::json::array();
  return info;
}

void save_model_info(const fs::path& folder, const ModelInfo& info) {
  std::string yaml = "# A model package of Bramble (docs/model_package.md)\n";
  yaml += fmt::format("format: 1\narchitecture: {}\nbackbone: {}\noutput_stride: {}\ndecoder: {}\nclasses: {}\n",
                      info.architecture, info.backbone, info.output_stride, info.decoder, info.ontology.size());
  if (info.backbone_padding != "same") yaml += fmt::format("backbone_padding: {}\n", info.backbone_padding);
  if (info.backbone_epsilon != 1e-3) yaml += fmt::format("backbone_epsilon: {}\n", info.backbone_epsilon);
  yaml += fmt::format("input: {{width: {}, height: {}}}\n", info.width, info.height);
  yaml += fmt::format("normalization:\n  mean: [{}]\n  std: [{}]\nprovenance:\n", fmt::join(info.mean, ", "),
                      fmt::join(info.stddev, ", "));
  for (const auto& [key, value] : info.provenance) yaml += fmt::format("  {}: {}\n", key, nlohmann::json(value).dump());
  if (info.provenance.empty()) yaml += "  {}\n";
  write_file_atomically(folder / "ontology.yaml", info.ontology.to_yaml());
  write_file_atomically(folder / "history.json", info.history.dump(1) + "\n");
  write_file_atomically(folder / "model.yaml", yaml);
}

void copy_model(const std::filesystem::path& from, const std::filesystem::path& to, TensorType weights) {
  ModelInfo info = load_model_info(from);
  const TensorMap tensors = read_safetensors(model_weights_file(from));
  if (std::filesystem::exists(to)) fail("{} exists already; choose another name or remove it", to.string());
  std::error_code error;
  std::filesystem::create_directories(to, error);
  if (error) fail("cannot create {}: {}", to.string(), error.message());
  write_safetensors(model_weights_file(to), tensors, weights);
  if (weights == TensorType::kBfloat16) info.provenance["weights"] = "rounded to bfloat16";
  save_model_info(to, info);
}

}  // namespace bramble
