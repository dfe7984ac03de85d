#include "bramble/core/fast_deflate.hpp"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <memory>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

// The peer: libdeflate reads what we wrote, and its checksum agrees.
std::vector<std::uint8_t> inflate(const std::vector<std::uint8_t>& packed, std::size_t size) {
  std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> peer(libdeflate_alloc_decompressor(),
                                                                                    libdeflate_free_decompressor);
  std::vector<std::uint8_t> out(size + 1);
  std::size_t got = 0;
  EXPECT_EQ(libdeflate_zlib_decompress(peer.get(), packed.data(), packed.size(), out.data(), out.size(), &got),
            LIBDEFLATE_SUCCESS);
  out.resize(got);
  return out;
}

TEST(FastDeflate, ComesBackWhateverTheBytes) {
  Random random(4);
  for (int kind = 0; kind < 6; ++kind)
    for (const std::size_t size : {0, 1, 2, 7, 8, 9, 257, 258, 259, 266, 267, 515, 1000, 70'000}) {
      std::vector<std::uint8_t> bytes(size);
      for (std::size_t i = 0; i < size; ++i) {
        switch (kind) {
          case 0:
            break;  // one run
          case 1:
            bytes[i] = static_cast<std::uint8_t>(random.below(256));
            break;  // noise
          case 2:
            bytes[i] = static_cast<std::uint8_t>(i / 37);
            break;  // runs of 37
          case 3:
            bytes[i] = static_cast<std::uint8_t>(random.normal(0, 3));
            break;  // residuals
          case 4:
            bytes[i] = static_cast<std::uint8_t>(random.below(2) ? 0 : i % 300 / 299);
            break;
          default: {  // Fibonacci's frequencies: codes longer than 15 bits without the limit
            int symbol = 0;
            while (symbol < 40 && random.below(1000) < 618) ++symbol;
            bytes[i] = static_cast<std::uint8_t>(symbol);
          }
        }
      }
      EXPECT_EQ(inflate(deflate_fast(bytes), size), bytes) << "kind " << kind << ", " << size << " bytes";
    }
}

TEST(FastDeflate, RunsOfEveryLength) {
  for (std::size_t length = 1; length < 530; ++length) {
    std::vector<std::uint8_t> bytes{1, 2, 3};
    bytes.insert(bytes.end(), length, 9);
    bytes.push_back(4);
    ASSERT_EQ(inflate(deflate_fast(bytes), bytes.size()), bytes) << length;
  }
}

}  // namespace
}  // namespace bramble
