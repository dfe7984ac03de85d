#include "bramble/render/texture.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bramble {
namespace {

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

Texture::Texture(const ImageU8& image, bool srgb) : srgb_(srgb) {
  // Level 0 as stored; each further level halves both sides (rounded up) by a box over linear, alpha-weighted colour.
  int width = image.width, height = image.height;
  std::vector<float> linear(static_cast<std::size_t>(width) * height * 4);
  const auto& table = kLinearOfSrgb;
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
    if (width == 1 && height == 1) {
      mean_ = {linear[0], linear[1], linear[2]};
      break;
    }
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
  return bilinear(wanted, u, v);
}

Eigen::Vector3f Texture::sample_smooth(float u, float v, float footprint) const {
  const float texels = footprint * static_cast<float>(levels_.front().width);
  if (texels <= 1.0F) return bilinear(0, u, v);
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(texels);
  const int level = static_cast<int>((bits >> 23) & 255) - 127;
  // Mantissa - 1, which grows from 0 to 1 between powers of two: near enough to the logarithm's fraction.
  const float blend = static_cast<float>(bits & 0x7fffffU) * 0x1p-23F;
  return (1 - blend) * bilinear(level, u, v) + blend * bilinear(level + 1, u, v);
}

Eigen::Vector3f Texture::bilinear(int number, float u, float v) const {
  const Level& level = levels_[std::min<std::size_t>(number, levels_.size() - 1)];
  int u0, u1, v0, v1;
  float wu, wv;
  wrap(u, level.width, u0, u1, wu);
  wrap(v, level.height, v0, v1, wv);
  const std::uint8_t* top = level.rgb.data() + static_cast<std::size_t>(v0) * level.width * 4;
  const std::uint8_t* bottom = level.rgb.data() + static_cast<std::size_t>(v1) * level.width * 4;
  const float w00 = (1 - wu) * (1 - wv), w10 = wu * (1 - wv), w01 = (1 - wu) * wv, w11 = wu * wv;
  Eigen::Vector3f out;
  const auto& table = kLinearOfSrgb;
  for (int c = 0; c < 3; ++c) {
    const auto a = top[4 * u0 + c], b = top[4 * u1 + c], d = bottom[4 * u0 + c], e = bottom[4 * u1 + c];
    out[c] = srgb_ ? w00 * table[a] + w10 * table[b] + w01 * table[d] + w11 * table[e]
                   : (w00 * a + w10 * b + w01 * d + w11 * e) * (1 / 255.0F);
  }
  return out;
}

HoleMask::HoleMask(const Texture& texture, float cutoff)
    : width_(static_cast<float>(texture.alpha_width_)),
      height_(static_cast<float>(texture.alpha_height_)),
      blocks_across_((static_cast<std::size_t>(texture.alpha_width_) + 7) / 8),
      blocks_(blocks_across_ * ((static_cast<std::size_t>(texture.alpha_height_) + 7) / 8)) {
  for (int y = 0; y < texture.alpha_height_; ++y)
    for (int x = 0; x < texture.alpha_width_; ++x)
      if (texture.alpha_[static_cast<std::size_t>(y) * texture.alpha_width_ + x] < cutoff * 255)
        blocks_[static_cast<std::size_t>(y >> 3) * blocks_across_ + (x >> 3)] |= 1ULL << ((y & 7) * 8 + (x & 7));
  find_solid();
}

// Bands across the picture, each as wide as what is solid in it. More bands fit closer and cost triangles: the number
// is the one of least area plus a fee for each band.
void HoleMask::find_solid() {
  constexpr int kMostBands = 10;
  constexpr float kFee = 0.012F;  // of the picture's area; measured on tree crowns
  const int width = static_cast<int>(width_), height = static_cast<int>(height_);
  float least = 1e9F;
  for (int bands = 1; bands <= std::min(kMostBands, height); ++bands) {
    std::vector<Rectangle> found;
    float cost = 0;
    for (int band = 0; band < bands; ++band) {
      const int begin = band * height / bands, end = (band + 1) * height / bands;
      int left = width, right = -1, top = height, bottom = -1;
      for (int y = begin; y < end; ++y)
        for (int x = 0; x < width; ++x)
          if (!bit(x, y)) {
            left = std::min(left, x);
            right = std::max(right, x);
            top = std::min(top, y);
            bottom = std::max(bottom, y);
          }
      if (right < 0) continue;
      const Rectangle r{static_cast<float>(left) / width_, static_cast<float>(top) / height_,
                        static_cast<float>(right + 1) / width_, static_cast<float>(bottom + 1) / height_};
      cost += (r.u1 - r.u0) * (r.v1 - r.v0) + kFee;
      found.push_back(r);
    }
    if (cost < least) {
      least = cost;
      solid_ = found;
    }
  }
}

}  // namespace bramble
