#pragma once
#include <cstdint>

namespace bramble {

/// Eight floats that are worked on at once: eight channels of a channels-last picture. Memory need not be aligned to
/// it.
typedef float Lane
    __attribute__((vector_size(32), aligned(4), may_alias));  // NOLINT: no alias template with attributes
inline constexpr std::int64_t kLane = 8;

inline Lane load(const float* from) { return *reinterpret_cast<const Lane*>(from); }
inline void store(float* to, Lane value) { *reinterpret_cast<Lane*>(to) = value; }

}  // namespace bramble
