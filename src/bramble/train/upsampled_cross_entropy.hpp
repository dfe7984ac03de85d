#pragma once
#include <torch/types.h>

namespace bramble {

/// The logits [N, K, h, w] at the size of the labels [N, H, W], bilinearly (align_corners=False).
torch::Tensor full_size(const torch::Tensor& logits, const torch::Tensor& label);

/// Weighted cross-entropy of every pixel, [N H W]: w_y · l as in pixel_cross_entropy (losses.hpp), 0 where the label is
/// 255, of the logits [N, K, h, w] brought to the labels' size by full_size(). Differentiable. In float on a processor
/// the logits at full size never exist, neither here nor in the gradient: a row at a time of them is made, summed up
/// and forgotten.
torch::Tensor upsampled_cross_entropy(const torch::Tensor& logits, const torch::Tensor& label,
                                      const torch::Tensor& class_weights, double label_smoothing);

}  // namespace bramble
