#pragma once
#include <cstdint>

namespace bramble {

/// Smooth random fields over the plane: gradient noise (Perlin, "Improving noise", SIGGRAPH 2002, quintic fade) with
/// hashed gradients, so that it never repeats and needs no table. Pure functions of (seed, x, y): any thread, any
/// order.
class Noise {
 public:
  explicit Noise(std::uint64_t seed, std::uint64_t stream = 0);

  /// One octave with features of size `scale`: mean 0, standard deviation about 0.3, within [-1, 1].
  double at(double x, double y, double scale) const;
  /// `octaves` octaves, each half the size and `gain` times the strength of the one before; scaled to stay within
  /// [-1, 1] and hence smaller in spread than one octave.
  double fbm(double x, double y, double scale, int octaves, double gain = 0.5) const;

 private:
  std::uint32_t key_;
};

/// 0 below `low`, 1 above `high`, a smooth cubic between; low > high gives the falling one.
double smoothstep(double low, double high, double value);

}  // namespace bramble
