#pragma once
#include <span>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// What to make of logits besides the class of every pixel.
struct ClassMapsWanted {
  bool confidence = false;
  std::vector<ClassId> probability_of{};
};

/// Pictures of one size, [height, width, 1].
struct ClassMaps {
  ImageU8 labels;                      ///< ids
  ImageU8 confidence{};                ///< softmax probability of the winning class, 255 = 1; empty: not wanted
  std::vector<ImageU8> probability{};  ///< softmax probability of each class in probability_of, 255 = 1
};

/// Class of every pixel of a picture, from logits of lower resolution: logits are interpolated bilinearly (pixel
/// centres at half integers, edges clamped: PyTorch's `interpolate(mode="bilinear", align_corners=False)`) and the
/// class with the largest one wins, the lower id on a tie. Interpolation and argmax (and softmax, where wanted) are one
/// pass: the logits at full size, which would be class_count * width * height floats, never exist; a band of rows holds
/// two of its rows at a time.
///
/// logits: [class_count, rows, columns], row-major. class_count in [1, 255].
/// The result does not depend on the number of threads. Probabilities are right to 1/255.
ClassMaps classify_upsampled(std::span<const float> logits, int class_count, int rows, int columns, int width,
                             int height, const ClassMapsWanted& wanted = {});

/// The labels alone: ids [height, width, 1].
ImageU8 argmax_upsampled(std::span<const float> logits, int class_count, int rows, int columns, int width, int height);

}  // namespace bramble
