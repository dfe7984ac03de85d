#pragma once
#include <cstdint>
#include <span>

namespace bramble {

/// CRC-32 as PNG, gzip and MCAP have it (IEEE 802.3; polynomial 0x04C11DB7, reflected, inverted before and after) of
/// bytes that follow those with the checksum `crc`; 0: there were none. About twice as fast as libdeflate's on
/// processors with carry-less products of 256 bits (VPCLMULQDQ), libdeflate's elsewhere.
std::uint32_t crc32(std::uint32_t crc, std::span<const std::uint8_t> bytes);

}  // namespace bramble
