#include "bramble/train/losses.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>

namespace bramble {
namespace {

using Loss = std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&)>;

torch::Tensor labels(std::vector<std::int64_t> values, std::int64_t height, std::int64_t width) {
  return torch::tensor(values, torch::kLong).view({1, height, width});
}

TEST(CrossEntropy, IsTheWeightedMeanWrittenOut) {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({2, 3, 2, 2}, torch::kDouble);
  const torch::Tensor label = torch::tensor({0, 1, 2, 255, 1, 1, 0, 2}, torch::kLong).view({2, 2, 2});
  const std::vector<double> w{1, 2, 5};
  for (const double epsilon : {0.0, 0.1}) {
    double sum = 0, weights = 0;
    const auto a = logits.accessor<double, 4>();
    const auto y = label.accessor<std::int64_t, 3>();
    for (int n = 0; n < 2; ++n)
      for (int v = 0; v < 2; ++v)
        for (int u = 0; u < 2; ++u) {
          if (y[n][v][u] == 255) continue;
          double total = 0;
          for (int k = 0; k < 3; ++k) total += std::exp(a[n][k][v][u]);
          const auto truth = static_cast<std::size_t>(y[n][v][u]);
          for (int k = 0; k < 3; ++k) {
            const double log_p = a[n][k][v][u] - std::log(total);
            sum -= w[static_cast<std::size_t>(k)] * epsilon / 3 * log_p;
            if (static_cast<std::size_t>(k) == truth) sum -= (1 - epsilon) * w[truth] * log_p;
          }
          weights += w[truth];
        }
    EXPECT_NEAR(pixel_cross_entropy(logits, label, torch::tensor(w, torch::kDouble), epsilon).item<double>(),
                sum / weights, 1e-12);
  }
}

TEST(CrossEntropy, OfTheHardestPixelsLeavesTheEasyOut) {
  // Four pixels with p(truth) = 1/2, 1/4, 1/8, 1/8 and one ignored that would be the hardest.
  torch::Tensor p = torch::tensor({0.5, 0.25, 0.125, 0.125, 1e-9}, torch::kDouble);
  const torch::Tensor logits = torch::stack({p, 1 - p}).log().view({1, 2, 1, 5});
  const torch::Tensor label = labels({0, 0, 0, 0, 255}, 1, 5);
  const double ln2 = std::log(2.0);
  EXPECT_NEAR(pixel_cross_entropy(logits, label, {}, 0, 1).item<double>(), (1 + 2 + 3 + 3) * ln2 / 4, 1e-12);
  EXPECT_NEAR(pixel_cross_entropy(logits, label, {}, 0, 0.5).item<double>(), 3 * ln2, 1e-12);
  EXPECT_NEAR(pixel_cross_entropy(logits, label, {}, 0, 0.75).item<double>(), (2 + 3 + 3) * ln2 / 3, 1e-12);
  EXPECT_NEAR(pixel_cross_entropy(logits, label, {}, 0, 1e-6).item<double>(), 3 * ln2, 1e-12);  // at least one
}

TEST(Dice, IsTheFormulaOnHardPredictions) {
  // Truth 0 0 0 1; the prediction is sure of 0 0 1 1.
  const torch::Tensor logits =
      torch::tensor({60.0, 60.0, -60.0, -60.0, -60.0, -60.0, 60.0, 60.0}, torch::kDouble).view({1, 2, 1, 4});
  const double zero = (2.0 * 2 + 1) / (2 + 3 + 1), one = (2.0 * 1 + 1) / (2 + 1 + 1);
  EXPECT_NEAR(dice_loss(logits, labels({0, 0, 0, 1}, 1, 4)).item<double>(), 1 - (zero + one) / 2, 1e-9);
  // A class that the truth lacks does not count.
  EXPECT_NEAR(dice_loss(logits, labels({0, 0, 255, 255}, 1, 4)).item<double>(), 0, 1e-9);
}

TEST(Lovasz, IsOneMinusIouOnHardPredictions) {
  const torch::Tensor logits =
      torch::tensor({60.0, 60.0, -60.0, -60.0, -60.0, -60.0, 60.0, 60.0}, torch::kDouble).view({1, 2, 1, 4});
  // Class 0: 2 of 3; class 1: 1 of 2.
  EXPECT_NEAR(lovasz_softmax_loss(logits, labels({0, 0, 0, 1}, 1, 4)).item<double>(), 1 - (2.0 / 3 + 1.0 / 2) / 2,
              1e-9);
  EXPECT_NEAR(lovasz_softmax_loss(logits, labels({0, 0, 1, 1}, 1, 4)).item<double>(), 0, 1e-9);
}

TEST(Lovasz, IsTheExtensionWrittenOut) {
  // Two pixels of class 0 with p0 = 0.9, 0.4 and one of class 1 with p0 = 0.7. Class 0: errors 0.7 (outside), 0.6, 0.1
  // (inside). The Jaccard loss after each wrong pixel: 1 − 2/3, 1 − 1/3, 1 − 0/3.
  const torch::Tensor p = torch::tensor({0.9, 0.4, 0.7}, torch::kDouble);
  const torch::Tensor logits = torch::stack({p, 1 - p}).log().view({1, 2, 1, 3});
  const double zero = 0.7 * (1.0 / 3) + 0.6 * (1.0 / 3) + 0.1 * (1.0 / 3);
  // Class 1: one pixel inside with error 0.7, outside 0.6 and 0.1: 1 − 0/1 at once, then no more.
  const double one = 0.7;
  EXPECT_NEAR(lovasz_softmax_loss(logits, labels({0, 0, 1}, 1, 3)).item<double>(), (zero + one) / 2, 1e-12);
}

TEST(Losses, HaveTheGradientOfFiniteDifferences) {
  torch::manual_seed(4);
  const torch::Tensor label = torch::tensor({0, 1, 2, 255, 1, 1, 3, 2, 0, 0, 2, 255}, torch::kLong).view({2, 2, 3});
  const torch::Tensor weights = torch::tensor({1.0, 2.0, 0.5, 4.0}, torch::kDouble);
  LossOptions all;
  all.label_smoothing = 0.05;
  all.ohem = 0.6;
  all.dice = 0.7;
  all.lovasz = 0.9;
  const std::vector<std::pair<const char*, Loss>> losses{
      {"cross-entropy", [&](auto& x, auto& y) { return pixel_cross_entropy(x, y, weights, 0.1); }},
      {"ohem", [&](auto& x, auto& y) { return pixel_cross_entropy(x, y, weights, 0, 0.5); }},
      {"dice", [](auto& x, auto& y) { return dice_loss(x, y); }},
      {"lovasz", [](auto& x, auto& y) { return lovasz_softmax_loss(x, y); }},
      {"sum", [&](auto& x, auto& y) { return segmentation_loss(x, y, weights, all); }}};
  for (const auto& [name, loss] : losses) {
    torch::Tensor logits = torch::randn({2, 4, 2, 3}, torch::kDouble).requires_grad_();
    loss(logits, label).backward();
    const torch::Tensor gradient = logits.grad().reshape({-1});
    const torch::NoGradGuard no_grad;
    const torch::Tensor flat = logits.view({-1});
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      constexpr double kStep = 1e-6;
      const double middle = flat[i].item<double>();
      flat[i] = middle + kStep;
      const double above = loss(logits, label).item<double>();
      flat[i] = middle - kStep;
      const double below = loss(logits, label).item<double>();
      flat[i] = middle;
      EXPECT_NEAR(gradient[i].item<double>(), (above - below) / (2 * kStep), 1e-7) << name << " " << i;
    }
  }
}

TEST(Losses, AreZeroWithoutLabels) {
  LossOptions all;
  all.ohem = 0.5;
  all.dice = 1;
  all.lovasz = 1;
  torch::Tensor logits = torch::randn({1, 3, 2, 2}).requires_grad_();
  const torch::Tensor loss = segmentation_loss(logits, labels({255, 255, 255, 255}, 2, 2), {}, all);
  loss.backward();
  EXPECT_EQ(loss.item<float>(), 0.0F);
  EXPECT_EQ(logits.grad().abs().max().item<float>(), 0.0F);
}

}  // namespace
}  // namespace bramble
