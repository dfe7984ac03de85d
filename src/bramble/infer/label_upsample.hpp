#pragma once
#include <span>

#include "bramble/core/image.hpp"

namespace bramble {

/// Class of every pixel of a picture, from logits of lower resolution: logits are interpolated bilinearly (pixel
/// centres at half integers, edges clamped: PyTorch's `interpolate(mode="bilinear", align_corners=False)`) and the
/// class with the largest one wins, the lower id on a tie. Interpolation and argmax are one pass: the logits at full
/// size, which would be class_count * width * height floats, never exist; a band of rows holds two of its rows at a
/// time.
///
/// logits: [class_count, rows, columns], row-major. class_count in [1, 255].
/// Returns [height, width, 1] ids. The result does not depend on the number of threads.
ImageU8 argmax_upsampled(std::span<const float> logits, int class_count, int rows, int columns, int width, int height);

}  // namespace bramble
