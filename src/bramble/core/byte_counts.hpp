#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace bramble {

/// How often each value occurs. Made for pictures of class ids: neighbours are mostly the same.
std::array<std::uint64_t, 256> count_bytes(std::span<const std::uint8_t> bytes);

}  // namespace bramble
