#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "bramble/core/image.hpp"

namespace bramble {

/// What a model says of a picture: the class of every pixel and how sure it is of it.
struct Estimate {
  ImageU8 label;        ///< [H, W, 1] ids
  ImageF32 confidence;  ///< [H, W, 1] softmax probability of that class, 1/K … 1
};

/// The estimate that logits of lower resolution stand for: interpolated bilinearly (half-pixel centres, edges clamped)
/// to the picture's size, then softmax. logits: [class_count, rows, columns].
Estimate estimate_from_logits(std::span<const float> logits, int class_count, int rows, int columns, int width,
                              int height);

/// Whether a model is right as often as it says: pixels in bins of confidence.
class Calibration {
 public:
  static constexpr std::size_t kBins = 15;
  struct Bin {
    std::uint64_t pixels = 0, right = 0;
    double confidence_sum = 0;
  };

  /// Counts the pixels that are not ignored in the label.
  void add(const ImageU8& label, const Estimate& estimate);
  void add(double confidence, bool right, std::uint64_t pixels = 1);
  const std::array<Bin, kBins>& bins() const { return bins_; }
  std::uint64_t total() const;
  /// Expected calibration error (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017): the mean over the
  /// pixels of |accuracy − mean confidence| of their bin. None without pixels.
  std::optional<double> expected_error() const;
  /// Mean confidence minus accuracy: above 0 for a model that is too sure of itself.
  std::optional<double> overconfidence() const;

 private:
  std::array<Bin, kBins> bins_{};
};

}  // namespace bramble
