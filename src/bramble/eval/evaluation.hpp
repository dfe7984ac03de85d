#pragma once
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/eval/boundary.hpp"
#include "bramble/eval/calibration.hpp"
#include "bramble/eval/class_map.hpp"
#include "bramble/eval/confusion.hpp"
#include "bramble/eval/distance.hpp"
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
  /// segment() with the probability of each pixel's class, where the engine gives it: the calibration is then measured.
  std::function<Estimate(const ImageU8&)> estimate{};
};

/// A 95 % interval of a measure when the frames are drawn anew 1000 times (bootstrap, Efron 1979; seeded). Frames of
/// one drive resemble each other, so the true uncertainty is larger.
struct Interval {
  double low = 0, high = 0;
};

struct ModelResult {
  std::string name;
  ConfusionMatrix total;
  std::vector<ConfusionMatrix> frames;  ///< one for each sample evaluated
  nlohmann::json history;
  BoundaryScore boundary{};
  Calibration calibration{};     ///< empty where the model gives no probabilities
  DistanceScore distance{};      ///< empty where the data set has no depth
  Interval mean_iou_interval{};  ///< of total.mean_iou()
  Interval accuracy_interval{};  ///< of total.accuracy()
};

/// What came out for every model on the same frames.
struct Evaluation {
  std::string dataset_name;
  Ontology ontology;
  std::vector<std::size_t> samples;  ///< indices into the data set
  std::vector<std::string> sample_names;
  std::vector<ModelResult> models;
  ClassMap truth_map{};  ///< from the data set's classes to `ontology`; empty: they are the same
};

struct EvaluateOptions {
  std::size_t limit = 0;  ///< frames, spread evenly over the data set; 0: all
  /// Classes to judge by; empty: the data set's own.
  std::optional<Ontology> ontology{};
  /// Where the data set's classes go in it, by name; those that go nowhere are ignored.
  std::map<std::string, std::string> data_classes{};
};

/// How far a model is ahead of another, in points (1 = one hundredth); measures that one of them lacks are left out.
struct Gap {
  std::string from;
  std::string to;
  double accuracy = 0;
  double mean_iou = 0;
  /// 95 % interval of mean_iou (Interval), both models on the same drawn frames.
  double mean_iou_low = 0;
  double mean_iou_high = 0;
  /// Two-sided: twice the share of the draws in which the sign of mean_iou is not kept, at least 1/1000.
  double p_value = 1;
  std::vector<std::optional<double>> iou{};  ///< by class
};

/// Throws Error unless the model's classes are the data's: same number, same names under the same ids. `data_name` is
/// how the message calls the data: «the data set D».
void require_same_classes(const std::string& model_name, const Ontology& model, const std::string& data_name,
                          const Ontology& data);

/// Runs every predictor over the frames. Throws Error when a model does not fit the classes, when two predictors have
/// one name, or when there is nothing to evaluate.
Evaluation evaluate(const std::vector<Predictor>& predictors, const Dataset& dataset, const EvaluateOptions& options);
Evaluation evaluate(const std::vector<Predictor>& predictors, const Dataset& dataset, std::size_t limit = 0);

/// A predictor whose estimates are mapped to other classes (make_class_map()); every class of the model must go
/// somewhere, else Error names the first that does not.
Predictor with_classes(const Predictor& predictor, const Ontology& to, const std::map<std::string, std::string>& named);

Gap gap_between(const ModelResult& from, const ModelResult& to);

/// {dataset, frames, models: [{name, …measures of to_json(ConfusionMatrix)}], gaps: [{from, to, accuracy, miou,
/// miou_interval}]}; every later model's gap is to the first.
nlohmann::json to_json(const Evaluation& evaluation);
/// One line per model and class: model,class,pixels,iou,precision,recall,f1; class «all» holds the means (and accuracy
/// as recall). Empty fields for measures that do not exist.
std::string to_csv(const Evaluation& evaluation);
/// The class table as LaTeX (booktabs): a row for each class and for the means, a column of IoU for each model, with
/// intervals of the means.
std::string to_latex(const Evaluation& evaluation);
/// Models beside data sets, accuracy and mean IoU in each cell: the sheet of a comparison over several data sets. All
/// evaluations hold the same models.
std::string sheet_csv(const std::vector<Evaluation>& evaluations);
std::string sheet_latex(const std::vector<Evaluation>& evaluations);
/// The tables of the report for a terminal.
std::string to_text(const Evaluation& evaluation);

/// «78.4», or «–» when there is no value.
std::string percent(const std::optional<double>& value);

}  // namespace bramble
