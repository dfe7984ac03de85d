#include "bramble/world/tint_drift.hpp"

#include <cmath>

#include "bramble/core/random.hpp"

namespace bramble {

TintDrift::TintDrift(std::uint64_t seed)
    : brightness_(seed, stream_of("tint brightness")), dryness_(seed, stream_of("tint dryness")) {}

Eigen::Vector3f TintDrift::factor(double x, double y, double strength) const {
  if (strength <= 0) return Eigen::Vector3f::Ones();
  // Two octaves have a standard deviation of about 0.22.
  const double brightness = std::exp(strength * brightness_.fbm(x, y, 40, 2) / 0.22);
  const double dryness = 0.5 * strength * dryness_.fbm(x, y, 45, 2) / 0.22;
  return Eigen::Vector3d(brightness * (1 + dryness), brightness, brightness * (1 - dryness)).cast<float>();
}

}  // namespace bramble
