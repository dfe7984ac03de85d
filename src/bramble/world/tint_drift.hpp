#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "bramble/world/noise.hpp"

namespace bramble {

/// How the colour of what grows changes from place to place: fresh in damp hollows, dry and yellow elsewhere, over some
/// 40 m. All layers and the ground share it, as plants share the soil they stand on.
class TintDrift {
 public:
  explicit TintDrift(std::uint64_t seed);
  /// Linear RGB factor at (x, y); `strength` is the standard deviation of brightness, and half of it that of hue.
  Eigen::Vector3f factor(double x, double y, double strength) const;

 private:
  Noise brightness_, dryness_;
};

}  // namespace bramble
