#include "bramble/infer/picture_input.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {

namespace {

/// The tent filter along one axis: output i = sum over t < count of weights[i * count + t] * input[first[i] + t].
struct Taps {
  int count = 0;
  std::vector<int> first;
  std::vector<float> weights;  // [output, count]; what a pixel does not need is 0
};

Taps taps_along(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  const double radius = std::max(1.0, scale);
  Taps taps;
  taps.count = std::min(from, static_cast<int>(std::ceil(2 * radius)) + 1);
  taps.first.resize(static_cast<std::size_t>(to));
  taps.weights.resize(static_cast<std::size_t>(to) * taps.count);
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int begin = std::max(0, static_cast<int>(std::floor(centre - radius)));
    const int last = std::min(from - 1, static_cast<int>(std::ceil(centre + radius)) - 1);
    const int first = std::min(begin, from - taps.count);  // all taps inside the picture
    taps.first[i] = first;
    float* weights = taps.weights.data() + static_cast<std::size_t>(i) * taps.count;
    double sum = 0;
    for (int s = begin; s <= last; ++s) sum += std::max(0.0, 1.0 - std::abs((s + 0.5 - centre) / radius));
    for (int s = begin; s <= last; ++s)
      weights[s - first] = static_cast<float>(std::max(0.0, 1.0 - std::abs((s + 0.5 - centre) / radius)) / sum);
  }
  return taps;
}

/// Byte of red, green, blue in a pixel of so many channels.
template <int kChannels>
constexpr std::array<int, 3> kRgbAt = kChannels == 1   ? std::array{0, 0, 0}
                                      : kChannels == 3 ? std::array{0, 1, 2}
                                                       : std::array{2, 1, 0};

std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F)); }

template <int kChannels>
void copy_row(const std::uint8_t* in, int width, std::uint8_t* rgb) {
  constexpr auto at = kRgbAt<kChannels>;
  for (int u = 0; u < width; ++u)
    for (int c = 0; c < 3; ++c) rgb[3 * u + c] = in[kChannels * u + at[c]];
}

/// One output row: the input rows mixed (whole rows, so that it vectorises), then its columns.
template <int kChannels>
void resize_row(const PictureView& picture, const Taps& down, const Taps& across, int v, int width,
                std::vector<float>& mixed, std::uint8_t* rgb) {
  constexpr auto at = kRgbAt<kChannels>;
  const std::size_t samples = static_cast<std::size_t>(picture.width) * kChannels;
  const float* weights = down.weights.data() + static_cast<std::size_t>(v) * down.count;
  bool first = true;
  for (int t = 0; t < down.count; ++t) {
    const float weight = weights[t];
    if (weight == 0) continue;
    const std::uint8_t* in = picture.data.data() + picture.step * (down.first[v] + t);
    float* out = mixed.data();
    if (first) {
      for (std::size_t i = 0; i < samples; ++i) out[i] = weight * static_cast<float>(in[i]);
    } else {
      for (std::size_t i = 0; i < samples; ++i) out[i] += weight * static_cast<float>(in[i]);
    }
    first = false;
  }
  for (int u = 0; u < width; ++u) {
    const float* in = mixed.data() + static_cast<std::size_t>(across.first[u]) * kChannels;
    const float* weight = across.weights.data() + static_cast<std::size_t>(u) * across.count;
    std::array<float, kChannels> sum{};
    for (int t = 0; t < across.count; ++t)
      for (int c = 0; c < kChannels; ++c) sum[c] += weight[t] * in[t * kChannels + c];
    for (int c = 0; c < 3; ++c) rgb[3 * u + c] = to_byte(sum[at[c]]);
  }
}

template <int kChannels>
void prepare(const PictureView& picture, int width, int height, std::uint8_t* rgb) {
  constexpr int kBandRows = 16;
  const std::size_t bands = (static_cast<std::size_t>(height) + kBandRows - 1) / kBandRows;
  const std::size_t row_bytes = static_cast<std::size_t>(width) * 3;
  const bool same_size = picture.width == width && picture.height == height;
  const Taps down = same_size ? Taps{} : taps_along(picture.height, height);
  const Taps across = same_size ? Taps{} : taps_along(picture.width, width);
  parallel_for(bands, [&](std::size_t band) {
    const int begin = static_cast<int>(band) * kBandRows;
    const int end = std::min(begin + kBandRows, height);
    std::vector<float> mixed(same_size ? 0 : static_cast<std::size_t>(picture.width) * kChannels);
    for (int v = begin; v < end; ++v) {
      std::uint8_t* out = rgb + row_bytes * v;
      if (same_size) {
        copy_row<kChannels>(picture.data.data() + picture.step * v, width, out);
      } else {
        resize_row<kChannels>(picture, down, across, v, width, mixed, out);
      }
    }
  });
}

}  // namespace

void require_pixels(const PictureView& picture) {
  const std::size_t row = static_cast<std::size_t>(std::max(picture.width, 0)) * std::max(picture.channels, 0);
  if (picture.width < 1 || picture.height < 1 ||
      (picture.channels != 1 && picture.channels != 3 && picture.channels != 4) || picture.step < row ||
      picture.data.size() < picture.step * (picture.height - 1) + row)
    fail(
        "inference: a picture of {}x{} with {} channels and {} bytes cannot be labelled; grey, RGB or BGRA pixels are "
        "needed",
        picture.width, picture.height, picture.channels, picture.data.size());
}

void prepare_picture(const PictureView& picture, int width, int height, std::uint8_t* rgb) {
  require_pixels(picture);
  switch (picture.channels) {
    case 1:
      return prepare<1>(picture, width, height, rgb);
    case 3:
      return prepare<3>(picture, width, height, rgb);
    default:
      return prepare<4>(picture, width, height, rgb);
  }
}

}  // namespace bramble
