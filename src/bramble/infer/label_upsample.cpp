#include "bramble/infer/label_upsample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "bramble/core/bilinear.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/fast_exp.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {

namespace {

/// One row of logits of all classes, interpolated along the row: out [class_count, width].
void widen_row(const float* logits, int class_count, std::size_t plane, int row, int columns,
               const std::vector<BilinearTap>& across, float* out) {
  const auto width = across.size();
  for (int k = 0; k < class_count; ++k) {
    const float* in = logits + k * plane + static_cast<std::size_t>(row) * columns;
    float* wide = out + k * width;
    for (std::size_t u = 0; u < width; ++u) {
      const BilinearTap& tap = across[u];
      wide[u] = in[tap.low] + tap.weight * (in[tap.high] - in[tap.low]);
    }
  }
}

// Pixels of a row in pieces that stay in the first-level cache while the classes go by.
constexpr int kPiece = 256;
using Piece = std::array<float, kPiece>;

/// Softmax over the classes of a piece of a row: values [class_count, kPiece] (the logits), best: the largest of each
/// pixel. Writes bytes of confidence (may be null) and of the classes wanted.
void soften_piece(std::vector<float>& values, const Piece& best, int class_count, int count, std::uint8_t* confidence,
                  const std::vector<ClassId>& classes, std::span<std::uint8_t* const> probability) {
  Piece sum{};
  for (int k = 0; k < class_count; ++k) {
    float* value = values.data() + static_cast<std::size_t>(k) * kPiece;
    for (int u = 0; u < count; ++u) {
      value[u] = exp_of_negative(value[u] - best[u]);
      sum[u] += value[u];
    }
  }
  for (int u = 0; u < count; ++u) sum[u] = 255.0F / sum[u];
  if (confidence)
    for (int u = 0; u < count; ++u) confidence[u] = static_cast<std::uint8_t>(sum[u] + 0.5F);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const float* value = values.data() + static_cast<std::size_t>(classes[i]) * kPiece;
    for (int u = 0; u < count; ++u) probability[i][u] = static_cast<std::uint8_t>(value[u] * sum[u] + 0.5F);
  }
}

}  // namespace

ClassMaps classify_upsampled(std::span<const float> logits, int class_count, int rows, int columns, int width,
                             int height, const ClassMapsWanted& wanted) {
  if (class_count < 1 || class_count > 255 || rows < 1 || columns < 1 || width < 1 || height < 1 ||
      logits.size() != static_cast<std::size_t>(class_count) * rows * columns)
    fail("classify_upsampled: {} logits cannot be {} classes of {}x{} for a picture of {}x{}", logits.size(),
         class_count, columns, rows, width, height);
  for (const ClassId id : wanted.probability_of)
    if (id >= class_count) fail("classify_upsampled: class {} of {} is wanted", id, class_count);
  const std::vector<BilinearTap> across = bilinear_taps(columns, width);
  const std::vector<BilinearTap> down = bilinear_taps(rows, height);
  const std::size_t plane = static_cast<std::size_t>(rows) * columns;
  const std::size_t wide_size = static_cast<std::size_t>(class_count) * width;
  ClassMaps maps{.labels = ImageU8(width, height, 1)};
  if (wanted.confidence) maps.confidence = ImageU8(width, height, 1);
  maps.probability.assign(wanted.probability_of.size(), ImageU8(width, height, 1));
  const bool soft = wanted.confidence || !wanted.probability_of.empty();

  // Bands of output rows: few enough that widening a row twice at a band's edge does not count.
  constexpr int kBandRows = 32;
  const std::size_t bands = (static_cast<std::size_t>(height) + kBandRows - 1) / kBandRows;
  parallel_for(bands, [&](std::size_t band) {
    std::vector<float> low_wide(wide_size);
    std::vector<float> high_wide(wide_size);
    int low_row = -1;
    int high_row = -1;
    Piece best{};
    std::array<std::int32_t, kPiece> winner{};
    std::vector<float> values(soft ? static_cast<std::size_t>(class_count) * kPiece : 0);
    std::vector<std::uint8_t*> probability(maps.probability.size());
    const int begin = static_cast<int>(band) * kBandRows;
    const int end = std::min(begin + kBandRows, height);
    for (int v = begin; v < end; ++v) {
      const BilinearTap& tap = down[v];
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
        const float weight = tap.weight;
        best.fill(-std::numeric_limits<float>::infinity());
        winner.fill(0);
        for (int k = 0; k < class_count; ++k) {
          const float* low = low_wide.data() + static_cast<std::size_t>(k) * width + piece;
          const float* high = high_wide.data() + static_cast<std::size_t>(k) * width + piece;
          for (int u = 0; u < count; ++u) {
            const float value = low[u] + weight * (high[u] - low[u]);
            const bool better = value > best[u];
            winner[u] = better ? k : winner[u];
            best[u] = better ? value : best[u];
          }
          if (soft) {
            float* value = values.data() + static_cast<std::size_t>(k) * kPiece;
            for (int u = 0; u < count; ++u) value[u] = low[u] + weight * (high[u] - low[u]);
          }
        }
        std::uint8_t* out = maps.labels.row(v) + piece;
        for (int u = 0; u < count; ++u) out[u] = static_cast<std::uint8_t>(winner[u]);
        if (soft) {
          for (std::size_t i = 0; i < probability.size(); ++i) probability[i] = maps.probability[i].row(v) + piece;
          soften_piece(values, best, class_count, count, wanted.confidence ? maps.confidence.row(v) + piece : nullptr,
                       wanted.probability_of, probability);
        }
      }
    }
  });
  return maps;
}

ImageU8 argmax_upsampled(std::span<const float> logits, int class_count, int rows, int columns, int width, int height) {
  return classify_upsampled(logits, class_count, rows, columns, width, height).labels;
}

}  // namespace bramble
