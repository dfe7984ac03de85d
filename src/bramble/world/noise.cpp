#include "bramble/world/noise.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {
namespace {

// Integer mixing (the finaliser of MurmurHash3, public domain) of a lattice point.
std::uint32_t lattice_hash(std::int32_t i, std::int32_t j, std::uint32_t key) {
  std::uint32_t h = key ^ (static_cast<std::uint32_t>(i) * 0x9e3779b1U);
  h = (h ^ (h >> 16)) * 0x85ebca6bU;
  h ^= static_cast<std::uint32_t>(j) * 0xc2b2ae35U;
  h = (h ^ (h >> 16)) * 0x85ebca6bU;
  h = (h ^ (h >> 13)) * 0xc2b2ae35U;
  return h ^ (h >> 16);
}

// Dot product of the offset with one of 16 unit gradients.
double gradient(std::uint32_t hash, double dx, double dy) {
  static constexpr double kCos[16] = {1,  0.9238795325112867,  0.7071067811865476,  0.3826834323650898,
                                      0,  -0.3826834323650898, -0.7071067811865476, -0.9238795325112867,
                                      -1, -0.9238795325112867, -0.7071067811865476, -0.3826834323650898,
                                      0,  0.3826834323650898,  0.7071067811865476,  0.9238795325112867};
  return kCos[hash & 15] * dx + kCos[(hash + 12) & 15] * dy;
}

double fade(double t) { return t * t * t * (t * (t * 6 - 15) + 10); }

}  // namespace

Noise::Noise(std::uint64_t seed, std::uint64_t stream) {
  const std::uint64_t mixed = (seed ^ (stream * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL;
  key_ = static_cast<std::uint32_t>(mixed ^ (mixed >> 32));
}

double Noise::at(double x, double y, double scale) const {
  x /= scale;
  y /= scale;
  const double fx = std::floor(x);
  const double fy = std::floor(y);
  const auto i = static_cast<std::int32_t>(fx);
  const auto j = static_cast<std::int32_t>(fy);
  const double dx = x - fx;
  const double dy = y - fy;
  const double u = fade(dx);
  const double v = fade(dy);
  const double low =
      (1 - u) * gradient(lattice_hash(i, j, key_), dx, dy) + u * gradient(lattice_hash(i + 1, j, key_), dx - 1, dy);
  const double high = (1 - u) * gradient(lattice_hash(i, j + 1, key_), dx, dy - 1) +
                      u * gradient(lattice_hash(i + 1, j + 1, key_), dx - 1, dy - 1);
  // The extreme of two-dimensional gradient noise with unit gradients is sqrt(1/2).
  return 1.4142135623730951 * ((1 - v) * low + v * high);
}

double Noise::fbm(double x, double y, double scale, int octaves, double gain) const {
  double sum = 0;
  double weight = 1;
  double weights = 0;
  for (int octave = 0; octave < octaves; ++octave) {
    // Each octave is shifted, so that the lattices' zeros do not fall together.
    sum += weight * at(x + 17.3 * octave * scale, y - 9.1 * octave * scale, scale);
    weights += weight;
    weight *= gain;
    scale *= 0.5;
  }
  return sum / weights;
}

double smoothstep(double low, double high, double value) {
  const double t = std::clamp((value - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

}  // namespace bramble
