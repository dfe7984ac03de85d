// bramble model quantize, bramble model openvino: 8-bit ranges and OpenVINO's own format for a model package. Adds to
// `bramble model`, whose file stands before this one in the list of subcommands.
#include <fmt/format.h>

#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/infer/openvino_export.hpp"
#include "bramble/infer/quantization.hpp"
#include "command.hpp"

namespace bramble {

namespace {

struct QuantizeOptions {
  std::filesystem::path model, data, check;
  std::size_t pictures = 64;
  std::size_t limit = 200;
};

void quantize(const QuantizeOptions& options, const CommonOptions& common) {
  const Dataset data = Dataset::open(options.data);
  Quantization quantization = calibrate(options.model, data, options.pictures, common.threads);
  save_quantization(options.model, quantization);
  const nlohmann::json figures = compare_precisions(
      options.model, options.check.empty() ? data : Dataset::open(options.check), options.limit, common.threads);
  quantization.check = figures;
  save_quantization(options.model, quantization);
  fmt::print("{}: {} ranges from {} pictures of {}\n", options.model.string(), quantization.ranges.size(),
             quantization.pictures, quantization.dataset);
  fmt::print("{:<8}{:>10}{:>12}{:>14}{:>22}\n", "", "mIoU %", "accuracy %", "network ms", "as f32, % of pixels");
  for (const char* name : {"f32", "bf16", "int8"}) {
    if (!figures.contains(name)) continue;
    const auto& row = figures.at(name);
    fmt::print("{:<8}{:>10.2f}{:>12.2f}{:>14.2f}{:>22.2f}\n", name, 100 * row.at("miou").get<double>(),
               100 * row.at("accuracy").get<double>(), row.at("network_ms").get<double>(),
               100 * row.at("agreement").get<double>());
  }
  const double loss = figures.at("int8_loss_points"), speedup = figures.at("int8_speedup");
  fmt::print("int8 costs {:.2f} points of mIoU over {} frames of {} and is {:.2f} times as fast as f32 here\n", loss,
             figures.at("frames").get<std::size_t>(), figures.at("dataset").get<std::string>(), speedup);
  if (figures.contains("bf16") && figures["bf16"]["network_ms"] <= figures["int8"]["network_ms"])
    fmt::print("bf16 is as fast on this processor and costs less: use int8 on processors without bf16\n");
  write_json(common, figures);
}

}  // namespace

void add_model_openvino_command(CLI::App& app, CommonOptions& common) {
  auto* model = app.get_subcommand("model");

  auto* quantize_command = model->add_subcommand("quantize", "Find the 8-bit ranges of a model, for --precision int8");
  auto options = std::make_shared<QuantizeOptions>();
  quantize_command->add_option("MODEL", options->model, "model package; quantization.json is put into it")->required();
  quantize_command->add_option("--data", options->data, "data set to calibrate on: the training set")->required();
  quantize_command->add_option("--pictures", options->pictures, "so many of its pictures")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  quantize_command->add_option("--check", options->check, "data set to measure the loss on (default: the same)");
  quantize_command->add_option("--limit", options->limit, "at most so many frames of it (0: all)")
      ->capture_default_str();
  quantize_command->footer(
      "Examples:\n"
      "  bramble model quantize models/mine --data data/train --check data/val\n"
      "  bramble model quantize models/mine --data data/train --pictures 200 --json int8.json");
  quantize_command->callback([options, &common] { quantize(*options, common); });

  auto* export_command = model->add_subcommand("openvino", "Write a model as OpenVINO IR (.xml and .bin)");
  struct ExportOptions {
    std::filesystem::path model, output;
    std::string precision = "f32";
  };
  auto out = std::make_shared<ExportOptions>();
  export_command->add_option("MODEL", out->model, "model package")->required();
  export_command->add_option("-o,--output", out->output,
                             "the .xml file (default: openvino/PRECISION.xml in the package)");
  export_command->add_option("--precision", out->precision, "f32, or int8 after bramble model quantize")
      ->capture_default_str();
  export_command->footer(
      "Examples:\n"
      "  bramble model openvino models/mine\n"
      "  bramble model openvino models/mine --precision int8 -o mine_int8.xml");
  export_command->callback([out, &common] {
    const Precision precision = parse_precision(out->precision);
    const auto file = out->output.empty() ? out->model / "openvino" / (name_of(precision) + ".xml") : out->output;
    export_openvino(out->model, file, precision);
    fmt::print("{}: picture [1, H, W, 3] uint8 RGB to logits [1, K, h, w]\n", file.string());
    write_json(common, {{"file", file.string()}, {"precision", name_of(precision)}});
  });
}

}  // namespace bramble
