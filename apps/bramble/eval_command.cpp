#include <fmt/format.h>

#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/eval/evaluation.hpp"
#include "bramble/eval/report.hpp"
#include "bramble/infer/engine.hpp"
#include "command.hpp"

namespace bramble {

namespace {

/// Names of models for people: the folder's name, or as much of the path as it takes to tell them apart.
std::vector<std::string> names_of(const std::vector<std::filesystem::path>& models) {
  std::vector<std::string> names;
  for (const auto& model : models) {
    const std::string whole = std::filesystem::absolute(model / "").lexically_normal().parent_path().string();
    std::string name = std::filesystem::path(whole).filename().string();
    for (const auto& other : models) {
      const auto path = std::filesystem::absolute(other / "").lexically_normal().parent_path();
      if (path.string() != whole && path.filename() == name) name = model.string();
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace

void add_eval_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::vector<std::filesystem::path> models;
    std::filesystem::path data;
    std::filesystem::path output;
    std::size_t limit = 0;
    std::size_t figures = 8;
    std::string precision = "f32";
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("eval", "Measure models on a data set, side by side, with a report");
  cmd->add_option("--model", options->models, "model package; name several to compare them")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  cmd->add_option("--data", options->data, "data set")->required();
  cmd->add_option("-o,--output", options->output, "folder for the report (index.html, metrics, picture sheet)");
  cmd->add_option("--limit", options->limit, "at most this many frames, spread over the data set (0: all)");
  cmd->add_option("--figures", options->figures, "frames shown in the report")->capture_default_str();
  cmd->add_option("--precision", options->precision, "f32, bf16 or auto")->capture_default_str();
  cmd->footer(
      "Examples:\n"
      "  bramble eval --model models/forward --data data/test\n"
      "  bramble eval --model models/forward --model models/both --data data/reverse -o reports/reverse");
  cmd->callback([options, &common] {
    const Dataset data = Dataset::open(options->data);
    const std::vector<std::string> names = names_of(options->models);
    std::vector<std::unique_ptr<Engine>> engines;
    std::vector<Predictor> predictors;
    for (std::size_t i = 0; i < options->models.size(); ++i) {
      engines.push_back(Engine::open(options->models[i], {.precision = parse_precision(options->precision)}));
      Engine* engine = engines.back().get();
      predictors.push_back({names[i], engine->ontology(), [engine](const ImageU8& rgb) { return engine->segment(rgb); },
                            engine->info().history});
    }
    const Evaluation evaluation = evaluate(predictors, data, options->limit);
    fmt::print("{}", to_text(evaluation));
    if (!options->output.empty()) {
      write_report(options->output, evaluation, predictors, data, {.figures = options->figures});
      fmt::print("report: {}\n", (options->output / "index.html").string());
    }
    nlohmann::json figures = to_json(evaluation);
    figures["engine"] = engines.front()->describe();
    write_json(common, figures);
  });
}

}  // namespace bramble
