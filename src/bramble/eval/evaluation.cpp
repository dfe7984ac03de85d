#include "bramble/eval/evaluation.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "bramble/core/error.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/core/random.hpp"

namespace bramble {

namespace {

std::string class_names(const Ontology& ontology) {
  std::string names;
  for (const SemanticClass& cls : ontology.classes()) names += (names.empty() ? "" : ", ") + cls.name;
  return names;
}

nlohmann::json to_json(const Gap& gap) {
  return {{"from", gap.from},
          {"to", gap.to},
          {"accuracy", gap.accuracy / 100},
          {"miou", gap.mean_iou / 100},
          {"miou_interval", {gap.mean_iou_low / 100, gap.mean_iou_high / 100}},
          {"p_value", gap.p_value}};
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_number(const std::optional<double>& value) { return value ? fmt::format("{:.6f}", *value) : ""; }

/// Columns a terminal gives a text: code points, not bytes.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}
std::string pad_left(const std::string& text, std::size_t width) {
  return std::string(width > columns(text) ? width - columns(text) : 0, ' ') + text;
}
std::string pad_right(const std::string& text, std::size_t width) {
  return text + std::string(width > columns(text) ? width - columns(text) : 0, ' ');
}

constexpr std::size_t kDraws = 1000;

/// Draws as many frames as there are, with replacement, kDraws times, the same ones for all models, and measures each
/// draw: [measure][draw].
template <typename Measure>
auto bootstrap(const std::vector<const ModelResult*>& models, const Measure& measure) {
  const std::size_t frames = models[0]->frames.size();
  const std::size_t classes = models[0]->total.class_count();
  using Values = decltype(measure(std::vector<ConfusionMatrix>{}));
  std::array<std::vector<double>, std::tuple_size_v<Values>> drawn;
  for (auto& values : drawn) values.resize(kDraws);
  parallel_for(kDraws, [&](std::size_t draw) {
    Random random(1, stream_of("bootstrap"), draw);
    std::vector<ConfusionMatrix> sums(models.size(), ConfusionMatrix(classes));
    for (std::size_t i = 0; i < frames; ++i) {
      const std::uint32_t frame = random.below(static_cast<std::uint32_t>(frames));
      for (std::size_t m = 0; m < models.size(); ++m) sums[m].merge(models[m]->frames[frame]);
    }
    const Values values = measure(sums);
    for (std::size_t i = 0; i < values.size(); ++i) drawn[i][draw] = values[i];
  });
  return drawn;
}

Interval interval_of(std::vector<double> draws) {
  std::sort(draws.begin(), draws.end());
  return {draws[kDraws * 25 / 1000], draws[kDraws * 975 / 1000]};
}

std::string latex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) out += '\\';
    if (c == '\\')
      out += "\\textbackslash{}";
    else if (c == '~' || c == '^')
      out += std::string("\\") + c + "{}";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string percent(const std::optional<double>& value) { return value ? fmt::format("{:.1f}", 100 * *value) : "–"; }

void require_same_classes(const std::string& model_name, const Ontology& model, const std::string& data_name,
                          const Ontology& data) {
  for (std::size_t id = 0; id < std::min(model.size(), data.size()); ++id) {
    const auto cls = static_cast<ClassId>(id);
    if (model[cls].name != data[cls].name)
      fail(
          "model «{}» does not fit {}: class {} is «{}» in the model and «{}» there; use a model that was trained with "
          "these classes",
          model_name, data_name, id, model[cls].name, data[cls].name);
  }
  if (model.size() != data.size())
    fail("model «{}» does not fit {}: the model has {} classes ({}), there are {} ({})", model_name, data_name,
         model.size(), class_names(model), data.size(), class_names(data));
}

Evaluation evaluate(const std::vector<Predictor>& predictors, const Dataset& dataset, std::size_t limit) {
  return evaluate(predictors, dataset, EvaluateOptions{.limit = limit});
}

Evaluation evaluate(const std::vector<Predictor>& predictors, const Dataset& dataset, const EvaluateOptions& options) {
  if (predictors.empty()) fail("evaluation: no model given");
  if (dataset.size() == 0) fail("data set {} holds no samples", dataset.folder().string());
  Evaluation evaluation;
  evaluation.ontology = options.ontology.value_or(dataset.ontology());
  const bool mapped = options.ontology || !options.data_classes.empty();
  if (mapped)
    evaluation.truth_map = make_class_map(dataset.ontology(), "the data set " + dataset.folder().string(),
                                          evaluation.ontology, "the evaluation", options.data_classes);
  std::set<std::string> names;
  for (const Predictor& predictor : predictors) {
    if (!names.insert(predictor.name).second) fail("evaluation: two models are called «{}»", predictor.name);
    require_same_classes(predictor.name, predictor.ontology,
                         mapped ? "the evaluation" : "the data set " + dataset.folder().string(), evaluation.ontology);
  }

  evaluation.dataset_name = std::filesystem::absolute(dataset.folder()).lexically_normal().filename().string();
  if (evaluation.dataset_name.empty())  // the path ended in a slash
    evaluation.dataset_name = std::filesystem::absolute(dataset.folder()).lexically_normal().parent_path().filename();
  const std::size_t count = options.limit == 0 ? dataset.size() : std::min(options.limit, dataset.size());
  for (std::size_t i = 0; i < count; ++i) {
    evaluation.samples.push_back(i * dataset.size() / count);
    evaluation.sample_names.push_back(dataset.samples()[evaluation.samples.back()].name);
  }
  const std::size_t class_count = evaluation.ontology.size();
  for (const Predictor& predictor : predictors)
    evaluation.models.push_back({predictor.name, ConfusionMatrix(class_count),
                                 std::vector<ConfusionMatrix>(count, ConfusionMatrix(class_count)), predictor.history,
                                 BoundaryScore(class_count)});

  // Pictures are decoded a batch at a time by all threads; the models then take them one by one, and their estimates
  // are judged by all threads again.
  constexpr std::size_t kBatch = 8;
  Progress progress("evaluate", count);
  for (std::size_t begin = 0; begin < count; begin += kBatch) {
    throw_if_interrupted();
    const std::size_t end = std::min(begin + kBatch, count);
    std::vector<ImageU8> images(end - begin);
    std::vector<ImageU8> labels(end - begin);
    std::vector<ImageF32> depths(end - begin);
    parallel_for(end - begin, [&](std::size_t i) {
      images[i] = dataset.load_image(evaluation.samples[begin + i]);
      depths[i] = dataset.load_depth(evaluation.samples[begin + i]);
      labels[i] = map_classes(dataset.load_label(evaluation.samples[begin + i]), evaluation.truth_map);
    });
    for (std::size_t m = 0; m < predictors.size(); ++m) {
      ModelResult& model = evaluation.models[m];
      std::vector<Estimate> estimates(images.size());
      for (std::size_t i = 0; i < images.size(); ++i)
        estimates[i] =
            predictors[m].estimate ? predictors[m].estimate(images[i]) : Estimate{predictors[m].segment(images[i]), {}};
      std::vector<BoundaryScore> borders(images.size(), BoundaryScore(class_count));
      std::vector<DistanceScore> distances(images.size(), DistanceScore(class_count));
      parallel_for(images.size(), [&](std::size_t i) {
        if (!depths[i].data.empty()) distances[i].add(labels[i], estimates[i].label, depths[i]);
        model.frames[begin + i].add(labels[i], estimates[i].label);
        borders[i].add(labels[i], estimates[i].label);
      });
      for (std::size_t i = 0; i < images.size(); ++i) {
        model.total.merge(model.frames[begin + i]);
        model.boundary.merge(borders[i]);
        model.distance.merge(distances[i]);
        if (!estimates[i].confidence.empty()) model.calibration.add(labels[i], estimates[i]);
      }
    }
    progress.advance(images.size());
  }
  for (ModelResult& model : evaluation.models) {
    const auto draws = bootstrap({&model}, [](const std::vector<ConfusionMatrix>& drawn) {
      return std::array{drawn[0].mean_iou().value_or(0.0), drawn[0].accuracy().value_or(0.0)};
    });
    model.mean_iou_interval = interval_of(draws[0]);
    model.accuracy_interval = interval_of(draws[1]);
  }
  return evaluation;
}

Predictor with_classes(const Predictor& predictor, const Ontology& to,
                       const std::map<std::string, std::string>& named) {
  const ClassMap map =
      make_class_map(predictor.ontology, fmt::format("model «{}»", predictor.name), to, "the evaluation", named);
  for (std::size_t id = 0; id < map.size(); ++id)
    if (map[id] == kIgnoreId)
      fail("class map: class «{}» of model «{}» goes nowhere; say which of {} it stands for",
           predictor.ontology.classes()[id].name, predictor.name, class_names(to));
  Predictor out = predictor;
  out.ontology = to;
  if (predictor.segment)
    out.segment = [map, inner = predictor.segment](const ImageU8& rgb) { return map_classes(inner(rgb), map); };
  // The probability of one of several classes that stand for one is less than that of their sum: no calibration then.
  const std::set<ClassId> different(map.begin(), map.end());
  if (different.size() != map.size())
    out.estimate = nullptr;
  else if (predictor.estimate)
    out.estimate = [map, inner = predictor.estimate](const ImageU8& rgb) {
      Estimate estimate = inner(rgb);
      estimate.label = map_classes(std::move(estimate.label), map);
      return estimate;
    };
  return out;
}

Gap gap_between(const ModelResult& from, const ModelResult& to) {
  Gap gap{.from = from.name, .to = to.name};
  const auto points = [](const std::optional<double>& a, const std::optional<double>& b) {
    return 100 * (b.value_or(0.0) - a.value_or(0.0));
  };
  gap.accuracy = points(from.total.accuracy(), to.total.accuracy());
  gap.mean_iou = points(from.total.mean_iou(), to.total.mean_iou());
  for (std::size_t id = 0; id < from.total.class_count(); ++id) {
    const auto a = from.total.iou(static_cast<ClassId>(id));
    const auto b = to.total.iou(static_cast<ClassId>(id));
    gap.iou.push_back(a && b ? std::optional(100 * (*b - *a)) : std::nullopt);
  }
  const auto draws = bootstrap({&from, &to}, [&](const std::vector<ConfusionMatrix>& drawn) {
    return std::array{points(drawn[0].mean_iou(), drawn[1].mean_iou())};
  })[0];
  const Interval interval = interval_of(draws);
  gap.mean_iou_low = interval.low;
  gap.mean_iou_high = interval.high;
  const auto below = std::count_if(draws.begin(), draws.end(), [](double d) { return d <= 0; });
  const auto above = std::count_if(draws.begin(), draws.end(), [](double d) { return d >= 0; });
  gap.p_value = std::clamp(2.0 * static_cast<double>(std::min(below, above)) / kDraws, 1.0 / kDraws, 1.0);
  return gap;
}

nlohmann::json to_json(const Evaluation& evaluation) {
  nlohmann::json models = nlohmann::json::array();
  nlohmann::json gaps = nlohmann::json::array();
  for (const ModelResult& model : evaluation.models) {
    nlohmann::json entry = to_json(model.total, evaluation.ontology);
    entry["name"] = model.name;
    const auto or_null = [](const std::optional<double>& value) {
      return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
    };
    entry["miou_interval"] = {model.mean_iou_interval.low, model.mean_iou_interval.high};
    entry["accuracy_interval"] = {model.accuracy_interval.low, model.accuracy_interval.high};
    entry["boundary_f1"] = or_null(model.boundary.mean_f1());
    for (const SemanticClass& cls : evaluation.ontology.classes())
      entry["classes"][cls.name]["boundary_f1"] = or_null(model.boundary.f1(cls.id));
    entry["calibration_error"] = or_null(model.calibration.expected_error());
    if (!model.distance.empty())
      for (const auto& band : model.distance.bands()) {
        nlohmann::json part = to_json(band.total, evaluation.ontology);
        part["from_m"] = band.from_m;
        part["to_m"] = band.to_m;
        entry["by_distance"].push_back(std::move(part));
      }
    entry["overconfidence"] = or_null(model.calibration.overconfidence());
    models.push_back(std::move(entry));
    if (&model != &evaluation.models.front()) gaps.push_back(to_json(gap_between(evaluation.models.front(), model)));
  }
  return {{"dataset", evaluation.dataset_name},
          {"frames", evaluation.samples.size()},
          {"models", std::move(models)},
          {"gaps", std::move(gaps)}};
}

std::string to_csv(const Evaluation& evaluation) {
  std::string text = "model,class,pixels,iou,precision,recall,f1,boundary_f1\n";
  for (const ModelResult& model : evaluation.models) {
    const ConfusionMatrix& total = model.total;
    for (const SemanticClass& cls : evaluation.ontology.classes())
      text += fmt::format("{},{},{},{},{},{},{},{}\n", csv_field(model.name), csv_field(cls.name),
                          total.truth_pixels(cls.id), csv_number(total.iou(cls.id)),
                          csv_number(total.precision(cls.id)), csv_number(total.recall(cls.id)),
                          csv_number(total.f1(cls.id)), csv_number(model.boundary.f1(cls.id)));
    text +=
        fmt::format("{},all,{},{},,{},{},{}\n", csv_field(model.name), total.total(), csv_number(total.mean_iou()),
                    csv_number(total.accuracy()), csv_number(total.mean_f1()), csv_number(model.boundary.mean_f1()));
  }
  return text;
}

std::string to_latex(const Evaluation& evaluation) {
  std::string text = "% Made by Bramble; needs \\usepackage{booktabs}.\n\\begin{tabular}{lr";
  for (std::size_t m = 0; m < evaluation.models.size(); ++m) text += "r";
  text += "}\n\\toprule\nIoU [\\%] & share";
  for (const ModelResult& model : evaluation.models) text += " & " + latex(model.name);
  text += " \\\\\n\\midrule\n";
  const auto number = [](const std::optional<double>& value) { return value ? percent(value) : std::string("--"); };
  const ConfusionMatrix& first = evaluation.models.front().total;
  for (const SemanticClass& cls : evaluation.ontology.classes()) {
    const double share =
        static_cast<double>(first.truth_pixels(cls.id)) / std::max(1.0, static_cast<double>(first.total()));
    text += latex(cls.name) + " & " + number(share);
    for (const ModelResult& model : evaluation.models) text += " & " + number(model.total.iou(cls.id));
    text += " \\\\\n";
  }
  text += "\\midrule\n";
  const auto row = [&](const char* name, auto measure) {
    text += std::string(name) + " & ";
    for (const ModelResult& model : evaluation.models) text += " & " + measure(model);
    text += " \\\\\n";
  };
  const auto with_interval = [&](const std::optional<double>& value, const Interval& interval) {
    return fmt::format("{} [{}, {}]", number(value), percent(interval.low), percent(interval.high));
  };
  row("mean IoU", [&](const ModelResult& m) { return with_interval(m.total.mean_iou(), m.mean_iou_interval); });
  row("accuracy", [&](const ModelResult& m) { return with_interval(m.total.accuracy(), m.accuracy_interval); });
  row("mean accuracy", [&](const ModelResult& m) { return number(m.total.mean_accuracy()); });
  row("frequency-weighted IoU", [&](const ModelResult& m) { return number(m.total.frequency_weighted_iou()); });
  row("boundary F1", [&](const ModelResult& m) { return number(m.boundary.mean_f1()); });
  row("calibration error", [&](const ModelResult& m) { return number(m.calibration.expected_error()); });
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string sheet_csv(const std::vector<Evaluation>& evaluations) {
  std::string text = "model";
  for (const Evaluation& e : evaluations)
    for (const char* measure : {"accuracy", "miou", "miou_low", "miou_high"})
      text += "," + csv_field(e.dataset_name + " " + measure);
  text += "\n";
  for (std::size_t m = 0; m < evaluations.front().models.size(); ++m) {
    text += csv_field(evaluations.front().models[m].name);
    for (const Evaluation& e : evaluations) {
      const ModelResult& model = e.models[m];
      text +=
          fmt::format(",{},{},{:.6f},{:.6f}", csv_number(model.total.accuracy()), csv_number(model.total.mean_iou()),
                      model.mean_iou_interval.low, model.mean_iou_interval.high);
    }
    text += "\n";
  }
  return text;
}

std::string sheet_latex(const std::vector<Evaluation>& evaluations) {
  std::string text = "% Made by Bramble; needs \\usepackage{booktabs}.\n\\begin{tabular}{l";
  for (std::size_t e = 0; e < evaluations.size(); ++e) text += "rr";
  text += "}\n\\toprule\n";
  for (const Evaluation& e : evaluations) text += " & \\multicolumn{2}{c}{" + latex(e.dataset_name) + "}";
  text += " \\\\\n";
  for (std::size_t e = 0; e < evaluations.size(); ++e) text += " & accuracy & mIoU";
  text += " \\\\\n\\midrule\n";
  for (std::size_t m = 0; m < evaluations.front().models.size(); ++m) {
    text += latex(evaluations.front().models[m].name);
    for (const Evaluation& e : evaluations)
      text += " & " + percent(e.models[m].total.accuracy()) + " & " + percent(e.models[m].total.mean_iou());
    text += " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string to_text(const Evaluation& evaluation) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> head{"IoU %", "share"};
  for (const ModelResult& model : evaluation.models) head.push_back(model.name);
  const bool two = evaluation.models.size() == 2;
  if (two) head.emplace_back("gap");
  rows.push_back(head);
  const ConfusionMatrix& first = evaluation.models.front().total;
  const auto add_row = [&](const std::string& name, const std::string& share, auto measure) {
    std::vector<std::string> row{name, share};
    for (const ModelResult& model : evaluation.models) row.push_back(percent(measure(model)));
    if (two) {
      const auto a = measure(evaluation.models[0]);
      const auto b = measure(evaluation.models[1]);
      row.push_back(a && b ? fmt::format("{:+.1f}", 100 * (*b - *a)) : "–");
    }
    rows.push_back(std::move(row));
  };
  for (const SemanticClass& cls : evaluation.ontology.classes()) {
    const auto share =
        first.total()
            ? std::optional(static_cast<double>(first.truth_pixels(cls.id)) / static_cast<double>(first.total()))
            : std::nullopt;
    add_row(cls.name, percent(share), [&](const ModelResult& model) { return model.total.iou(cls.id); });
  }
  const std::size_t classes_end = rows.size();
  add_row("mIoU", "", [](const ModelResult& model) { return model.total.mean_iou(); });
  add_row("accuracy", "", [](const ModelResult& model) { return model.total.accuracy(); });
  add_row("mean accuracy", "", [](const ModelResult& model) { return model.total.mean_accuracy(); });
  add_row("fw IoU", "", [](const ModelResult& model) { return model.total.frequency_weighted_iou(); });
  add_row("boundary F1", "", [](const ModelResult& model) { return model.boundary.mean_f1(); });
  if (evaluation.models.front().calibration.total() > 0)
    add_row("calibration error", "", [](const ModelResult& model) { return model.calibration.expected_error(); });
  const std::size_t measures_end = rows.size();
  const DistanceScore& distance = evaluation.models.front().distance;
  for (std::size_t i = 0; i < (distance.empty() ? 0 : distance.bands().size()); ++i) {
    const auto& band = distance.bands()[i];
    const double share = static_cast<double>(band.total.total()) / static_cast<double>(first.total());
    add_row(fmt::format("mIoU {:.0f}–{:.0f} m", band.from_m, band.to_m), percent(share),
            [&](const ModelResult& model) { return model.distance.bands()[i].total.mean_iou(); });
  }

  std::vector<std::size_t> widths(head.size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  std::string text = fmt::format("{}: {} frames, {:.1f} Mpixel\n", evaluation.dataset_name, evaluation.samples.size(),
                                 static_cast<double>(first.total()) * 1e-6);
  std::size_t line_width = 0;
  for (const std::size_t width : widths) line_width += width + 2;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (r == 1 || r == classes_end || r == measures_end) text += std::string(line_width - 2, '-') + "\n";
    for (std::size_t i = 0; i < rows[r].size(); ++i)
      text += i == 0 ? pad_right(rows[r][i], widths[i]) : "  " + pad_left(rows[r][i], widths[i]);
    text += "\n";
  }
  for (const ModelResult& model : evaluation.models)
    text += fmt::format("{}: mIoU {} to {}, accuracy {} to {} (95 % of 1000 draws of the frames)\n", model.name,
                        percent(model.mean_iou_interval.low), percent(model.mean_iou_interval.high),
                        percent(model.accuracy_interval.low), percent(model.accuracy_interval.high));
  for (std::size_t m = 1; m < evaluation.models.size(); ++m) {
    const Gap gap = gap_between(evaluation.models.front(), evaluation.models[m]);
    text +=
        fmt::format("{} − {}: mIoU {:+.1f} points, {:+.1f} to {:+.1f}, p {} {:.3f}\n", gap.to, gap.from, gap.mean_iou,
                    gap.mean_iou_low, gap.mean_iou_high, gap.p_value <= 1.0 / kDraws ? "≤" : "=", gap.p_value);
  }
  return text;
}

}  // namespace bramble
