#include "bramble/bag/lz4.hpp"

#include <lz4frame.h>

#include <algorithm>
#include <memory>

#include "bramble/core/error.hpp"

namespace bramble {

std::vector<std::uint8_t> unpack_lz4(std::span<const std::uint8_t> packed, std::uint64_t size, bool* whole) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) fail("lz4 cannot be started");
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> owner(context, LZ4F_freeDecompressionContext);
  std::vector<std::uint8_t> out;
  std::size_t read = 0, filled = 0;
  try {
    for (;;) {
      if (filled == out.size())
        out.resize(std::min<std::uint64_t>(size + 1, std::max<std::size_t>(1 << 16, 2 * filled)));
      std::size_t room = out.size() - filled, taken = packed.size() - read;
      const std::size_t left =
          LZ4F_decompress(context, out.data() + filled, &room, packed.data() + read, &taken, nullptr);
      if (LZ4F_isError(left)) fail("a chunk is damaged: {}", LZ4F_getErrorName(left));
      filled += room;
      read += taken;
      if (left == 0) break;
      if (filled > size) fail("a chunk holds more than the {} bytes it claims", size);
      if (room == 0 && taken == 0) fail("a chunk is cut");
    }
  } catch (const Error&) {
    if (!whole) throw;
    *whole = false;
  }
  out.resize(std::min<std::size_t>(filled, size));
  return out;
}

std::vector<std::uint8_t> pack_lz4(std::span<const std::uint8_t> bytes) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.contentSize = bytes.size();
  std::vector<std::uint8_t> out(LZ4F_compressFrameBound(bytes.size(), &preferences));
  const std::size_t size = LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences);
  if (LZ4F_isError(size)) fail("lz4 failed: {}", LZ4F_getErrorName(size));
  out.resize(size);
  return out;
}

}  // namespace bramble
