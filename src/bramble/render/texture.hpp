#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "bramble/core/image.hpp"

namespace bramble {

/// sRGB byte → linear value.
float srgb_to_linear(std::uint8_t value);
/// Linear value → sRGB byte, clamped; through a table of 4096 steps.
std::uint8_t linear_to_srgb(float value);

/// A repeating picture with mip levels for sampling. Colour is averaged in linear light and weighted by alpha, so that
/// the empty part of a leaf card does not darken far leaves.
class Texture {
 public:
  /// `image` [H, W, 4] RGBA; sRGB when `srgb`, else numbers (normals).
  Texture(const ImageU8& image, bool srgb);

  /// Bilinear colour at (u, v) (repeating; v downwards) from the level whose texels are about `footprint` of the
  /// picture's side.
  Eigen::Vector3f sample(float u, float v, float footprint) const;
  /// Alpha at full resolution of the mask (at most 512 texels a side), nearest texel, 0…255.
  std::uint8_t alpha(float u, float v) const;
  int width() const { return levels_.front().width; }
  int height() const { return levels_.front().height; }

 private:
  struct Level {
    int width, height;
    std::vector<std::uint8_t> rgb;  // [H, W, 4], the fourth byte unused: texels aligned to 4 bytes
  };
  std::vector<Level> levels_;
  int alpha_width_ = 1, alpha_height_ = 1;
  std::vector<std::uint8_t> alpha_;
  bool srgb_;
};

}  // namespace bramble
