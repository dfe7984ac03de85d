#include "bramble/core/fast_deflate.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <numeric>
#include <tuple>

namespace bramble {
namespace {

constexpr int kSymbols = 286;  // 256 literals, end of block, 29 lengths of runs
constexpr int kEnd = 256;
constexpr int kLongestCode = 13;  // (15 are allowed) two codes and their length fit into 32 bits, four into one write
constexpr std::size_t kShortestRun = 3, kLongestRun = 258;
constexpr std::size_t kSampledFrom = 65536;  // bytes from which on not every block is counted

struct Code {
  std::uint32_t bits = 0;  // in the order in which they are written, lowest first
  std::uint32_t length = 0;
};
using Codes = std::vector<Code>;

// Deflate's symbols for lengths of runs (RFC 1951, 3.2.5): code, and extra bits below it.
struct LengthSymbol {
  std::uint16_t symbol = 0;
  std::uint16_t extra = 0;
  std::uint8_t extra_bits = 0;
};
const std::array<LengthSymbol, kLongestRun + 1>& length_symbols() {
  static const auto table = [] {
    std::array<LengthSymbol, kLongestRun + 1> out{};
    int length = 3;
    for (int symbol = 257; symbol < 285; ++symbol) {
      const int extra_bits = symbol < 265 ? 0 : (symbol - 261) / 4;
      for (int extra = 0; extra < 1 << extra_bits && length < 258; ++extra, ++length)
        out[static_cast<std::size_t>(length)] = {static_cast<std::uint16_t>(symbol), static_cast<std::uint16_t>(extra),
                                                 static_cast<std::uint8_t>(extra_bits)};
    }
    out[258] = {285, 0, 0};
    return out;
  }();
  return table;
}

// Bytes are looked at in blocks: one whose bytes all equal the one before them begins a run, others are literals. A
// run's first bytes are then often literals; their code is the shortest in the picture.
constexpr std::size_t kBlock = 16;

std::uint64_t eight(const std::uint8_t* p) {
  std::uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}
bool is_run(const std::uint8_t* p) { return ((eight(p) ^ eight(p - 1)) | (eight(p + 8) ^ eight(p + 7))) == 0; }
static_assert(kBlock == 16 && std::endian::native == std::endian::little);

// Calls block(pointer to kBlock bytes), literal(byte) and run(length): bytes that equal the one before them.
template <typename Block, typename Literal, typename Run>
void scan(std::span<const std::uint8_t> bytes, const Block& block, const Literal& literal, const Run& run) {
  const std::uint8_t* p = bytes.data();
  const std::size_t count = bytes.size();
  std::size_t i = 0;
  if (count > 0) literal(p[i++]);
  while (i + kBlock <= count) {
    if (!is_run(p + i)) {
      block(p + i);
      i += kBlock;
      continue;
    }
    std::size_t end = i + kBlock;
    while (end + kBlock <= count && is_run(p + end)) end += kBlock;
    if (end + 8 <= count) {
      const std::uint64_t differs = eight(p + end) ^ eight(p + end - 1);
      end += differs == 0 ? 8 : static_cast<std::size_t>(std::countr_zero(differs)) / 8;
    }
    for (; end - i >= kShortestRun; i += std::min(end - i, kLongestRun)) run(std::min(end - i, kLongestRun));
    for (; i < end; ++i) literal(p[i]);
  }
  for (; i < count; ++i) literal(p[i]);
}

// Lengths of the Huffman codes of symbols that occur so often, at most `longest`. A symbol alone has length 1.
std::vector<int> code_lengths(const std::vector<std::uint64_t>& counts, int longest) {
  struct Leaf {
    std::uint64_t count;
    int symbol;
    bool operator<(const Leaf& other) const { return std::tie(count, symbol) < std::tie(other.count, other.symbol); }
  };
  std::vector<Leaf> leaves;
  for (std::size_t s = 0; s < counts.size(); ++s)
    if (counts[s] > 0) leaves.push_back({counts[s], static_cast<int>(s)});
  std::vector<int> lengths(counts.size(), 0);
  if (leaves.size() == 1) lengths[static_cast<std::size_t>(leaves[0].symbol)] = 1;
  if (leaves.size() < 2) return lengths;
  // Of both queues, leaves and inner nodes, the first is the rarest: inner nodes are made in order of their counts.
  const std::size_t inner = leaves.size() - 1;
  std::vector<std::uint64_t> inner_count(inner);
  std::vector<std::size_t> leaf_parent(leaves.size()), inner_parent(inner);
  std::vector<int> depth(inner);
  std::sort(leaves.begin(), leaves.end());
  std::uint64_t least = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) >> longest;
  for (;;) {
    std::size_t next_leaf = 0, next_inner = 0;
    for (std::size_t made = 0; made < inner; ++made) {
      inner_count[made] = 0;
      for (int child = 0; child < 2; ++child) {
        const bool leaf =
            next_inner == made || (next_leaf < leaves.size() && leaves[next_leaf].count <= inner_count[next_inner]);
        if (leaf) {
          inner_count[made] += leaves[next_leaf].count;
          leaf_parent[next_leaf++] = made;
        } else {
          inner_count[made] += inner_count[next_inner];
          inner_parent[next_inner++] = made;
        }
      }
    }
    depth[inner - 1] = 0;  // the root
    for (std::size_t i = inner - 1; i > 0; --i) depth[i - 1] = depth[inner_parent[i - 1]] + 1;
    int deepest = 0;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const int length = depth[leaf_parent[i]] + 1;
      lengths[static_cast<std::size_t>(leaves[i].symbol)] = length;
      deepest = std::max(deepest, length);
    }
    if (deepest <= longest) return lengths;
    // Flatter, until the tree is low enough; the order stays.
    for (Leaf& leaf : leaves) leaf.count = std::max(leaf.count, least);
    least = 2 * least + 1;
  }
}

// Canonical codes of given lengths (RFC 1951, 3.2.2), bits reversed for writing.
Codes codes_of(const std::vector<int>& lengths) {
  std::array<int, kLongestCode + 2> of_length{};
  for (const int length : lengths) ++of_length[static_cast<std::size_t>(length)];
  of_length[0] = 0;
  std::array<std::uint32_t, kLongestCode + 2> next{};
  std::uint32_t code = 0;
  for (std::size_t length = 1; length <= kLongestCode; ++length)
    next[length] = code = (code + static_cast<std::uint32_t>(of_length[length - 1])) << 1;
  Codes codes(lengths.size());
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    if (lengths[s] == 0) continue;
    std::uint32_t bits = next[static_cast<std::size_t>(lengths[s])]++, reversed = 0;
    for (int i = 0; i < lengths[s]; ++i, bits >>= 1) reversed = reversed << 1 | (bits & 1);
    codes[s] = {reversed, static_cast<std::uint32_t>(lengths[s])};
  }
  return codes;
}

// Bits, lowest first. The buffer behind `out` must hold 8 bytes more than what is written.
class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* out) : begin_(out), out_(out) {}
  void put(std::uint64_t bits, std::uint64_t count) {  // at most 56
    buffer_ |= bits << filled_;
    filled_ += count;
    std::memcpy(out_, &buffer_, 8);  // whole bytes of it are done, what is behind them is written again
    out_ += filled_ >> 3;
    buffer_ >>= filled_ & 56;
    filled_ &= 7;
  }
  std::size_t finish() {
    std::memcpy(out_, &buffer_, 8);
    return static_cast<std::size_t>(out_ - begin_) + (filled_ + 7) / 8;
  }

 private:
  std::uint8_t* begin_;
  std::uint8_t* out_;
  std::uint64_t buffer_ = 0;
  std::uint64_t filled_ = 0;  // less than 8 between two calls
};

// The codes of two bytes after each other, by the bytes as a number whose lower half comes first: 26 bits, and below
// them six with their number (a processor shifts by just those six of a register).
constexpr int kPairShift = 6;
constexpr std::uint32_t kPairLength = (1U << kPairShift) - 1;
static_assert(2 * kLongestCode + kPairShift <= 32 && 4 * kLongestCode <= 56);
using Pairs = std::array<std::uint32_t, 65536>;
void fill(Pairs& pairs, const Codes& codes) {
  std::array<std::uint32_t, 256> bits{}, lengths{};
  for (std::size_t s = 0; s < 256; ++s) {
    bits[s] = codes[s].bits;
    lengths[s] = codes[s].length;
  }
  for (std::size_t second = 0; second < 256; ++second) {
    std::uint32_t* const row = pairs.data() + 256 * second;
    const std::uint32_t second_bits = bits[second], second_length = lengths[second];
    for (std::size_t first = 0; first < 256; ++first)
      row[first] = (bits[first] | second_bits << lengths[first]) << kPairShift | (lengths[first] + second_length);
  }
}

}  // namespace

std::vector<std::uint8_t> deflate_fast(std::span<const std::uint8_t> bytes) {
  // 1. What occurs how often: of large pictures every fourth block tells it well enough. Several tables: neighbouring
  // bytes are often the same.
  const auto& of_length = length_symbols();
  const std::size_t sampled = bytes.size() < kSampledFrom ? 1 : 4;
  std::array<std::array<std::uint32_t, 256>, 4> literal_counts{};
  std::vector<std::uint64_t> counts(kSymbols, 0);
  std::size_t blocks = 0, literals = 0, runs = 0;
  scan(
      bytes,
      [&](const std::uint8_t* block) {
        if (blocks++ % sampled == 0)
          for (std::size_t k = 0; k < kBlock; ++k) ++literal_counts[k % 4][block[k]];
      },
      [&](std::uint8_t byte) {
        ++literals;
        ++counts[byte];
      },
      [&](std::size_t run) {
        ++runs;
        ++counts[of_length[run].symbol];
      });
  for (const auto& table : literal_counts)
    for (std::size_t s = 0; s < 256; ++s) counts[s] += sampled * table[s];
  if (sampled > 1)
    for (std::size_t s = 0; s < 256; ++s) ++counts[s];  // each has a code, seen or not
  counts[kEnd] = 1;
  const auto lengths = code_lengths(counts, kLongestCode);
  const Codes codes = codes_of(lengths);

  // 2. How large it gets at the most, so that writing needs no checks. Pages that are not written cost nothing.
  const std::size_t most_bits = kLongestCode * (kBlock * blocks + literals + 1) + (kLongestCode + 6) * runs;
  const std::size_t most = 2 + 400 + most_bits / 8 + 16 + 4;
  const auto out = std::make_unique_for_overwrite<std::uint8_t[]>(most);
  out[0] = 0x78;
  out[1] = 0x01;
  BitWriter writer(out.get() + 2);

  // 3. The block's header: final, dynamic; 286 symbols, one distance, 19 lengths of code lengths.
  std::vector<int> all = lengths;
  all.push_back(1);  // distance 1, the only one
  std::vector<std::uint64_t> length_counts(19, 0);
  for (const int length : all) ++length_counts[static_cast<std::size_t>(length)];
  const auto meta_lengths = code_lengths(length_counts, 7);
  const Codes meta = codes_of(meta_lengths);
  writer.put(1 | 2 << 1, 3);
  writer.put(kSymbols - 257, 5);
  writer.put(0, 5);
  writer.put(19 - 4, 4);
  for (const std::size_t s : {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15})
    writer.put(static_cast<std::uint64_t>(meta_lengths[s]), 3);
  for (const int length : all)
    writer.put(meta[static_cast<std::size_t>(length)].bits, meta[static_cast<std::size_t>(length)].length);

  // 4. The bytes. A run is its length and the distance code, one bit that is 0.
  const auto pairs = std::make_unique_for_overwrite<Pairs>();
  if (blocks > 0) fill(*pairs, codes);
  scan(
      bytes,
      [&](const std::uint8_t* block) {
        for (std::size_t k = 0; k < kBlock; k += 4) {
          const std::uint32_t first = (*pairs)[block[k] | std::size_t{block[k + 1]} << 8];
          const std::uint32_t second = (*pairs)[block[k + 2] | std::size_t{block[k + 3]} << 8];
          writer.put(std::uint64_t{second >> kPairShift} << (first & kPairLength) | first >> kPairShift,
                     (first + second) & kPairLength);
        }
      },
      [&](std::uint8_t byte) { writer.put(codes[byte].bits, codes[byte].length); },
      [&](std::size_t run) {
        const LengthSymbol& symbol = of_length[run];
        writer.put(codes[symbol.symbol].bits, codes[symbol.symbol].length);
        writer.put(symbol.extra, symbol.extra_bits + 1);
      });
  writer.put(codes[kEnd].bits, codes[kEnd].length);
  std::size_t size = 2 + writer.finish();
  const std::uint32_t adler = libdeflate_adler32(1, bytes.data(), bytes.size());
  for (int shift = 24; shift >= 0; shift -= 8) out[size++] = static_cast<std::uint8_t>(adler >> shift);
  return {out.get(), out.get() + size};
}

}  // namespace bramble
