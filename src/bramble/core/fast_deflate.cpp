#include "bramble/core/fast_deflate.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

namespace bramble {
namespace {

constexpr int kSymbols = 286;  // 256 literals, end of block, 29 lengths of runs
constexpr int kEnd = 256;
constexpr int kLongestCode = 12;  // (15 are allowed) four codes fit into one write
constexpr std::size_t kLongestRun = 258;

struct Code {
  std::uint32_t bits = 0;  // in the order in which they are written, lowest first
  int length = 0;
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

// Calls four(pointer to four bytes), literal(byte) and run(length): bytes that equal the one before them, 8 at least.
template <typename Four, typename Literal, typename Run>
void scan(std::span<const std::uint8_t> bytes, const Four& four, const Literal& literal, const Run& run) {
  const std::uint8_t* p = bytes.data();
  const std::size_t count = bytes.size();
  std::size_t i = 0;
  if (count > 0) literal(p[i++]);
  while (i + 8 <= count) {
    // A run that begins at one of the next four bytes has these four pairs of neighbours in it.
    std::uint32_t fourth, fifth;
    std::memcpy(&fourth, p + i + 3, 4);
    std::memcpy(&fifth, p + i + 4, 4);
    if (fourth != fifth) {
      four(p + i);
      i += 4;
      continue;
    }
    std::uint64_t here, before;
    std::memcpy(&here, p + i, 8);
    std::memcpy(&before, p + i - 1, 8);
    if (here != before) {
      literal(p[i++]);
      continue;
    }
    std::size_t end = i + 8;
    const std::size_t most = std::min(count, i + kLongestRun);
    for (std::uint64_t next; end + 8 <= most; end += 8) {
      std::memcpy(&next, p + end, 8);
      if (next != here) break;
    }
    while (end < most && p[end] == p[i]) ++end;
    run(end - i);
    i = end;
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
  for (;;) {
    std::sort(leaves.begin(), leaves.end());
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
    for (Leaf& leaf : leaves) leaf.count = leaf.count / 2 + 1;  // flatter, until the tree is low enough
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
    codes[s] = {reversed, lengths[s]};
  }
  return codes;
}

// Bits, lowest first. The buffer behind `out` must hold 8 bytes more than what is written.
class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* out) : begin_(out), out_(out) {}
  void put(std::uint64_t bits, int count) {  // at most 56
    buffer_ |= bits << filled_;
    filled_ += count;
    std::memcpy(out_, &buffer_, 8);  // whole bytes of it are done, what is behind them is written again
    out_ += filled_ >> 3;
    buffer_ >>= filled_ & ~7;
    filled_ &= 7;
  }
  std::size_t finish() {
    std::memcpy(out_, &buffer_, 8);
    return static_cast<std::size_t>(out_ - begin_) + static_cast<std::size_t>((filled_ + 7) / 8);
  }

 private:
  std::uint8_t* begin_;
  std::uint8_t* out_;
  std::uint64_t buffer_ = 0;
  int filled_ = 0;  // less than 8 between two calls
};

}  // namespace

std::vector<std::uint8_t> deflate_fast(std::span<const std::uint8_t> bytes) {
  // 1. What occurs how often. Several tables: neighbouring bytes are often the same.
  const auto& of_length = length_symbols();
  std::array<std::array<std::uint32_t, 256>, 4> literal_counts{};
  std::vector<std::uint64_t> counts(kSymbols, 0);
  scan(
      bytes,
      [&](const std::uint8_t* four) {
        for (std::size_t k = 0; k < 4; ++k) ++literal_counts[k][four[k]];
      },
      [&](std::uint8_t byte) { ++literal_counts[0][byte]; }, [&](std::size_t run) { ++counts[of_length[run].symbol]; });
  for (const auto& table : literal_counts)
    for (std::size_t s = 0; s < 256; ++s) counts[s] += table[s];
  counts[kEnd] = 1;
  const auto lengths = code_lengths(counts, kLongestCode);
  const Codes codes = codes_of(lengths);

  // 2. How large it gets, so that writing needs no checks.
  std::uint64_t bits = 0;
  for (std::size_t s = 0; s < kSymbols; ++s)
    bits += counts[s] * static_cast<std::uint64_t>(lengths[s] + (s > kEnd ? 6 : 0));
  std::vector<std::uint8_t> out(2 + 400 + bits / 8 + 16 + 4);
  out[0] = 0x78;
  out[1] = 0x01;
  BitWriter writer(out.data() + 2);

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
  static_assert(4 * kLongestCode <= 56);
  scan(
      bytes,
      [&](const std::uint8_t* four) {
        std::uint64_t bits = 0;
        int length = 0;
        for (std::size_t k = 0; k < 4; ++k) {
          const Code code = codes[four[k]];
          bits |= std::uint64_t{code.bits} << length;
          length += code.length;
        }
        writer.put(bits, length);
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
  out.resize(size);
  return out;
}

}  // namespace bramble
