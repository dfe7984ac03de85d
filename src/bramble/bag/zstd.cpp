#include "bramble/bag/zstd.hpp"

#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "bramble/core/error.hpp"

namespace bramble {

namespace {

constexpr std::size_t kLargestMessage = 1'000'000'000;  // SQLite's default limit of a blob

constexpr int kLevel = 1;  // of compression: rosbag2's

using Stream = std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)>;

}  // namespace

bool is_zstd(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 4 && bytes[0] == 0x28 && bytes[1] == 0xB5 && bytes[2] == 0x2F && bytes[3] == 0xFD;
}

std::vector<std::uint8_t> pack_zstd(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> packed(ZSTD_compressBound(bytes.size()));
  const std::size_t size = ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), kLevel);
  if (ZSTD_isError(size)) fail("a message could not be compressed: {}", ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

void pack_zstd_file(const std::filesystem::path& file, const std::filesystem::path& target) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail("cannot read {}", file.string());
  // Under another name until it is whole: a name that ends in .zstd promises that.
  const std::filesystem::path draft = target.string() + ".partial";
  std::ofstream out(draft, std::ios::binary | std::ios::trunc);
  if (!out) fail("cannot create {}", draft.string());
  const auto give_up = [&](const std::string& why) {
    out.close();
    std::filesystem::remove(draft);
    fail("cannot compress {}: {}", file.string(), why);
  };
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::vector<char> in_bytes(ZSTD_CStreamInSize()), out_bytes(ZSTD_CStreamOutSize());
  bool last = false;
  while (!last) {
    in.read(in_bytes.data(), static_cast<std::streamsize>(in_bytes.size()));
    last = !in;
    ZSTD_inBuffer input{in_bytes.data(), static_cast<std::size_t>(in.gcount()), 0};
    std::size_t left = 1;
    while (last ? left != 0 : input.pos < input.size) {
      ZSTD_outBuffer output{out_bytes.data(), out_bytes.size(), 0};
      left = ZSTD_compressStream2(context.get(), &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left)) give_up(ZSTD_getErrorName(left));
      out.write(out_bytes.data(), static_cast<std::streamsize>(output.pos));
    }
  }
  out.close();
  if (!out) give_up("no space left for it at " + draft.string());
  std::filesystem::rename(draft, target);
}

std::vector<std::uint8_t> unpack_zstd(std::span<const std::uint8_t> packed) {
  const Stream stream(ZSTD_createDStream(), ZSTD_freeDStream);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  // A frame may claim any size: believe it only up to 16 MiB, then grow with what comes.
  const auto claimed = ZSTD_getFrameContentSize(packed.data(), packed.size());
  const bool known = claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed != ZSTD_CONTENTSIZE_ERROR;
  std::vector<std::uint8_t> out(std::clamp<std::size_t>(known ? claimed : 0, 1, 16 << 20));
  std::size_t filled = 0;
  for (;;) {
    ZSTD_outBuffer part{out.data() + filled, out.size() - filled, 0};
    const std::size_t left = ZSTD_decompressStream(stream.get(), &part, &in);
    if (ZSTD_isError(left)) fail("a compressed message is damaged: {}", ZSTD_getErrorName(left));
    filled += part.pos;
    if (left == 0) break;
    if (part.pos < part.size && in.pos == in.size) fail("a compressed message is cut");
    if (filled == out.size()) {
      if (filled >= kLargestMessage) fail("a compressed message holds more than {} bytes", kLargestMessage);
      out.resize(std::min(kLargestMessage, 2 * out.size()));
    }
  }
  out.resize(filled);
  return out;
}

void unpack_zstd_file(const std::filesystem::path& packed, const std::filesystem::path& target) {
  std::ifstream in(packed, std::ios::binary);
  if (!in) fail("cannot read {}", packed.string());
  std::ofstream out(target, std::ios::binary | std::ios::trunc);
  if (!out) fail("cannot create {}", target.string());
  const Stream stream(ZSTD_createDStream(), ZSTD_freeDStream);
  std::vector<char> in_bytes(ZSTD_DStreamInSize()), out_bytes(ZSTD_DStreamOutSize());
  std::size_t left = 1;  // 0 at the end of a frame
  const auto give_up = [&](const std::string& why) {
    out.close();
    std::filesystem::remove(target);
    fail("cannot unpack {}: {}", packed.string(), why);
  };
  while (in) {
    in.read(in_bytes.data(), static_cast<std::streamsize>(in_bytes.size()));
    ZSTD_inBuffer input{in_bytes.data(), static_cast<std::size_t>(in.gcount()), 0};
    while (input.pos < input.size) {
      ZSTD_outBuffer output{out_bytes.data(), out_bytes.size(), 0};
      left = ZSTD_decompressStream(stream.get(), &output, &input);
      if (ZSTD_isError(left)) give_up(ZSTD_getErrorName(left));
      out.write(out_bytes.data(), static_cast<std::streamsize>(output.pos));
    }
  }
  if (left != 0) give_up("the file is cut");
  if (!out.flush()) give_up("no space left for it at " + target.string());
}

}  // namespace bramble
