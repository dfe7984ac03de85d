#pragma once
// Numbers that tests/python/acf_reference.py makes by the same formula. Included by tests only.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace bramble {

/// [-1, 1), 24 bits: FNV-1a of the name, plus the index, through the finaliser of MurmurHash3.
inline std::vector<double> made_up_uniform(const std::string& name, std::size_t count) {
  std::uint32_t seed = 0x811C9DC5;
  for (const char c : name) seed = (seed ^ static_cast<unsigned char>(c)) * 0x01000193U;
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t h = static_cast<std::uint32_t>(i) * 0x9E3779B9U + seed;
    h = (h ^ (h >> 16)) * 0x85EBCA6BU;
    h = (h ^ (h >> 13)) * 0xC2B2AE35U;
    h ^= h >> 16;
    values[i] = static_cast<double>(h >> 8) * 0x1p-23 - 1.0;
  }
  return values;
}

/// A tensor of the network, of a size that keeps activations near 1.
inline std::vector<float> made_up_tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const auto side : shape) count *= side;
  const std::vector<double> u = made_up_uniform(name, static_cast<std::size_t>(count));
  std::vector<float> values(u.size());
  for (std::size_t i = 0; i < u.size(); ++i) {
    if (name.ends_with("running_var"))
      values[i] = static_cast<float>(1.0 + 0.5 * u[i]);
    else if (shape.size() == 1)
      values[i] = static_cast<float>(name.ends_with("weight") ? 1.0 + 0.25 * u[i] : 0.2 * u[i]);
    else
      values[i] =
          static_cast<float>(u[i] * std::sqrt(6.0 / (static_cast<double>(count) / static_cast<double>(shape[0]))));
  }
  return values;
}

}  // namespace bramble
