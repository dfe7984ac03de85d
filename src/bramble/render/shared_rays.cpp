#include "bramble/render/shared_rays.hpp"

#include <algorithm>
#include <vector>

#include "bramble/core/parallel.hpp"

namespace bramble {
namespace {

template <typename T>
void fit(const Image<T>& rays, int spacing, Image<T>& pixels) {
  const int width = rays.width * spacing, height = rays.height * spacing;
  if (pixels.width != width || pixels.height != height || pixels.channels != rays.channels)
    pixels = Image<T>(width, height, rays.channels);
}

// Where between two rays a pixel lies, along one axis: `first` of them, and the second's share in units of 1 / (2
// spacing).
struct Between {
  int first, share;
};
Between between(int pixel, int spacing) {
  const int twice = 2 * pixel + 1 - spacing;  // from the first ray's place, in units of 1 / (2 spacing)
  return twice < 0 ? Between{-1, twice + 2 * spacing} : Between{twice / (2 * spacing), twice % (2 * spacing)};
}

}  // namespace

void interpolate_rays(const ImageU8& rays, int spacing, ImageU8& pixels) {
  fit(rays, spacing, pixels);
  const int channels = rays.channels, unit = 2 * spacing;
  parallel_for(static_cast<std::size_t>(rays.height), [&](std::size_t block) {
    // One row between two rows of rays, with the border's ray once more on both sides.
    std::vector<int> mixed(static_cast<std::size_t>(rays.width + 2) * channels);
    for (int v = static_cast<int>(block) * spacing; v < static_cast<int>(block + 1) * spacing; ++v) {
      const auto [above, share] = between(v, spacing);
      const std::uint8_t* const upper = rays.row(std::max(above, 0));
      const std::uint8_t* const lower = rays.row(std::min(above + 1, rays.height - 1));
      for (int i = 0; i < rays.width * channels; ++i)
        mixed[i + channels] = (unit - share) * upper[i] + share * lower[i];
      std::copy_n(mixed.begin() + channels, channels, mixed.begin());
      std::copy_n(mixed.end() - 2 * channels, channels, mixed.end() - channels);
      std::uint8_t* out = pixels.row(v);
      for (int u = 0; u < pixels.width; ++u) {
        const auto [left, right_share] = between(u, spacing);
        const int* const at = mixed.data() + static_cast<std::ptrdiff_t>(left + 1) * channels;
        for (int c = 0; c < channels; ++c)
          *out++ = static_cast<std::uint8_t>(
              ((unit - right_share) * at[c] + right_share * at[c + channels] + unit * unit / 2) / (unit * unit));
      }
    }
  });
}

template <typename T>
void repeat_rays(const Image<T>& rays, int spacing, Image<T>& pixels) {
  if (rays.empty()) {
    pixels = {};
    return;
  }
  fit(rays, spacing, pixels);
  parallel_for(static_cast<std::size_t>(rays.height), [&](std::size_t block) {
    T* const first = pixels.row(static_cast<int>(block) * spacing);
    T* out = first;
    for (int u = 0; u < rays.width; ++u)
      for (int i = 0; i < spacing; ++i) out = std::copy_n(rays.at(u, static_cast<int>(block)), rays.channels, out);
    for (int i = 1; i < spacing; ++i) std::copy(first, out, first + i * (out - first));
  });
}

template void repeat_rays(const ImageU8&, int, ImageU8&);
template void repeat_rays(const ImageU32&, int, ImageU32&);
template void repeat_rays(const ImageF32&, int, ImageF32&);

}  // namespace bramble
