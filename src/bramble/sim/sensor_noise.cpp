#include "bramble/sim/sensor_noise.hpp"

#include <cmath>

namespace bramble {

Wander::Wander(double stddev, double time_s, Random random) : stddev_(stddev), time_s_(time_s), random_(random) {
  if (stddev_ > 0) value_ = white_noise(random_, {stddev_, stddev_, stddev_});
}

void Wander::step(double dt_s) {
  if (stddev_ <= 0) return;
  const double kept = std::exp(-dt_s / time_s_), fresh = stddev_ * std::sqrt(1 - kept * kept);
  value_ = kept * value_ + white_noise(random_, {fresh, fresh, fresh});
}

Eigen::Vector3d white_noise(Random& random, const std::array<double, 3>& stddev) {
  Eigen::Vector3d result;
  for (int i = 0; i < 3; ++i) result[i] = stddev[i] > 0 ? random.normal(0, stddev[i]) : 0.0;
  return result;
}

}  // namespace bramble
