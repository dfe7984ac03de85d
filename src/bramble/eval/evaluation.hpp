#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/eval/confusion.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Anything that labels a picture: a trained model in whichever engine, or a rule to compare it with.
struct Predictor {
  std::string name;
  Ontology ontology;
  /// RGB [H, W, 3] -> ids [H, W, 1] of the same size. Called by one thread at a time.
  std::function<ImageU8(const ImageU8&)> segment;
  /// How it was trained, for the curves in the report: a list of {epoch, name: number, …}. May be null.
  nlohmann::json history;
};

struct ModelResult {
  std::string name;
  ConfusionMatrix total;
  std::vector<ConfusionMatrix> frames;  ///< one for each sample evaluated
  nlohmann::json history;
};

/// What came out for every model on the same frames.
struct Evaluation {
  std::string dataset_name;
  Ontology ontology;
  std::vector<std::size_t> samples;  ///< indices into the data set
  std::vector<std::string> sample_names;
  std::vector<ModelResult> models;
};

/// How far a model is ahead of another, in points (1 = one hundredth); measures that one of them lacks are left out.
struct Gap {
  std::string from;
  std::string to;
  double accuracy = 0;
  double mean_iou = 0;
  /// 95 % interval of mean_iou when the frames are drawn anew 1000 times (paired bootstrap, Efron 1979; seeded).
  /// Frames of one drive resemble each other, so the true uncertainty is larger.
  double mean_iou_low = 0;
  double mean_iou_high = 0;
  std::vector<std::optional<double>> iou{};  ///< by class
};

/// Throws Error unless the model's classes are the data's: same number, same names under the same ids. `data_name` is
/// how the message calls the data: «the data set D».
void require_same_classes(const std::string& model_name, const Ontology& model, const std::string& data_name,
                          const Ontology& data);

/// Runs every predictor over `limit` frames spread evenly over the data set (0: all). Throws Error when a model does
/// not fit the data set, when two predictors have one name, or when there is nothing to evaluate.
Evaluation evaluate(const std::vector<Predictor>& predictors, const Dataset& dataset, std::size_t limit = 0);

Gap gap_between(const ModelResult& from, const ModelResult& to);

/// {dataset, frames, models: [{name, …measures of to_json(ConfusionMatrix)}], gaps: [{from, to, accuracy, miou,
/// miou_interval}]}; every later model's gap is to the first.
nlohmann::json to_json(const Evaluation& evaluation);
/// One line per model and class: model,class,pixels,iou,precision,recall,f1; class «all» holds the means (and accuracy
/// as recall). Empty fields for measures that do not exist.
std::string to_csv(const Evaluation& evaluation);
/// The tables of the report for a terminal.
std::string to_text(const Evaluation& evaluation);

/// «78.4», or «–» when there is no value.
std::string percent(const std::optional<double>& value);

}  // namespace bramble
