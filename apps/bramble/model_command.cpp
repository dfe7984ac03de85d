// bramble model: what is in a model package; packages out of other files and into other formats.
#include <fmt/format.h>

#include "bramble/core/error.hpp"
#include "bramble/dataset/model_package.hpp"
#include "bramble/infer/onnx_runner.hpp"
#include "bramble/model/model_export.hpp"
#include "bramble/model/segmenter.hpp"
#include "command.hpp"
#include "sizes.hpp"

namespace bramble {
namespace {

void show(const std::filesystem::path& folder, bool every_tensor, const CommonOptions& common) {
  ModelInfo info;
  const Segmenter network = load_segmenter(folder, info);
  const NetworkSummary summary = summarise(*network, info.width, info.height);
  fmt::print("{}: {} on {}, output stride {}, decoder {}\n", folder.string(), info.architecture, info.backbone,
             info.output_stride, info.decoder);
  fmt::print("  input   [1, 3, {}, {}]  (RGB on 0…1 minus [{:.4f}], by [{:.4f}])\n", info.height, info.width,
             fmt::join(info.mean, ", "), fmt::join(info.stddev, ", "));
  if (!summary.coarse.empty()) fmt::print("  coarse  [{}]\n", fmt::join(summary.coarse, ", "));
  fmt::print("  logits  [{}]\n", fmt::join(summary.logits, ", "));
  fmt::print("  classes");
  for (const auto& c : info.ontology.classes()) fmt::print(" {} {}", c.id, c.name);
  fmt::print("\n\n  {:<12}{:>12}{:>14}\n", "part", "parameters", "multiply-adds");
  nlohmann::json parts = nlohmann::json::object();
  PartCost all{"all"};
  for (const auto& cost : summary.parts) {
    fmt::print("  {:<12}{:>12}{:>12.3f} G\n", cost.name, cost.parameters,
               1e-9 * static_cast<double>(cost.multiply_adds));
    parts[cost.name] = {{"parameters", cost.parameters}, {"multiply_adds", cost.multiply_adds}};
    all.parameters += cost.parameters;
    all.multiply_adds += cost.multiply_adds;
  }
  fmt::print("  {:<12}{:>12}{:>12.3f} G\n", "all", all.parameters, 1e-9 * static_cast<double>(all.multiply_adds));
  if (!info.provenance.empty()) fmt::print("\n");
  for (const auto& [key, value] : info.provenance) fmt::print("  {:<22} {}\n", key, value);
  if (every_tensor) {
    fmt::print("\n");
    for (const auto& [name, tensor] : tensors_of(*network))
      fmt::print("  {:<44} [{}]\n", name, fmt::join(tensor.shape, ", "));
  }
  write_json(common, {{"architecture", info.architecture},
                      {"backbone", info.backbone},
                      {"decoder", info.decoder},
                      {"width", info.width},
                      {"height", info.height},
                      {"classes", info.ontology.size()},
                      {"parameters", all.parameters},
                      {"multiply_adds", all.multiply_adds},
                      {"parts", parts},
                      {"provenance", info.provenance},
                      {"history", info.history}});
}

void print_checks(const std::vector<ExportCheck>& checks, const CommonOptions& common) {
  nlohmann::json figures = nlohmann::json::object();
  for (const auto& check : checks) {
    fmt::print("  {:<22}{}\n", check.file,
               check.checked ? fmt::format("equal to the network: largest difference {:.1e} of the largest logit",
                                           check.difference)
                             : "not checked");
    figures[check.file] = check.checked ? nlohmann::json(check.difference) : nlohmann::json(nullptr);
  }
  write_json(common, {{"differences", figures}});
}

void add_export(CLI::App& model, CommonOptions& common) {
  struct Options {
    std::filesystem::path folder, output;
    std::string format = "all";
  };
  auto options = std::make_shared<Options>();
  auto* command = model.add_subcommand("export", "Write TorchScript for PerceptionMetrics, and ONNX, and check both");
  command->add_option("model", options->folder, "model package")->required();
  command->add_option("-o,--output", options->output, "folder; default: the package's own");
  command->add_option("--format", options->format, "torchscript, onnx or all")
      ->check(CLI::IsMember({"all", "torchscript", "onnx"}))
      ->capture_default_str();
  command->footer(
      "TorchScript comes with model_ontology.json and model_cfg.json as pm_eval_model wants them.\n"
      "Examples:\n"
      "  bramble model export models/mine\n"
      "  bramble model export models/mine --format onnx -o exported");
  command->callback([options, &common] {
    ExportOptions how;
    how.torchscript = options->format != "onnx";
    how.onnx = options->format != "torchscript";
    how.output = options->output;
    how.version = BRAMBLE_VERSION;
    how.run_onnx = run_onnx;
    const auto checks = export_model(options->folder, how);
    fmt::print("{}:\n", (options->output.empty() ? options->folder : options->output).string());
    print_checks(checks, common);
  });
}

void add_check(CLI::App& model, CommonOptions& common) {
  auto folder = std::make_shared<std::filesystem::path>();
  auto* command =
      model.add_subcommand("check", "Check a package's tensors, and its exported files against its network");
  command->add_option("model", *folder, "model package")->required();
  command->footer(
      "Examples:\n"
      "  bramble model check models/mine\n"
      "  bramble model check models/mine --json check.json");
  command->callback([folder, &common] {
    const auto checks = check_model(find_model(*folder), run_onnx);
    fmt::print("{}: whole, all tensors finite\n", folder->string());
    print_checks(checks, common);
  });
}

void add_import(CLI::App& model, CommonOptions&) {
  struct Options {
    std::filesystem::path file, output, ontology;
    std::string size;
    ModelInfo info;
  };
  auto options = std::make_shared<Options>();
  options->info.decoder.clear();
  auto* command = model.add_subcommand("import", "Make a package out of tensors that were trained elsewhere");
  command->add_option("file", options->file, "safetensors or PyTorch file with the names of docs/model_package.md")
      ->required();
  command->add_option("-o,--output", options->output, "package to make")->required();
  command->add_option("--ontology", options->ontology, "classes, in the order of the logits")->required();
  command->add_option("--size", options->size, "network input, WIDTHxHEIGHT")->required();
  command->add_option("--model", options->info.architecture, "acfnet, deeplabv3plus or lraspp")->capture_default_str();
  command->add_option("--backbone", options->info.backbone, "efficientnet-lite0 to -lite4, efficientnet-b0 to -b7")
      ->capture_default_str();
  command->add_option("--decoder", options->info.decoder, "acfnet: skip2, skip4 or none");
  command->add_option("--output-stride", options->info.output_stride, "8 or 16")->capture_default_str();
  command->footer(
      "Examples:\n"
      "  bramble model import acf.safetensors -o models/acf --ontology bramble --size 512x384\n"
      "  bramble model import deeplab.pth -o models/dl --model deeplabv3plus --backbone efficientnet-b0 \\\n"
      "      --ontology bramble --size 512x384");
  command->callback([options] {
    ModelInfo info = options->info;
    info.ontology = Ontology::load(find_shipped(options->ontology, "ontologies", ".yaml"));
    std::tie(info.width, info.height) = parse_size(options->size);
    if (info.width % 16 != 0 || info.height % 16 != 0)
      fail("an input of {} must have sides that are multiples of 16", options->size);
    if (info.decoder.empty()) info.decoder = decoders_of(info.architecture).front();
    set_backbone_defaults(info);
    import_model(options->file, info, options->output);
    fmt::print("{}: {} on {}, checked\n", options->output.string(), info.architecture, info.backbone);
  });
}

void add_get(CLI::App& model) {
  struct Options {
    std::filesystem::path name, output;
  };
  auto options = std::make_shared<Options>();
  auto* command = model.add_subcommand("get", "Copy a model that ships with the program, to export or to train on");
  command->add_option("name", options->name, "default: trained in many worlds, under many skies")->required();
  command->add_option("-o,--output", options->output, "package to make")->required();
  command->footer(
      "Examples:\n  bramble model get default -o models/mine\n  bramble infer --model default --image photo.jpg -o "
      "out");
  command->callback([options] {
    const auto models = home_folder() / "models", shipped = models / options->name;
    if (!is_model(shipped))
      fail("no model '{}' ships with the program; there is: {}", options->name.string(), names_in(models, is_model));
    copy_model(shipped, options->output, TensorType::kFloat);
    fmt::print("{}\n", options->output.string());
  });
}

void add_slim(CLI::App& model) {
  struct Options {
    std::filesystem::path package, output;
  };
  auto options = std::make_shared<Options>();
  auto* command = model.add_subcommand("slim", "Copy a package with its weights rounded to bfloat16: half the bytes");
  command->add_option("model", options->package, "model package")->required();
  command->add_option("-o,--output", options->output, "package to make")->required();
  command->footer("Examples:\n  bramble model slim models/mine -o models/small");
  command->callback([options] {
    copy_model(find_model(options->package), options->output, TensorType::kBfloat16);
    fmt::print("{}: {:.1f} MB of weights\n", options->output.string(),
               static_cast<double>(std::filesystem::file_size(model_weights_file(options->output))) * 1e-6);
  });
}

}  // namespace

void add_model_command(CLI::App& app, CommonOptions& common) {
  auto* command = app.add_subcommand("model", "Look into, check, get, import and export model packages");
  command->require_subcommand(1);
  auto* show_command = command->add_subcommand("show", "Print shapes, parameters, multiply-adds and origin of a model");
  auto folder = std::make_shared<std::filesystem::path>();
  auto every_tensor = std::make_shared<bool>(false);
  show_command->add_option("model", *folder, "model package")->required();
  show_command->add_flag("--tensors", *every_tensor, "list every tensor with its shape");
  show_command->footer(
      "Examples:\n"
      "  bramble model show models/mine\n"
      "  bramble model show models/mine --tensors --json model.json");
  show_command->callback([folder, every_tensor, &common] { show(find_model(*folder), *every_tensor, common); });
  add_export(*command, common);
  add_check(*command, common);
  add_import(*command, common);
  add_get(*command);
  add_slim(*command);
}

}  // namespace bramble
