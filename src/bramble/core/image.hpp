#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bramble {

/// Row-major picture, top-left origin, interleaved channels. Pixel (u, v) has its centre at (u + 0.5, v + 0.5).
template <typename T>
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<T> data;  // [height, width, channels]

  Image() = default;
  Image(int w, int h, int c, T fill = T{})
      : width(w), height(h), channels(c), data(static_cast<std::size_t>(w) * h * c, fill) {}

  bool empty() const { return data.empty(); }
  std::size_t pixel_count() const { return static_cast<std::size_t>(width) * height; }
  T* row(int v) { return data.data() + static_cast<std::size_t>(v) * width * channels; }
  const T* row(int v) const { return data.data() + static_cast<std::size_t>(v) * width * channels; }
  T* at(int u, int v) { return row(v) + static_cast<std::size_t>(u) * channels; }
  const T* at(int u, int v) const { return row(v) + static_cast<std::size_t>(u) * channels; }
  bool operator==(const Image&) const = default;
};

using ImageU8 = Image<std::uint8_t>;
using ImageU16 = Image<std::uint16_t>;
using ImageU32 = Image<std::uint32_t>;
using ImageF32 = Image<float>;

}  // namespace bramble
