#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"

namespace bramble {

/// COCO's run lengths (cocoapi, maskApi.c): a mask column by column, counts of 0, of 1, of 0, …
using RunLengths = std::vector<std::uint32_t>;

/// Runs of the pixels of `labels` [H, W, 1] that equal `value`.
RunLengths runs_of(const ImageU8& labels, std::uint8_t value);
/// The text form («compressed RLE») back into runs. Throws Error when it is cut.
RunLengths runs_from_text(const std::string& text);
/// Sets the pixels of a mask in `labels` to `value`. Throws Error when the runs do not cover the picture exactly.
void paint_runs(ImageU8& labels, const RunLengths& runs, std::uint8_t value);
/// Sets the pixels whose centres lie inside a polygon (even-odd rule); xy = x0, y0, x1, y1, … in pixels.
void paint_polygon(ImageU8& labels, const std::vector<double>& xy, std::uint8_t value);

}  // namespace bramble
