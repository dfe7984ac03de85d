#include "bramble/model/depthwise_taps.hpp"

#include <algorithm>

namespace bramble {
namespace {

void add_tap(ColumnPhase& phase, std::int64_t kernel, std::int64_t at, std::int64_t sources) {
  const std::int64_t last = at + (phase.count - 1) * phase.source_step;
  bool meets = false;
  for (std::int64_t from = at; from <= last && !meets; from += phase.source_step) meets = from >= 0 && from < sources;
  if (!meets) return;
  phase.kernel[static_cast<std::size_t>(phase.taps)] = kernel;
  phase.offset[static_cast<std::size_t>(phase.taps++)] = at;
}

Columns padded(std::vector<ColumnPhase> phases, std::int64_t sources) {
  Columns columns{std::move(phases)};
  for (const ColumnPhase& phase : columns.phases)
    for (int t = 0; t < phase.taps; ++t) {
      const std::int64_t at = phase.offset[static_cast<std::size_t>(t)];
      columns.before = std::max(columns.before, -at);
      columns.behind = std::max(columns.behind, at + (phase.count - 1) * phase.source_step + 1 - sources);
    }
  return columns;
}

}  // namespace

RowTaps forward_rows(std::int64_t out, std::int64_t in, std::int64_t kernel, const DepthwiseGeometry& geometry) {
  RowTaps taps(static_cast<std::size_t>(out));
  for (std::int64_t y = 0; y < out; ++y)
    for (std::int64_t k = 0; k < kernel; ++k)
      if (const auto from = y * geometry.stride + k * geometry.dilation - geometry.padding_top; from >= 0 && from < in)
        taps[static_cast<std::size_t>(y)].push_back({from, k});
  return taps;
}

RowTaps transposed(const RowTaps& taps, std::int64_t in) {
  RowTaps back(static_cast<std::size_t>(in));
  for (std::size_t y = 0; y < taps.size(); ++y)
    for (const RowTap tap : taps[y])
      back[static_cast<std::size_t>(tap.from)].push_back({static_cast<std::int64_t>(y), tap.kernel});
  return back;
}

std::pair<std::int64_t, std::int64_t> sources_of(const RowTaps& rows, std::int64_t begin, std::int64_t end) {
  std::int64_t low = 0, high = 0;
  for (std::int64_t y = begin; y < end; ++y)
    for (const RowTap row : rows[static_cast<std::size_t>(y)]) {
      low = high == 0 ? row.from : std::min(low, row.from);
      high = std::max(high, row.from + 1);
    }
  return {low, high};
}

Columns forward_columns(std::int64_t out, std::int64_t in, std::int64_t kernel, const DepthwiseGeometry& geometry) {
  ColumnPhase phase{0, 1, out, geometry.stride};
  for (std::int64_t k = 0; k < kernel; ++k) add_tap(phase, k, k * geometry.dilation - geometry.padding_left, in);
  return padded({phase}, in);
}

Columns backward_columns(std::int64_t out, std::int64_t in, std::int64_t kernel, const DepthwiseGeometry& geometry) {
  std::vector<ColumnPhase> phases;
  for (std::int64_t first = 0; first < std::min(geometry.stride, in); ++first) {
    ColumnPhase phase{first, geometry.stride, (in - first + geometry.stride - 1) / geometry.stride, 1};
    for (std::int64_t k = 0; k < kernel; ++k)
      if (const auto at = first + geometry.padding_left - k * geometry.dilation; at % geometry.stride == 0)
        add_tap(phase, k, at / geometry.stride, out);
    phases.push_back(phase);
  }
  return padded(std::move(phases), out);
}

}  // namespace bramble
