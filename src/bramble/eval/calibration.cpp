#include "bramble/eval/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

Estimate estimate_from_logits(std::span<const float> logits, int class_count, int rows, int columns, int width,
                              int height) {
  Estimate out{ImageU8(width, height, 1), ImageF32(width, height, 1)};
  const auto plane = static_cast<std::size_t>(rows) * columns;
  parallel_for(static_cast<std::size_t>(height), [&](std::size_t y) {
    const int v = static_cast<int>(y);
    const double sv = std::clamp((v + 0.5) * rows / height - 0.5, 0.0, rows - 1.0);
    const int v0 = static_cast<int>(sv), v1 = std::min(v0 + 1, rows - 1);
    const auto fv = static_cast<float>(sv - v0);
    for (int u = 0; u < width; ++u) {
      const double su = std::clamp((u + 0.5) * columns / width - 0.5, 0.0, columns - 1.0);
      const int u0 = static_cast<int>(su), u1 = std::min(u0 + 1, columns - 1);
      const auto fu = static_cast<float>(su - u0);
      float largest = -INFINITY, sum = 0;
      int best = 0;
      for (int k = 0; k < class_count; ++k) {
        const float* p = logits.data() + static_cast<std::size_t>(k) * plane;
        const float upper = p[v0 * columns + u0] + fu * (p[v0 * columns + u1] - p[v0 * columns + u0]);
        const float lower = p[v1 * columns + u0] + fu * (p[v1 * columns + u1] - p[v1 * columns + u0]);
        const float value = upper + fv * (lower - upper);
        // The sum of exponentials in one pass: rescaled whenever a larger logit comes.
        if (value > largest) {
          sum = sum * std::exp(largest - value) + 1;
          largest = value;
          best = k;
        } else {
          sum += std::exp(value - largest);
        }
      }
      *out.label.at(u, v) = static_cast<std::uint8_t>(best);
      *out.confidence.at(u, v) = 1 / sum;
    }
  });
  return out;
}

void Calibration::add(double confidence, bool right, std::uint64_t pixels) {
  Bin& bin = bins_[std::min(kBins - 1, static_cast<std::size_t>(confidence * kBins))];
  bin.pixels += pixels;
  bin.right += right ? pixels : 0;
  bin.confidence_sum += confidence * static_cast<double>(pixels);
}

void Calibration::add(const ImageU8& label, const Estimate& estimate) {
  if (label.width != estimate.label.width || label.height != estimate.label.height)
    fail("calibration: label is {}x{} and estimate {}x{}", label.width, label.height, estimate.label.width,
         estimate.label.height);
  for (std::size_t i = 0; i < label.data.size(); ++i)
    if (label.data[i] != kIgnoreId) add(estimate.confidence.data[i], label.data[i] == estimate.label.data[i]);
}

std::uint64_t Calibration::total() const {
  std::uint64_t sum = 0;
  for (const Bin& bin : bins_) sum += bin.pixels;
  return sum;
}

std::optional<double> Calibration::expected_error() const {
  const std::uint64_t all = total();
  if (all == 0) return std::nullopt;
  double sum = 0;
  for (const Bin& bin : bins_) sum += std::abs(static_cast<double>(bin.right) - bin.confidence_sum);
  return sum / static_cast<double>(all);
}

std::optional<double> Calibration::overconfidence() const {
  const std::uint64_t all = total();
  if (all == 0) return std::nullopt;
  double sum = 0;
  for (const Bin& bin : bins_) sum += bin.confidence_sum - static_cast<double>(bin.right);
  return sum / static_cast<double>(all);
}

}  // namespace bramble
