#include "bramble/infer/label_upsample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {

namespace {

/// Where along one axis an output pixel samples its input: value = (1 - weight) * in[low] + weight * in[high].
struct Tap {
  int low;
  int high;
  float weight;
};

std::vector<Tap> taps_along(int input, int output) {
  std::vector<Tap> taps(static_cast<std::size_t>(output));
  const float scale = static_cast<float>(input) / static_cast<float>(output);
  for (int i = 0; i < output; ++i) {
    const float source = std::max((static_cast<float>(i) + 0.5F) * scale - 0.5F, 0.0F);
    const int low = std::min(static_cast<int>(source), input - 1);
    taps[i] = {low, std::min(low + 1, input - 1), source - static_cast<float>(low)};
  }
  return taps;
}

/// One row of logits of all classes, interpolated along the row: out [class_count, width].
void widen_row(const float* logits, int class_count, std::size_t plane, int row, int columns,
               const std::vector<Tap>& across, float* out) {
  const auto width = across.size();
  for (int k = 0; k < class_count; ++k) {
    const float* in = logits + k * plane + static_cast<std::size_t>(row) * columns;
    float* wide = out + k * width;
    for (std::size_t u = 0; u < width; ++u) {
      const Tap& tap = across[u];
      wide[u] = in[tap.low] + tap.weight * (in[tap.high] - in[tap.low]);
    }
  }
}

}  // namespace

ImageU8 argmax_upsampled(std::span<const float> logits, int class_count, int rows, int columns, int width, int height) {
  if (class_count < 1 || class_count > 255 || rows < 1 || columns < 1 || width < 1 || height < 1 ||
      logits.size() != static_cast<std::size_t>(class_count) * rows * columns)
    fail("argmax_upsampled: {} logits cannot be {} classes of {}x{} for a picture of {}x{}", logits.size(), class_count,
         columns, rows, width, height);
  const std::vector<Tap> across = taps_along(columns, width);
  const std::vector<Tap> down = taps_along(rows, height);
  const std::size_t plane = static_cast<std::size_t>(rows) * columns;
  const std::size_t wide_size = static_cast<std::size_t>(class_count) * width;
  ImageU8 labels(width, height, 1);

  // Bands of output rows: few enough that widening a row twice at a band's edge does not count.
  constexpr int kBandRows = 32;
  const std::size_t bands = (static_cast<std::size_t>(height) + kBandRows - 1) / kBandRows;
  parallel_for(bands, [&](std::size_t band) {
    std::vector<float> low_wide(wide_size);
    std::vector<float> high_wide(wide_size);
    int low_row = -1;
    int high_row = -1;
    // Pixels of a row in pieces that stay in the first-level cache while the classes go by.
    constexpr int kPiece = 256;
    std::array<float, kPiece> best{};
    std::array<std::int32_t, kPiece> winner{};
    const int begin = static_cast<int>(band) * kBandRows;
    const int end = std::min(begin + kBandRows, height);
    for (int v = begin; v < end; ++v) {
      const Tap& tap = down[v];
      if (tap.low != low_row) {
        if (tap.low == high_row) {
          std::swap(low_wide, high_wide);
          std::swap(low_row, high_row);
        } else {
          widen_row(logits.data(), class_count, plane, tap.low, columns, across, low_wide.data());
          low_row = tap.low;
        }
      }
      if (tap.high != high_row) {
        widen_row(logits.data(), class_count, plane, tap.high, columns, across, high_wide.data());
        high_row = tap.high;
      }
      for (int piece = 0; piece < width; piece += kPiece) {
        const int count = std::min(kPiece, width - piece);
        for (int k = 0; k < class_count; ++k) {
          const float* low = low_wide.data() + static_cast<std::size_t>(k) * width + piece;
          const float* high = high_wide.data() + static_cast<std::size_t>(k) * width + piece;
          const float weight = tap.weight;
          if (k == 0) {
            for (int u = 0; u < count; ++u) best[u] = low[u] + weight * (high[u] - low[u]);
            std::fill_n(winner.begin(), count, 0);
          } else {
            for (int u = 0; u < count; ++u) {
              const float value = low[u] + weight * (high[u] - low[u]);
              const bool better = value > best[u];
              winner[u] = better ? k : winner[u];
              best[u] = better ? value : best[u];
            }
          }
        }
        std::uint8_t* out = labels.row(v) + piece;
        for (int u = 0; u < count; ++u) out[u] = static_cast<std::uint8_t>(winner[u]);
      }
    }
  });
  return labels;
}

}  // namespace bramble
