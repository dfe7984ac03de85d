#pragma once
#include <torch/types.h>

#include "bramble/train/train_config.hpp"

namespace bramble {

// logits [N, K, h, w] of the labels' size or smaller (then they are brought there by full_size()), label [N, H, W]
// int64 with 255 ignored, class weights [K] or undefined. All give 0 with a zero gradient where every pixel is ignored,
// so that a picture without labels cannot poison a training.

/// Weighted mean over the pixels: Σ w_y · l / Σ w_y, l = −(1−ε) log p_y − ε/K Σ_k (w_k/w_y) log p_k. With ohem < 1 over
/// the pixels of the largest w_y · l only (Shrivastava et al., "Training region-based object detectors with online hard
/// example mining", CVPR 2016), at least one.
torch::Tensor pixel_cross_entropy(const torch::Tensor& logits, const torch::Tensor& label,
                                  const torch::Tensor& class_weights, double label_smoothing = 0, double ohem = 1);

/// 1 − (2 Σ p t + 1) / (Σ p + Σ t + 1), over all pixels of the batch, mean over the classes that occur in the truth
/// (Milletari et al., "V-Net", 2016).
torch::Tensor dice_loss(const torch::Tensor& logits, const torch::Tensor& label);

/// The convex extension of 1 − IoU to soft predictions, mean over the classes that occur in the truth (Berman et al.,
/// "The Lovász-Softmax loss", CVPR 2018, algorithm 1).
torch::Tensor lovasz_softmax_loss(const torch::Tensor& logits, const torch::Tensor& label);

/// The sum that the options ask for (without the auxiliary loss).
torch::Tensor segmentation_loss(const torch::Tensor& logits, const torch::Tensor& label,
                                const torch::Tensor& class_weights, const LossOptions& options);

}  // namespace bramble
