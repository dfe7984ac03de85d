#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bramble {

/// SHA-256 (FIPS 180-4), fed piece by piece. For type hashes and for listings that two programs compare; not for
/// secrets.
class Sha256 {
 public:
  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);
  /// 64 hexadecimal digits, lower case. Ends the computation.
  std::string hex_digest();

 private:
  void block(const std::uint8_t* bytes);
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> rest_{};  // bytes of a block that is not full yet
  std::size_t rest_size_ = 0;
  std::uint64_t total_ = 0;
};

/// Digest of one piece.
std::string sha256_hex(std::span<const std::uint8_t> bytes);
std::string sha256_hex(std::string_view text);

}  // namespace bramble
