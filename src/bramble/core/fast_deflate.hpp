#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace bramble {

/// A zlib stream (RFC 1950) of one deflate block (RFC 1951) with Huffman codes made for these bytes; the only
/// repetitions that it looks for are runs of one byte. On the filtered rows of photographs, where other repetitions are
/// rare, it comes as small as the fastest level of zlib at several times its speed; on text it is poor.
std::vector<std::uint8_t> deflate_fast(std::span<const std::uint8_t> bytes);

}  // namespace bramble
