#include "bramble/train/losses.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "bramble/ontology/ontology.hpp"
#include "bramble/train/upsampled_cross_entropy.hpp"

namespace bramble {
namespace {

constexpr std::int64_t kIgnored = kIgnoreId;

// Probabilities [P, K] and labels [P] of the pixels that carry one.
std::pair<torch::Tensor, torch::Tensor> labelled_pixels(const torch::Tensor& logits, const torch::Tensor& label) {
  const torch::Tensor truth = label.reshape({-1});
  const torch::Tensor which = (truth != kIgnored).nonzero().squeeze(1);
  const torch::Tensor probability = torch::softmax(full_size(logits, label), 1)
                                        .permute({0, 2, 3, 1})
                                        .reshape({-1, logits.size(1)})
                                        .index_select(0, which);
  return {probability, truth.index_select(0, which)};
}

}  // namespace

torch::Tensor pixel_cross_entropy(const torch::Tensor& logits, const torch::Tensor& label,
                                  const torch::Tensor& class_weights, double label_smoothing, double ohem) {
  const torch::Tensor each = upsampled_cross_entropy(logits, label, class_weights, label_smoothing);
  const torch::Tensor truth = label.reshape({-1}), ignored = truth == kIgnored;
  const torch::Tensor weight =
      class_weights.defined() ? class_weights.index_select(0, truth.masked_fill(ignored, 0)).masked_fill(ignored, 0.0)
                              : ignored.logical_not().to(logits.scalar_type());
  // Not libtorch's own mean, which is not a number over no pixels at all; and nothing here asks a GPU for a value.
  constexpr double kTiny = 1e-12;
  if (ohem >= 1) return each.sum() / weight.sum().clamp_min(kTiny);
  const std::int64_t labelled = ignored.logical_not().sum().item<std::int64_t>();
  if (labelled == 0) return logits.sum() * 0.0;
  const std::int64_t kept = std::max<std::int64_t>(1, std::llround(ohem * static_cast<double>(labelled)));
  // Ignored pixels must not be chosen, even where all others have no loss.
  const torch::Tensor hardest = std::get<1>(each.detach().masked_fill(ignored, -1.0).topk(kept, 0, true, false));
  return each.index_select(0, hardest).sum() / weight.index_select(0, hardest).sum();
}

torch::Tensor dice_loss(const torch::Tensor& logits, const torch::Tensor& label) {
  const auto [probability, truth] = labelled_pixels(logits, label);  // [P, K], [P]
  if (truth.numel() == 0) return logits.sum() * 0.0;
  const torch::Tensor one_hot = torch::one_hot(truth, logits.size(1)).to(logits.scalar_type());
  const torch::Tensor pixels = one_hot.sum(0);                                                              // [K]
  const torch::Tensor dice = (2 * (probability * one_hot).sum(0) + 1) / (probability.sum(0) + pixels + 1);  // [K]
  const torch::Tensor present = (pixels > 0).to(logits.scalar_type());
  return ((1 - dice) * present).sum() / present.sum();
}

torch::Tensor lovasz_softmax_loss(const torch::Tensor& logits, const torch::Tensor& label) {
  const auto [probability, truth] = labelled_pixels(logits, label);  // [P, K], [P]
  torch::Tensor sum = logits.sum() * 0.0;
  std::int64_t present = 0;
  for (std::int64_t k = 0; k < logits.size(1); ++k) {
    const torch::Tensor inside = (truth == k).to(logits.scalar_type());  // [P]
    const double pixels = inside.sum().item<double>();
    if (pixels == 0) continue;
    ++present;
    const auto [errors, order] = (inside - probability.select(1, k)).abs().sort(true, 0, true);
    // Gradient of the extension: how much the Jaccard loss grows with each further wrong pixel.
    const torch::Tensor sorted = inside.index_select(0, order);
    const torch::Tensor jaccard = 1 - (pixels - sorted.cumsum(0)) / (pixels + (1 - sorted).cumsum(0));
    const torch::Tensor gradient = torch::diff(torch::cat({torch::zeros({1}, jaccard.options()), jaccard}));
    sum = sum + torch::dot(errors, gradient);
  }
  return present > 0 ? sum / static_cast<double>(present) : sum;
}

torch::Tensor segmentation_loss(const torch::Tensor& logits, const torch::Tensor& label,
                                const torch::Tensor& class_weights, const LossOptions& options) {
  torch::Tensor loss = pixel_cross_entropy(logits, label, class_weights, options.label_smoothing, options.ohem);
  if (options.dice > 0) loss = loss + options.dice * dice_loss(logits, label);
  if (options.lovasz > 0) loss = loss + options.lovasz * lovasz_softmax_loss(logits, label);
  return loss;
}

}  // namespace bramble
