// bramble model: what is in a model package.
#include <fmt/format.h>

#include "bramble/core/error.hpp"
#include "bramble/model/acfnet.hpp"
#include "command.hpp"

namespace bramble {
namespace {

void show(const std::filesystem::path& folder, bool every_tensor, const CommonOptions& common) {
  ModelInfo info;
  AcfNet network = load_acfnet(folder, info);
  const auto costs = network_costs(network, info.width, info.height);
  const int scale = info.decoder == "skip4" ? 4 : info.output_stride;
  fmt::print("{}: {} on {}, output stride {}, decoder {}\n", folder.string(), info.architecture, info.backbone,
             info.output_stride, info.decoder);
  fmt::print("  input   [1, 3, {}, {}]  (RGB on 0…1 minus [{:.4f}], by [{:.4f}])\n", info.height, info.width,
             fmt::join(info.mean, ", "), fmt::join(info.stddev, ", "));
  fmt::print("  coarse  [1, {}, {}, {}]\n  logits  [1, {}, {}, {}]\n", info.ontology.size(), info.height / 16,
             info.width / 16, info.ontology.size(), info.height / scale, info.width / scale);
  fmt::print("  classes");
  for (const auto& c : info.ontology.classes()) fmt::print(" {} {}", c.id, c.name);
  fmt::print("\n\n  {:<12}{:>12}{:>14}\n", "part", "parameters", "multiply-adds");
  nlohmann::json parts = nlohmann::json::object();
  PartCost all{"all"};
  for (const auto& cost : costs) {
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

}  // namespace

void add_model_command(CLI::App& app, CommonOptions& common) {
  auto* command = app.add_subcommand("model", "Look into model packages");
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
  show_command->callback([folder, every_tensor, &common] { show(*folder, *every_tensor, common); });
}

}  // namespace bramble
