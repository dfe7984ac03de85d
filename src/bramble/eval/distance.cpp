#include "bramble/eval/distance.hpp"

#include <algorithm>
#include <array>

#include "bramble/core/error.hpp"

namespace bramble {

namespace {
constexpr std::array<double, 7> kBordersM{0, 5, 10, 20, 40, 80, 256};
}  // namespace

DistanceScore::DistanceScore(std::size_t class_count) {
  for (std::size_t i = 0; i + 1 < kBordersM.size(); ++i)
    bands_.push_back({kBordersM[i], kBordersM[i + 1], ConfusionMatrix(class_count)});
}

void DistanceScore::add(const ImageU8& label, const ImageU8& estimate, const ImageF32& depth_m) {
  if (label.width != depth_m.width || label.height != depth_m.height || label.width != estimate.width ||
      label.height != estimate.height)
    fail("evaluation: a depth picture of {}x{} belongs to labels of {}x{}", depth_m.width, depth_m.height, label.width,
         label.height);
  for (std::size_t i = 0; i < label.data.size(); ++i) {
    const double depth = depth_m.data[i];
    if (label.data[i] == kIgnoreId || !(depth > 0) || depth >= kBordersM.back()) continue;
    const auto band = std::upper_bound(kBordersM.begin(), kBordersM.end(), depth) - kBordersM.begin() - 1;
    bands_[static_cast<std::size_t>(band)].total.add(label.data[i], estimate.data[i], 1);
  }
}

void DistanceScore::merge(const DistanceScore& other) {
  if (other.bands_.empty()) return;
  if (bands_.empty()) bands_ = DistanceScore(other.bands_.front().total.class_count()).bands_;
  for (std::size_t i = 0; i < bands_.size(); ++i) bands_[i].total.merge(other.bands_[i].total);
}

bool DistanceScore::empty() const {
  return std::all_of(bands_.begin(), bands_.end(), [](const Band& band) { return band.total.total() == 0; });
}

}  // namespace bramble
