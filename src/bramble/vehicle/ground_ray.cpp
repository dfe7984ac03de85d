#include "bramble/vehicle/ground_ray.hpp"

#include <cmath>

namespace bramble {

std::optional<double> ground_hit(const Terrain& terrain, const Eigen::Vector3d& from, const Eigen::Vector3d& to) {
  const Eigen::Vector3d ray = to - from;
  const auto clearance = [&](double t) {
    const Eigen::Vector3d p = from + t * ray;
    return p.z() - terrain.height(p.x(), p.y());
  };
  double above = 0;
  double below = 1;
  double clearance_above = clearance(0);
  double clearance_below = clearance(1);
  if (clearance_above <= 0) return 0.0;
  if (clearance_below > 0) return std::nullopt;
  // Secant steps inside the bracket; exact at once while both ends lie over the same triangle. A step that did not
  // shrink the bracket by half is followed by halving it.
  for (int round = 0; round < 60; ++round) {
    const double width = below - above;
    double t = above + width * clearance_above / (clearance_above - clearance_below);
    if (round % 3 == 2) t = 0.5 * (above + below);
    const double c = clearance(t);
    if (std::abs(c) < 1e-9) return t;
    (c > 0 ? above : below) = t;
    (c > 0 ? clearance_above : clearance_below) = c;
    if (below - above < 1e-12) break;
  }
  return below;
}

}  // namespace bramble
