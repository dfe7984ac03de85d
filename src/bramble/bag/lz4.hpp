#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace bramble {

/// One LZ4 frame unpacked (lz4 frame format 1.6). Memory follows what is really unpacked. Throws Error when it is
/// damaged or cut, or holds more than `size` bytes; `whole` if given: set to false instead, and what was unpacked
/// before is returned.
std::vector<std::uint8_t> unpack_lz4(std::span<const std::uint8_t> packed, std::uint64_t size, bool* whole = nullptr);
/// One LZ4 frame, fastest level, that says how much it holds.
std::vector<std::uint8_t> pack_lz4(std::span<const std::uint8_t> bytes);

}  // namespace bramble
