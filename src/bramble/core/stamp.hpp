#pragma once
#include <cstdint>

namespace bramble {

/// A point in simulated time, or a message's stamp: integer nanoseconds. Never read from the wall clock.
using StampNs = std::int64_t;

inline constexpr StampNs kNsPerSecond = 1'000'000'000;
inline double seconds(StampNs stamp_ns) { return static_cast<double>(stamp_ns) * 1e-9; }

}  // namespace bramble
