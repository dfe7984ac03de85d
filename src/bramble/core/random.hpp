#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace bramble {

/// Philox4x32-10: four 32-bit words out of a 128-bit counter and a 64-bit key.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; same words as Random123.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// 64-bit hash of a name (FNV-1a), to derive a stream from a purpose: `Random(seed, stream_of("trees"))`.
constexpr std::uint64_t stream_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

/// Random numbers by counter: draw number n of (seed, stream) is the same whatever was drawn before, on any thread.
/// Sequential use through next_*; random access by constructing with an index of its own (a pixel, a cell, a frame).
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0, std::uint64_t index = 0)
      : seed_(seed), stream_(stream ^ (index * 0x9e3779b97f4a7c15ULL)) {}

  std::uint32_t next_u32();
  /// Uniform in [0, 1), 24 bits.
  float uniform() { return static_cast<float>(next_u32() >> 8) * 0x1p-24F; }
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * (next_u32() * 0x1p-32); }
  /// Uniform integer in [0, count); count > 0.
  std::uint32_t below(std::uint32_t count) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(next_u32()) * count) >> 32);
  }
  /// Normal with the given mean and standard deviation (Box-Muller).
  double normal(double mean = 0.0, double stddev = 1.0);

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t block_ = 0;
  int used_ = 4;  // words already taken of words_
  std::array<std::uint32_t, 4> words_{};
};

}  // namespace bramble
