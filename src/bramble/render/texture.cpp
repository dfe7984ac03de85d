#include "bramble/render/texture.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace bramble {
namespace {

float exact_srgb_to_linear(double value) {
  return static_cast<float>(value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4));
}

const std::array<float, 256>& to_linear() {
  static const auto table = [] {
    std::array<float, 256> values{};
    for (int i = 0; i < 256; ++i) values[i] = exact_srgb_to_linear(i / 255.0);
    return values;
  }();
  return table;
}

constexpr int kSteps = 4096;
const std::array<std::uint8_t, kSteps + 1>& to_srgb() {
  static const auto table = [] {
    std::array<std::uint8_t, kSteps + 1> values{};
    for (int i = 0; i <= kSteps; ++i) {
      const double linear = static_cast<double>(i) / kSteps;
      const double srgb = linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
      values[i] = static_cast<std::uint8_t>(std::lround(255 * srgb));
    }
    return values;
  }();
  return table;
}

// Position in a repeating row of `size` texels: the two texels and the weight of the second.
inline void wrap(float coordinate, int size, int& first, int& second, float& weight) {
  const float position = (coordinate - std::floor(coordinate)) * static_cast<float>(size) - 0.5F;
  const float low = std::floor(position);
  weight = position - low;
  first = static_cast<int>(low);
  if (first < 0) first += size;
  if (first >= size) first -= size;
  second = first + 1 == size ? 0 : first + 1;
}

}  // namespace

float srgb_to_linear(std::uint8_t value) { return to_linear()[value]; }

std::uint8_t linear_to_srgb(float value) {
  return to_srgb()[static_cast<int>(std::clamp(value, 0.0F, 1.0F) * kSteps + 0.5F)];
}

Texture::Texture(const ImageU8& image, bool srgb) : srgb_(srgb) {
  // Level 0 as stored; each further level halves both sides (rounded up) by a box over linear, alpha-weighted colour.
  int width = image.width, height = image.height;
  std::vector<float> linear(static_cast<std::size_t>(width) * height * 4);
  const auto& table = to_linear();
  for (std::size_t i = 0; i < static_cast<std::size_t>(width) * height; ++i) {
    for (int c = 0; c < 3; ++c)
      linear[4 * i + c] = srgb ? table[image.data[4 * i + c]] : image.data[4 * i + c] / 255.0F;
    linear[4 * i + 3] = image.data[4 * i + 3] / 255.0F;
  }
  while (true) {
    Level level{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 4)};
    for (std::size_t i = 0; i < static_cast<std::size_t>(width) * height; ++i)
      for (int c = 0; c < 3; ++c)
        level.rgb[4 * i + c] =
            srgb ? linear_to_srgb(linear[4 * i + c])
                 : static_cast<std::uint8_t>(std::lround(std::clamp(linear[4 * i + c], 0.0F, 1.0F) * 255));
    levels_.push_back(std::move(level));
    if (width <= 512 && height <= 512 && alpha_.empty()) {
      alpha_width_ = width;
      alpha_height_ = height;
      for (std::size_t i = 0; i < static_cast<std::size_t>(width) * height; ++i)
        alpha_.push_back(static_cast<std::uint8_t>(std::lround(255 * std::clamp(linear[4 * i + 3], 0.0F, 1.0F))));
    }
    if (width == 1 && height == 1) break;
    const int next_width = (width + 1) / 2, next_height = (height + 1) / 2;
    std::vector<float> next(static_cast<std::size_t>(next_width) * next_height * 4);
    for (int v = 0; v < next_height; ++v)
      for (int u = 0; u < next_width; ++u) {
        float sum[4] = {0, 0, 0, 0}, plain[3] = {0, 0, 0};
        for (int dv = 0; dv < 2; ++dv)
          for (int du = 0; du < 2; ++du) {
            const float* texel =
                linear.data() + 4 * (static_cast<std::size_t>(std::min(2 * v + dv, height - 1)) * width +
                                     std::min(2 * u + du, width - 1));
            for (int c = 0; c < 3; ++c) {
              sum[c] += texel[c] * texel[3];
              plain[c] += texel[c];
            }
            sum[3] += texel[3];
          }
        float* out = next.data() + 4 * (static_cast<std::size_t>(v) * next_width + u);
        for (int c = 0; c < 3; ++c) out[c] = sum[3] > 1e-4F ? sum[c] / sum[3] : plain[c] / 4;
        out[3] = sum[3] / 4;
      }
    linear = std::move(next);
    width = next_width;
    height = next_height;
  }
}

Eigen::Vector3f Texture::sample(float u, float v, float footprint) const {
  const float texels = footprint * static_cast<float>(levels_.front().width);
  // floor(log2) of the footprint in texels, at least 0: the exponent of the float.
  const int wanted = texels <= 1.0F ? 0 : static_cast<int>((std::bit_cast<std::uint32_t>(texels) >> 23) & 255) - 127;
  const Level& level = levels_[std::min<std::size_t>(wanted, levels_.size() - 1)];
  int u0, u1, v0, v1;
  float wu, wv;
  wrap(u, level.width, u0, u1, wu);
  wrap(v, level.height, v0, v1, wv);
  const std::uint8_t* top = level.rgb.data() + static_cast<std::size_t>(v0) * level.width * 4;
  const std::uint8_t* bottom = level.rgb.data() + static_cast<std::size_t>(v1) * level.width * 4;
  const float w00 = (1 - wu) * (1 - wv), w10 = wu * (1 - wv), w01 = (1 - wu) * wv, w11 = wu * wv;
  Eigen::Vector3f out;
  const auto& table = to_linear();
  for (int c = 0; c < 3; ++c) {
    const auto a = top[4 * u0 + c], b = top[4 * u1 + c], d = bottom[4 * u0 + c], e = bottom[4 * u1 + c];
    out[c] = srgb_ ? w00 * table[a] + w10 * table[b] + w01 * table[d] + w11 * table[e]
                   : (w00 * a + w10 * b + w01 * d + w11 * e) / 255.0F;
  }
  return out;
}

std::uint8_t Texture::alpha(float u, float v) const {
  const int x = static_cast<int>((u - std::floor(u)) * static_cast<float>(alpha_width_));
  const int y = static_cast<int>((v - std::floor(v)) * static_cast<float>(alpha_height_));
  return alpha_[static_cast<std::size_t>(std::min(y, alpha_height_ - 1)) * alpha_width_ +
                std::min(x, alpha_width_ - 1)];
}

}  // namespace bramble
