// bramble eval: model packages and data sets in, figures and a report out.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
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
    std::vector<std::filesystem::path> models, data;
    std::filesystem::path output, ontology, data_map;
    std::vector<std::string> model_maps;
    std::size_t limit = 0;
    std::size_t figures = 8;
    std::string precision = "f32", device = "auto";
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("eval", "Measure models on data sets, side by side, with a report");
  cmd->add_option("--model", options->models,
                  "model package, or default: the one that ships; name several to compare them")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  cmd->add_option("--data", options->data, "data set; name several for a sheet of models beside data sets")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  cmd->add_option(
      "-o,--output", options->output,
      "folder for the report (index.html, metrics as JSON, CSV and LaTeX, picture sheet); with several data "
      "sets one folder each and sheet.csv, sheet.tex");
  cmd->add_option("--limit", options->limit, "at most this many frames, spread over the data set (0: all)");
  cmd->add_option("--figures", options->figures, "frames shown in the report")->capture_default_str();
  cmd->add_option("--device", options->device,
                  "cpu (OpenVINO), cpu-torch or cuda (libtorch), or auto: OpenVINO where it knows the network")
      ->capture_default_str();
  cmd->add_option("--precision", options->precision, "f32, bf16, int8 or auto")->capture_default_str();
  cmd->add_option("--ontology", options->ontology, "classes to judge by; default: the data set's");
  cmd->add_option("--data-map", options->data_map,
                  "JSON or YAML map: class of the data set: class to judge by; what goes nowhere is ignored");
  cmd->add_option("--model-map", options->model_maps, "NAME=FILE: the same for the classes of a model")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  cmd->footer(
      "Classes of one name are the same class; maps say what else belongs together.\n"
      "Examples:\n"
      "  bramble eval --model models/forward --data data/test\n"
      "  bramble eval --model models/forward --model models/both --data data/reverse -o reports/reverse");
  cmd->callback([options, &common] {
    const std::vector<std::string> names = names_of(options->models);
    std::map<std::string, std::filesystem::path> maps;
    for (const auto& text : options->model_maps) {
      const auto equals = text.find('=');
      const std::string name = text.substr(0, equals);
      if (equals == std::string::npos || std::find(names.begin(), names.end(), name) == names.end())
        fail("--model-map {}: write NAME=FILE with one of {}", text, fmt::join(names, ", "));
      maps[name] = text.substr(equals + 1);
    }
    std::vector<std::unique_ptr<Engine>> engines;
    std::vector<Predictor> predictors;
    std::string engine_text;
    for (std::size_t i = 0; i < options->models.size(); ++i) {
      const ModelInfo info = load_model_info(find_model(options->models[i]));
      const Device device = options->device != "auto" ? parse_device(options->device)
                            : Engine::knows(info)     ? Device::kCpu
                                                      : Device::kCpuTorch;
      engines.push_back(Engine::open(find_model(options->models[i]),
                                     {.precision = parse_precision(options->precision), .device = device}));
      Engine* engine = engines.back().get();
      engine_text = engine->describe();
      predictors.push_back({names[i], engine->ontology(), [engine](const ImageU8& rgb) { return engine->segment(rgb); },
                            engine->info().history,
                            [engine](const ImageU8& rgb) {
                              const auto logits = engine->logits(rgb);
                              return estimate_from_logits(logits.values, logits.class_count, logits.rows,
                                                          logits.columns, rgb.width, rgb.height);
                            }});
    }
    EvaluateOptions evaluate_options{.limit = options->limit};
    if (!options->ontology.empty())
      evaluate_options.ontology = Ontology::load(find_shipped(options->ontology, "ontologies", ".yaml"));
    if (!options->data_map.empty()) evaluate_options.data_classes = load_class_names(options->data_map);
    std::vector<Evaluation> evaluations;
    for (const auto& folder : options->data) {
      const Dataset data = Dataset::open(folder);
      std::vector<Predictor> judged;
      const Ontology& classes = evaluate_options.ontology ? *evaluate_options.ontology : data.ontology();
      for (const Predictor& predictor : predictors) {
        const auto map = maps.find(predictor.name);
        const bool to_map = map != maps.end() || evaluate_options.ontology.has_value();
        judged.push_back(to_map ? with_classes(predictor, classes,
                                               map == maps.end() ? std::map<std::string, std::string>{}
                                                                 : load_class_names(map->second))
                                : predictor);
      }
      evaluations.push_back(evaluate(judged, data, evaluate_options));
      const Evaluation& evaluation = evaluations.back();
      fmt::print("{}", to_text(evaluation));
      if (options->output.empty()) continue;
      const auto report = options->data.size() == 1 ? options->output : options->output / evaluation.dataset_name;
      write_report(report, evaluation, judged, data, {.figures = options->figures});
      fmt::print("report: {}\n", (report / "index.html").string());
    }
    if (options->data.size() > 1 && !options->output.empty()) {
      write_file_atomically(options->output / "sheet.csv", sheet_csv(evaluations));
      write_file_atomically(options->output / "sheet.tex", sheet_latex(evaluations));
      fmt::print("sheet: {}\n", (options->output / "sheet.csv").string());
    }
    nlohmann::json figures = to_json(evaluations.front());
    if (evaluations.size() > 1) {
      figures = {{"evaluations", nlohmann::json::array()}};
      for (const auto& evaluation : evaluations) figures["evaluations"].push_back(to_json(evaluation));
    }
    figures["engine"] = engine_text;
    write_json(common, figures);
  });
}

}  // namespace bramble
