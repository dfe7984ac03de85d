#include "bramble/dataset/coco_mask.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"

namespace bramble {

RunLengths runs_of(const ImageU8& labels, std::uint8_t value) {
  RunLengths runs{0};
  bool inside = false;
  for (int u = 0; u < labels.width; ++u)
    for (int v = 0; v < labels.height; ++v) {
      if ((*labels.at(u, v) == value) != inside) {
        inside = !inside;
        runs.push_back(0);
      }
      ++runs.back();
    }
  return runs;
}

RunLengths runs_from_text(const std::string& text) {
  // Groups of 5 bits from the low end, 0x20: more follow, the sign in 0x10 of the last; from the third number on they
  // are differences to the last but one.
  RunLengths runs;
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t number = 0;
    for (int shift = 0;; shift += 5) {
      if (at >= text.size() || shift > 30) fail("the run lengths of a mask are cut");
      const int c = static_cast<unsigned char>(text[at++]) - 48;
      if (c < 0 || c > 0x3F) fail("the run lengths of a mask hold the character '{}'", text[at - 1]);
      number |= static_cast<std::int64_t>(c & 0x1F) << shift;
      if ((c & 0x20) != 0) continue;
      if ((c & 0x10) != 0) number |= -(std::int64_t{1} << (shift + 5));
      break;
    }
    if (runs.size() > 2) number += runs[runs.size() - 2];
    if (number < 0 || number > UINT32_MAX) fail("the run lengths of a mask are damaged");
    runs.push_back(static_cast<std::uint32_t>(number));
  }
  return runs;
}

void paint_runs(ImageU8& labels, const RunLengths& runs, std::uint8_t value) {
  std::uint64_t total = 0;
  for (const auto run : runs) total += run;
  if (total != labels.pixel_count())
    fail("the run lengths of a mask cover {} pixels, the picture has {}", total, labels.pixel_count());
  std::size_t at = 0;
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (std::uint32_t k = 0; k < runs[i]; ++k, ++at)
      if (i % 2 == 1) *labels.at(static_cast<int>(at / labels.height), static_cast<int>(at % labels.height)) = value;
}

void paint_polygon(ImageU8& labels, const std::vector<double>& xy, std::uint8_t value) {
  const std::size_t count = xy.size() / 2;
  std::vector<double> crossings;
  for (int v = 0; v < labels.height; ++v) {
    const double y = v + 0.5;
    crossings.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t j = (i + 1) % count;
      const double y0 = xy[2 * i + 1], y1 = xy[2 * j + 1];
      if ((y0 <= y) == (y1 <= y)) continue;
      crossings.push_back(xy[2 * i] + (y - y0) / (y1 - y0) * (xy[2 * j] - xy[2 * i]));
    }
    std::sort(crossings.begin(), crossings.end());
    for (std::size_t i = 0; i + 1 < crossings.size(); i += 2) {
      const double last = std::min(static_cast<double>(labels.width), std::ceil(crossings[i + 1] - 0.5));
      for (double u = std::max(0.0, std::ceil(crossings[i] - 0.5)); u < last; ++u)
        *labels.at(static_cast<int>(u), v) = value;
    }
  }
}

}  // namespace bramble
