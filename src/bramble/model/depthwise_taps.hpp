#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "bramble/model/depthwise_conv.hpp"

namespace bramble {

// Which rows and columns of a picture the results of a depthwise convolution take, and which results a pixel's slope
// comes from: the tables that depthwise_loops.cpp walks along.

/// A tap that counts for one row: which row it takes, and which row of the kernel.
struct RowTap {
  std::int64_t from, kernel;
};
/// Of every row of the result (or, transposed, of every row of the input).
using RowTaps = std::vector<std::vector<RowTap>>;

RowTaps forward_rows(std::int64_t out, std::int64_t in, std::int64_t kernel, const DepthwiseGeometry& geometry);
/// The same seen from the `in` rows of the input: which rows of the result a slope comes from.
RowTaps transposed(const RowTaps& taps, std::int64_t in);
/// The first row that rows [begin, end) take, and the last one plus one.
std::pair<std::int64_t, std::int64_t> sources_of(const RowTaps& rows, std::int64_t begin, std::int64_t end);

/// Within a row, results first, first + step, … take the same taps: result number j of `count` takes tap t from column
/// j · source_step + offset[t]. Taps that only ever meet zeros are left out.
struct ColumnPhase {
  static constexpr int kMaxKernel = 5;
  std::int64_t first, step, count, source_step;
  int taps = 0;
  std::array<std::int64_t, kMaxKernel> kernel{}, offset{};
};
struct Columns {
  std::vector<ColumnPhase> phases;
  std::int64_t before = 0, behind = 0;  ///< zeros around a row of sources, so that no tap needs to ask
};
/// One phase.
Columns forward_columns(std::int64_t out, std::int64_t in, std::int64_t kernel, const DepthwiseGeometry& geometry);
/// For the slopes of the input: as many phases as the stride.
Columns backward_columns(std::int64_t out, std::int64_t in, std::int64_t kernel, const DepthwiseGeometry& geometry);

}  // namespace bramble
