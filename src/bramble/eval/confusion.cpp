#include "bramble/eval/confusion.hpp"

#include <array>

#include "bramble/core/error.hpp"

namespace bramble {

namespace {

std::optional<double> ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// Mean of a per-class measure over the classes that have it.
template <typename Measure>
std::optional<double> mean_over(std::size_t class_count, const Measure& measure) {
  double sum = 0;
  std::size_t present = 0;
  for (std::size_t id = 0; id < class_count; ++id) {
    if (const std::optional<double> value = measure(static_cast<ClassId>(id))) {
      sum += *value;
      ++present;
    }
  }
  if (present == 0) return std::nullopt;
  return sum / static_cast<double>(present);
}

nlohmann::json or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::size_t class_count) : class_count_(class_count) {
  if (class_count < 1 || class_count > 255)
    fail("confusion matrix: {} classes asked for; there can be 1 to 255 (255 marks ignored pixels)", class_count);
  counts_.assign(class_count * class_count, 0);
}

void ConfusionMatrix::add(const ImageU8& label, const ImageU8& estimate) {
  if (label.channels != 1 || estimate.channels != 1 || label.width != estimate.width || label.height != estimate.height)
    fail("confusion matrix: label is {}x{}x{} and estimate {}x{}x{}; both must be of one size with one channel",
         label.width, label.height, label.channels, estimate.width, estimate.height, estimate.channels);
  // Count into a 256 x 256 table first: no branch in the loop over pixels, and the checks see each pair once.
  thread_local std::vector<std::uint32_t> pairs;
  pairs.assign(256 * 256, 0);
  for (std::size_t i = 0; i < label.data.size(); ++i) ++pairs[label.data[i] * 256U + estimate.data[i]];
  for (std::size_t truth = 0; truth < 255; ++truth) {
    for (std::size_t guess = 0; guess < 256; ++guess) {
      const std::uint32_t pixels = pairs[truth * 256 + guess];
      if (pixels == 0) continue;
      if (truth >= class_count_ || guess >= class_count_)
        fail("confusion matrix: {} holds class {}, but there are {} classes (0 to {}; 255 in a label is ignored)",
             truth >= class_count_ ? "label" : "estimate", truth >= class_count_ ? truth : guess, class_count_,
             class_count_ - 1);
    }
  }
  for (std::size_t truth = 0; truth < class_count_; ++truth)
    for (std::size_t guess = 0; guess < class_count_; ++guess)
      counts_[truth * class_count_ + guess] += pairs[truth * 256 + guess];
}

void ConfusionMatrix::add(ClassId truth, ClassId estimate, std::uint64_t pixels) {
  if (truth == kIgnoreId) return;
  if (truth >= class_count_ || estimate >= class_count_)
    fail("confusion matrix: pair ({}, {}) is outside the {} classes", truth, estimate, class_count_);
  counts_[truth * class_count_ + estimate] += pixels;
}

void ConfusionMatrix::merge(const ConfusionMatrix& other) {
  if (class_count_ != other.class_count_)
    fail("confusion matrix: cannot merge {} classes with {}", class_count_, other.class_count_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

std::uint64_t ConfusionMatrix::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t pixels : counts_) sum += pixels;
  return sum;
}

std::uint64_t ConfusionMatrix::truth_pixels(ClassId id) const {
  std::uint64_t sum = 0;
  for (std::size_t guess = 0; guess < class_count_; ++guess) sum += counts_[id * class_count_ + guess];
  return sum;
}

std::uint64_t ConfusionMatrix::estimate_pixels(ClassId id) const {
  std::uint64_t sum = 0;
  for (std::size_t truth = 0; truth < class_count_; ++truth) sum += counts_[truth * class_count_ + id];
  return sum;
}

std::optional<double> ConfusionMatrix::accuracy() const {
  std::uint64_t right = 0;
  for (std::size_t id = 0; id < class_count_; ++id) right += counts_[id * class_count_ + id];
  return ratio(right, total());
}

std::optional<double> ConfusionMatrix::mean_accuracy() const {
  return mean_over(class_count_, [&](ClassId id) { return recall(id); });
}

std::optional<double> ConfusionMatrix::mean_iou() const {
  return mean_over(class_count_, [&](ClassId id) { return iou(id); });
}

std::optional<double> ConfusionMatrix::frequency_weighted_iou() const {
  const std::uint64_t all = total();
  if (all == 0) return std::nullopt;
  double sum = 0;
  for (std::size_t id = 0; id < class_count_; ++id) {
    const auto cls = static_cast<ClassId>(id);
    sum += static_cast<double>(truth_pixels(cls)) / static_cast<double>(all) * iou(cls).value_or(0.0);
  }
  return sum;
}

std::optional<double> ConfusionMatrix::mean_f1() const {
  return mean_over(class_count_, [&](ClassId id) { return f1(id); });
}

std::optional<double> ConfusionMatrix::iou(ClassId id) const {
  const std::uint64_t right = count(id, id);
  return ratio(right, truth_pixels(id) + estimate_pixels(id) - right);
}

std::optional<double> ConfusionMatrix::precision(ClassId id) const { return ratio(count(id, id), estimate_pixels(id)); }

std::optional<double> ConfusionMatrix::recall(ClassId id) const { return ratio(count(id, id), truth_pixels(id)); }

std::optional<double> ConfusionMatrix::f1(ClassId id) const {
  return ratio(2 * count(id, id), truth_pixels(id) + estimate_pixels(id));
}

nlohmann::json to_json(const ConfusionMatrix& matrix, const Ontology& ontology) {
  nlohmann::json classes = nlohmann::json::object();
  nlohmann::json rows = nlohmann::json::array();
  for (const SemanticClass& cls : ontology.classes()) {
    classes[cls.name] = {
        {"iou", or_null(matrix.iou(cls.id))},       {"precision", or_null(matrix.precision(cls.id))},
        {"recall", or_null(matrix.recall(cls.id))}, {"f1", or_null(matrix.f1(cls.id))},
        {"pixels", matrix.truth_pixels(cls.id)},    {"estimated_pixels", matrix.estimate_pixels(cls.id)}};
    nlohmann::json row = nlohmann::json::array();
    for (std::size_t guess = 0; guess < matrix.class_count(); ++guess)
      row.push_back(matrix.count(cls.id, static_cast<ClassId>(guess)));
    rows.push_back(std::move(row));
  }
  return {{"pixels", matrix.total()},
          {"accuracy", or_null(matrix.accuracy())},
          {"mean_accuracy", or_null(matrix.mean_accuracy())},
          {"miou", or_null(matrix.mean_iou())},
          {"fw_iou", or_null(matrix.frequency_weighted_iou())},
          {"mean_f1", or_null(matrix.mean_f1())},
          {"classes", std::move(classes)},
          {"confusion", std::move(rows)}};
}

}  // namespace bramble
