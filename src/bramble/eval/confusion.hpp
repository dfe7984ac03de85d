#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Counts of (true class, estimated class) over pixels, and every measure of semantic segmentation that follows from
/// them. Pixels whose truth is 255 are left out. Counts are exact integers, so the result does not depend on the order
/// of add() and merge().
///
/// Definitions, with TP, FP, FN of a class in pixels (Long et al., "Fully convolutional networks for semantic
/// segmentation", CVPR 2015, section 5):
///   accuracy                 Σ TP / all pixels            precision  TP / (TP + FP)
///   mean accuracy            mean of recall over classes  recall     TP / (TP + FN)
///   IoU                      TP / (TP + FP + FN)          F1         2 TP / (2 TP + FP + FN)
///   frequency-weighted IoU   Σ share of truth · IoU
/// A measure whose denominator is 0 does not exist (nullopt), it is not 0. Means go over the classes for which the
/// measure exists; a class that is in neither truth nor estimate is absent and never enters mean IoU.
class ConfusionMatrix {
 public:
  ConfusionMatrix() = default;
  /// Throws Error unless 1 <= class_count <= 255.
  explicit ConfusionMatrix(std::size_t class_count);

  /// Both [H, W, 1] of the same size. Throws Error when they differ in size, or when a value other than 255 in `label`
  /// or any value in `estimate` under a counted pixel is not below class_count.
  void add(const ImageU8& label, const ImageU8& estimate);
  /// Adds `pixels` pixels of one pair.
  void add(ClassId truth, ClassId estimate, std::uint64_t pixels);
  /// Throws Error when the class counts differ.
  void merge(const ConfusionMatrix& other);

  std::size_t class_count() const { return class_count_; }
  std::uint64_t count(ClassId truth, ClassId estimate) const { return counts_[truth * class_count_ + estimate]; }
  /// Pixels counted: everything but the ignored ones.
  std::uint64_t total() const;
  std::uint64_t truth_pixels(ClassId id) const;     ///< TP + FN
  std::uint64_t estimate_pixels(ClassId id) const;  ///< TP + FP
  bool present(ClassId id) const { return truth_pixels(id) + estimate_pixels(id) > 0; }

  std::optional<double> accuracy() const;
  std::optional<double> mean_accuracy() const;
  std::optional<double> mean_iou() const;
  std::optional<double> frequency_weighted_iou() const;
  std::optional<double> mean_f1() const;
  std::optional<double> iou(ClassId id) const;
  std::optional<double> precision(ClassId id) const;
  std::optional<double> recall(ClassId id) const;
  std::optional<double> f1(ClassId id) const;

  bool operator==(const ConfusionMatrix&) const = default;

 private:
  std::size_t class_count_ = 0;
  std::vector<std::uint64_t> counts_;  // [truth, estimate]
};

/// {pixels, accuracy, mean_accuracy, miou, fw_iou, mean_f1, classes: {name: {iou, precision, recall, f1, pixels,
/// estimated_pixels}}, confusion: [[…]]}; measures that do not exist are null.
nlohmann::json to_json(const ConfusionMatrix& matrix, const Ontology& ontology);

}  // namespace bramble
