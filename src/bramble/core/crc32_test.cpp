#include "bramble/core/crc32.hpp"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <vector>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

TEST(Crc32, OfTheCatalogue) {
  // The check value of CRC-32/ISO-HDLC: https://reveng.sourceforge.io/crc-catalogue/17plus.htm
  const std::string_view digits = "123456789";
  EXPECT_EQ(crc32(0, {reinterpret_cast<const std::uint8_t*>(digits.data()), digits.size()}), 0xCBF43926U);
}

TEST(Crc32, IsLibdeflatesForEveryLengthPlaceAndBeginning) {
  Random random(3);
  std::vector<std::uint8_t> bytes(70'000);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next_u32());
  const auto expect_same = [&](std::size_t at, std::size_t size) {
    const std::uint32_t before = random.next_u32();
    EXPECT_EQ(crc32(before, {bytes.data() + at, size}), libdeflate_crc32(before, bytes.data() + at, size))
        << size << " bytes at " << at;
  };
  for (std::size_t size = 1; size < 1'400; ++size) expect_same(size % 67, size);
  for (int i = 0; i < 200; ++i) expect_same(random.next_u32() % 100, 1 + random.next_u32() % 69'000);
}

TEST(Crc32, GoesOnPieceByPiece) {
  std::vector<std::uint8_t> bytes(5'000, 7);
  std::uint32_t crc = 0;
  crc = crc32(crc, {});
  crc = crc32(crc, {bytes.data(), 1'234});
  crc = crc32(crc, {});
  crc = crc32(crc, {bytes.data() + 1'234, 5'000 - 1'234});
  EXPECT_EQ(crc, crc32(0, bytes));
}

}  // namespace
}  // namespace bramble
