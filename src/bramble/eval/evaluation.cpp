#include "bramble/eval/evaluation.hpp"

#include <algorithm>
#include <set>

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
          {"miou_interval", {gap.mean_iou_low / 100, gap.mean_iou_high / 100}}};
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
  if (predictors.empty()) fail("evaluation: no model given");
  if (dataset.size() == 0) fail("data set {} holds no samples", dataset.folder().string());
  std::set<std::string> names;
  for (const Predictor& predictor : predictors) {
    if (!names.insert(predictor.name).second) fail("evaluation: two models are called «{}»", predictor.name);
    require_same_classes(predictor.name, predictor.ontology, "the data set " + dataset.folder().string(),
                         dataset.ontology());
  }

  Evaluation evaluation;
  evaluation.dataset_name = std::filesystem::absolute(dataset.folder()).lexically_normal().filename().string();
  if (evaluation.dataset_name.empty())  // the path ended in a slash
    evaluation.dataset_name = std::filesystem::absolute(dataset.folder()).lexically_normal().parent_path().filename();
  evaluation.ontology = dataset.ontology();
  const std::size_t count = limit == 0 ? dataset.size() : std::min(limit, dataset.size());
  for (std::size_t i = 0; i < count; ++i) {
    evaluation.samples.push_back(i * dataset.size() / count);
    evaluation.sample_names.push_back(dataset.samples()[evaluation.samples.back()].name);
  }
  const std::size_t class_count = dataset.ontology().size();
  for (const Predictor& predictor : predictors)
    evaluation.models.push_back({predictor.name, ConfusionMatrix(class_count),
                                 std::vector<ConfusionMatrix>(count, ConfusionMatrix(class_count)), predictor.history});

  // Pictures are decoded a batch at a time by all threads; the models then take them one by one.
  constexpr std::size_t kBatch = 8;
  Progress progress("evaluate", count);
  for (std::size_t begin = 0; begin < count; begin += kBatch) {
    throw_if_interrupted();
    const std::size_t end = std::min(begin + kBatch, count);
    std::vector<ImageU8> images(end - begin);
    std::vector<ImageU8> labels(end - begin);
    parallel_for(end - begin, [&](std::size_t i) {
      images[i] = dataset.load_image(evaluation.samples[begin + i]);
      labels[i] = dataset.load_label(evaluation.samples[begin + i]);
    });
    for (std::size_t i = 0; i < images.size(); ++i) {
      for (std::size_t m = 0; m < predictors.size(); ++m) {
        ConfusionMatrix& frame = evaluation.models[m].frames[begin + i];
        frame.add(labels[i], predictors[m].segment(images[i]));
        evaluation.models[m].total.merge(frame);
      }
      progress.advance();
    }
  }
  return evaluation;
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

  constexpr std::size_t kDraws = 1000;
  const std::size_t frames = from.frames.size();
  std::vector<double> drawn(kDraws);
  parallel_for(kDraws, [&](std::size_t draw) {
    Random random(1, stream_of("bootstrap"), draw);
    ConfusionMatrix a(from.total.class_count());
    ConfusionMatrix b(to.total.class_count());
    for (std::size_t i = 0; i < frames; ++i) {
      const std::uint32_t frame = random.below(static_cast<std::uint32_t>(frames));
      a.merge(from.frames[frame]);
      b.merge(to.frames[frame]);
    }
    drawn[draw] = points(a.mean_iou(), b.mean_iou());
  });
  std::sort(drawn.begin(), drawn.end());
  gap.mean_iou_low = drawn[kDraws * 25 / 1000];
  gap.mean_iou_high = drawn[kDraws * 975 / 1000];
  return gap;
}

nlohmann::json to_json(const Evaluation& evaluation) {
  nlohmann::json models = nlohmann::json::array();
  nlohmann::json gaps = nlohmann::json::array();
  for (const ModelResult& model : evaluation.models) {
    nlohmann::json entry = to_json(model.total, evaluation.ontology);
    entry["name"] = model.name;
    models.push_back(std::move(entry));
    if (&model != &evaluation.models.front()) gaps.push_back(to_json(gap_between(evaluation.models.front(), model)));
  }
  return {{"dataset", evaluation.dataset_name},
          {"frames", evaluation.samples.size()},
          {"models", std::move(models)},
          {"gaps", std::move(gaps)}};
}

std::string to_csv(const Evaluation& evaluation) {
  std::string text = "model,class,pixels,iou,precision,recall,f1\n";
  for (const ModelResult& model : evaluation.models) {
    const ConfusionMatrix& total = model.total;
    for (const SemanticClass& cls : evaluation.ontology.classes())
      text +=
          fmt::format("{},{},{},{},{},{},{}\n", csv_field(model.name), csv_field(cls.name), total.truth_pixels(cls.id),
                      csv_number(total.iou(cls.id)), csv_number(total.precision(cls.id)),
                      csv_number(total.recall(cls.id)), csv_number(total.f1(cls.id)));
    text += fmt::format("{},all,{},{},,{},{}\n", csv_field(model.name), total.total(), csv_number(total.mean_iou()),
                        csv_number(total.accuracy()), csv_number(total.mean_f1()));
  }
  return text;
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
    for (const ModelResult& model : evaluation.models) row.push_back(percent(measure(model.total)));
    if (two) {
      const auto a = measure(evaluation.models[0].total);
      const auto b = measure(evaluation.models[1].total);
      row.push_back(a && b ? fmt::format("{:+.1f}", 100 * (*b - *a)) : "–");
    }
    rows.push_back(std::move(row));
  };
  for (const SemanticClass& cls : evaluation.ontology.classes()) {
    const auto share =
        first.total()
            ? std::optional(static_cast<double>(first.truth_pixels(cls.id)) / static_cast<double>(first.total()))
            : std::nullopt;
    add_row(cls.name, percent(share), [&](const ConfusionMatrix& matrix) { return matrix.iou(cls.id); });
  }
  const std::size_t classes_end = rows.size();
  add_row("mIoU", "", [](const ConfusionMatrix& matrix) { return matrix.mean_iou(); });
  add_row("accuracy", "", [](const ConfusionMatrix& matrix) { return matrix.accuracy(); });
  add_row("mean accuracy", "", [](const ConfusionMatrix& matrix) { return matrix.mean_accuracy(); });
  add_row("fw IoU", "", [](const ConfusionMatrix& matrix) { return matrix.frequency_weighted_iou(); });

  std::vector<std::size_t> widths(head.size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  std::string text = fmt::format("{}: {} frames, {:.1f} Mpixel\n", evaluation.dataset_name, evaluation.samples.size(),
                                 static_cast<double>(first.total()) * 1e-6);
  std::size_t line_width = 0;
  for (const std::size_t width : widths) line_width += width + 2;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (r == 1 || r == classes_end) text += std::string(line_width - 2, '-') + "\n";
    for (std::size_t i = 0; i < rows[r].size(); ++i)
      text += i == 0 ? pad_right(rows[r][i], widths[i]) : "  " + pad_left(rows[r][i], widths[i]);
    text += "\n";
  }
  return text;
}

}  // namespace bramble
