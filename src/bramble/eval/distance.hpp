#pragma once
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/eval/confusion.hpp"

namespace bramble {

/// Confusion by distance from the camera: bands of 0–5, 5–10, 10–20, 20–40, 40–80 m, and beyond. Pixels without depth
/// (sky, and what lies beyond 256 m) are in none.
class DistanceScore {
 public:
  struct Band {
    double from_m = 0, to_m = 0;  ///< to_m of the last one: 256
    ConfusionMatrix total;
  };

  DistanceScore() = default;
  explicit DistanceScore(std::size_t class_count);
  /// label, estimate: [H, W, 1] as ConfusionMatrix::add() takes them; depth_m: [H, W, 1] metres along the optical axis,
  /// 0: none. Throws Error when sizes differ.
  void add(const ImageU8& label, const ImageU8& estimate, const ImageF32& depth_m);
  void merge(const DistanceScore& other);
  const std::vector<Band>& bands() const { return bands_; }
  /// Whether any pixel was counted: data sets without depth have none.
  bool empty() const;

 private:
  std::vector<Band> bands_;
};

}  // namespace bramble
