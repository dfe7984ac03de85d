#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/srgb.hpp"

namespace bramble {

/// A repeating picture with mip levels for sampling. Colour is averaged in linear light and weighted by alpha, so that
/// the empty part of a leaf card does not darken far leaves.
class Texture {
 public:
  /// `image` [H, W, 4] RGBA; sRGB when `srgb`, else numbers (normals).
  Texture(const ImageU8& image, bool srgb);

  /// Bilinear colour at (u, v) (repeating; v downwards) from the level whose texels are about `footprint` of the
  /// picture's side.
  Eigen::Vector3f sample(float u, float v, float footprint) const;
  /// The same, blended between two levels: no seam where the level changes.
  Eigen::Vector3f sample_smooth(float u, float v, float footprint) const;
  /// Mean colour of the whole picture.
  const Eigen::Vector3f& mean() const { return mean_; }
  int width() const { return levels_.front().width; }
  int height() const { return levels_.front().height; }

 private:
  friend class HoleMask;
  Eigen::Vector3f bilinear(int level, float u, float v) const;
  struct Level {
    int width, height;
    std::vector<std::uint8_t> rgb;  // [H, W, 4], the fourth byte unused: texels aligned to 4 bytes
  };
  std::vector<Level> levels_;
  int alpha_width_ = 1, alpha_height_ = 1;
  std::vector<std::uint8_t> alpha_;
  Eigen::Vector3f mean_;
  bool srgb_;
};

/// Where a texture has holes: one bit a texel (at most 512 a side), in blocks of 8 x 8, so that it stays in the cache
/// while rays ask for it.
class HoleMask {
 public:
  /// Alpha below `cutoff` (0…1) is a hole.
  HoleMask(const Texture& texture, float cutoff);
  /// Nearest texel at (u, v); repeating, v downwards.
  bool hole(float u, float v) const {
    const int x = std::min(static_cast<int>((u - std::floor(u)) * width_), static_cast<int>(width_) - 1);
    const int y = std::min(static_cast<int>((v - std::floor(v)) * height_), static_cast<int>(height_) - 1);
    return bit(x, y);
  }

  struct Rectangle {
    float u0, v0, u1, v1;
  };
  /// Rectangles within the unit square that hold everything solid, few and tight: a leaf's card is mostly empty.
  const std::vector<Rectangle>& solid() const { return solid_; }

 private:
  bool bit(int x, int y) const {
    return (blocks_[static_cast<std::size_t>(y >> 3) * blocks_across_ + (x >> 3)] >> ((y & 7) * 8 + (x & 7))) & 1;
  }
  void find_solid();

  float width_, height_;
  std::size_t blocks_across_;
  std::vector<std::uint64_t> blocks_;
  std::vector<Rectangle> solid_;
};

}  // namespace bramble
