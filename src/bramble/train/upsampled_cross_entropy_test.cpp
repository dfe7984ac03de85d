#include "bramble/train/upsampled_cross_entropy.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "bramble/core/error.hpp"
#include "bramble/model/torch_threads.hpp"

namespace bramble {
namespace {

struct Case {
  std::int64_t rows, columns, height, width;
  bool weighted;
  double smoothing;
};

// A batch of three pictures with some pixels ignored, all of the last picture among them.
torch::Tensor some_labels(const Case& c, std::int64_t classes) {
  torch::Tensor label = torch::randint(classes, {3, c.height, c.width}, torch::kLong);
  label.masked_fill_(torch::rand({3, c.height, c.width}) < 0.2, 255);
  label[2].fill_(255);
  return label;
}

// The sum over the pixels, each taken as often as `factor` says, and its gradient by the logits.
std::pair<torch::Tensor, torch::Tensor> both(const torch::Tensor& logits, const torch::Tensor& label,
                                             const torch::Tensor& weights, double smoothing,
                                             const torch::Tensor& factor) {
  const torch::Tensor leaf = logits.detach().clone().requires_grad_();
  const torch::Tensor each = upsampled_cross_entropy(leaf, label, weights, smoothing);
  (each * factor).sum().backward();
  return {each.detach(), leaf.grad()};
}

TEST(UpsampledCrossEntropy, EqualsTheLogitsBroughtToFullSizeAndGradientsOfDoubles) {
  torch::manual_seed(3);
  constexpr std::int64_t kClasses = 5;
  for (const Case& c : {Case{12, 16, 24, 32, false, 0}, Case{12, 16, 48, 64, true, 0}, Case{24, 20, 24, 20, true, 0.1},
                        Case{7, 5, 33, 31, true, 0.05}, Case{1, 1, 40, 3, false, 0.2}, Case{50, 3, 20, 9, true, 0}}) {
    // Channels last, as a convolution gives them, and large enough that one class can win by far.
    const torch::Tensor logits =
        (8 * torch::randn({3, kClasses, c.rows, c.columns})).contiguous(torch::MemoryFormat::ChannelsLast);
    const torch::Tensor label = some_labels(c, kClasses), factor = torch::rand({3 * c.height * c.width});
    const torch::Tensor weights = c.weighted ? torch::tensor({1.0F, 2.5F, 0.5F, 4.0F, 0.0F}) : torch::Tensor();
    const auto [each, gradient] = both(logits, label, weights, c.smoothing, factor);
    const auto [each_double, gradient_double] =
        both(logits.to(torch::kDouble), label, weights.defined() ? weights.to(torch::kDouble) : weights, c.smoothing,
             factor.to(torch::kDouble));
    EXPECT_LT((each - each_double).abs().max().item<double>(), 2e-4) << c.rows << "x" << c.columns;
    EXPECT_LT((gradient - gradient_double).abs().max().item<double>(), 1e-4) << c.rows << "x" << c.columns;
    EXPECT_GT(gradient_double.abs().max().item<double>(), 0.1);
    EXPECT_EQ(gradient[2].abs().max().item<float>(), 0.0F) << "nothing of that picture is labelled";
  }
}

TEST(UpsampledCrossEntropy, SameBitsForAnyNumberOfThreads) {
  torch::manual_seed(5);
  const Case c{48, 64, 96, 128, true, 0.1};
  const torch::Tensor logits = torch::randn({3, 9, c.rows, c.columns}), label = some_labels(c, 9);
  const torch::Tensor weights = torch::rand({9}), factor = torch::rand({3 * c.height * c.width});
  set_torch_threads(1);
  const auto [each, gradient] = both(logits, label, weights, c.smoothing, factor);
  set_torch_threads(3);
  const auto [each_3, gradient_3] = both(logits, label, weights, c.smoothing, factor);
  EXPECT_TRUE(torch::equal(each, each_3));
  EXPECT_TRUE(torch::equal(gradient, gradient_3));
}

TEST(UpsampledCrossEntropy, WhatIsNoNumberStaysNone) {
  torch::Tensor logits = torch::randn({1, 3, 4, 4});
  logits[0][1][2][2] = NAN;
  const torch::Tensor label = torch::zeros({1, 8, 8}, torch::kLong);
  EXPECT_TRUE(upsampled_cross_entropy(logits, label, {}, 0).isnan().any().item<bool>());
}

TEST(UpsampledCrossEntropy, ALabelOfNoClassIsNamed) {
  const torch::Tensor label = torch::full({1, 4, 4}, 3, torch::kLong);
  try {
    upsampled_cross_entropy(torch::randn({1, 3, 2, 2}), label, {}, 0);
    FAIL() << "class 3 of 3";
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("label 3"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace bramble
