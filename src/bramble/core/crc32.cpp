#include "bramble/core/crc32.hpp"

#include <libdeflate.h>

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bramble {
namespace {

using Crc = std::uint32_t (*)(std::uint32_t, const std::uint8_t*, std::size_t);

std::uint32_t plain(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size) {
  return libdeflate_crc32(crc, bytes, size);
}

#if defined(__x86_64__)
// Folding as in Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009):
// a block of 128 bits at a distance of n bits before another adds to it as two products with constants.

// x^n modulo the polynomial, its bits reflected, one place up: what a carry-less product of reflected numbers needs.
constexpr std::uint64_t power(int n) {
  std::uint32_t remainder = 0x80000000U;  // reflected: x^0
  for (int i = 0; i < n; ++i) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xEDB88320U : 0);
  return std::uint64_t{remainder} << 1;
}
static_assert(power(4 * 128 + 32) == 0x154442bd4 && power(4 * 128 - 32) == 0x1c6e41596);  // the paper's

constexpr std::size_t kLanes = 8, kLane = 32, kBlock = kLanes * kLane;  // bytes

// What a block is multiplied by to be folded into one so many bytes behind it.
template <std::size_t kBytes>
__attribute__((target("avx2"))) inline __m256i constants() {
  constexpr int kBits = 8 * static_cast<int>(kBytes);
  constexpr auto kNear = static_cast<long long>(power(kBits - 32)), kFar = static_cast<long long>(power(kBits + 32));
  return _mm256_set_epi64x(kNear, kFar, kNear, kFar);
}

__attribute__((target("avx2,pclmul,vpclmulqdq"))) inline __m256i fold(__m256i block, __m256i constants, __m256i next) {
  const __m256i low = _mm256_clmulepi64_epi128(block, constants, 0x00);
  const __m256i high = _mm256_clmulepi64_epi128(block, constants, 0x11);
  return _mm256_xor_si256(_mm256_xor_si256(low, high), next);
}

__attribute__((target("avx2,pclmul,vpclmulqdq"))) std::uint32_t folded(std::uint32_t crc, const std::uint8_t* bytes,
                                                                       std::size_t size) {
  if (size < 2 * kBlock) return plain(crc, bytes, size);
  const auto load = [](const std::uint8_t* at) __attribute__((target("avx2,pclmul,vpclmulqdq"))) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  };
  // 1. Eight lanes side by side, so that products need not wait for each other.
  __m256i lanes[kLanes];  // (a std::array would drop the type's alignment attribute, and GCC says so)
  for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = load(bytes + i * kLane);
  lanes[0] = _mm256_xor_si256(lanes[0], _mm256_set_epi32(0, 0, 0, 0, 0, 0, 0, static_cast<int>(~crc)));
  const __m256i block = constants<kBlock>();
  std::size_t at = kBlock;
  for (; at + kBlock <= size; at += kBlock)
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = fold(lanes[i], block, load(bytes + at + i * kLane));
  // 2. Into one, and its first half into its second.
  const __m256i lane = constants<kLane>();
  __m256i sum = lanes[0];
  for (std::size_t i = 1; i < kLanes; ++i) sum = fold(sum, lane, lanes[i]);
  const __m256i half = constants<kLane / 2>();
  alignas(32) std::array<std::uint8_t, kLane> rest;
  _mm256_store_si256(reinterpret_cast<__m256i*>(rest.data()),
                     fold(sum, half, _mm256_permute2x128_si256(sum, sum, 0x81)));
  // 3. Those sixteen bytes have the checksum of all before them; a register of 0 comes in, as ~0 goes through inverted.
  crc = plain(~0U, rest.data(), kLane / 2);
  return at < size ? plain(crc, bytes + at, size - at) : crc;
}

Crc chosen() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("pclmul")
             ? folded
             : plain;
}
#else
Crc chosen() { return plain; }
#endif

}  // namespace

std::uint32_t crc32(std::uint32_t crc, std::span<const std::uint8_t> bytes) {
  static const Crc kCrc = chosen();
  return bytes.empty() ? crc : kCrc(crc, bytes.data(), bytes.size());  // libdeflate's begins anew at a null pointer
}

}  // namespace bramble
