#include "bramble/model/norm_activate.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <tuple>
#include <vector>

namespace bramble {
namespace {

double difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>() / (1e-6 + b.abs().max().item<double>());
}

torch::nn::BatchNorm2d made_up_norm(int channels) {
  torch::nn::BatchNorm2d norm(torch::nn::BatchNorm2dOptions(channels).eps(1e-3).momentum(0.1));
  const torch::NoGradGuard no_grad;
  norm->weight.copy_(0.5 + torch::rand({channels}));
  norm->bias.copy_(2 * torch::rand({channels}) - 0.5);
  return norm;
}

using Case = std::tuple<Activation, int, int, int>;  // channels, height, width
class NormActivate : public testing::TestWithParam<Case> {};

// libtorch in double precision is the reference: values, gradients of all three inputs, running statistics.
TEST_P(NormActivate, AgreesWithLibtorch) {
  const auto [activation, channels, height, width] = GetParam();
  torch::manual_seed(3);
  torch::nn::BatchNorm2d ours = made_up_norm(channels);
  torch::nn::BatchNorm2d theirs(ours->options);
  {
    const torch::NoGradGuard no_grad;
    theirs->weight.copy_(ours->weight);
    theirs->bias.copy_(ours->bias);
  }
  theirs->to(torch::kDouble);
  const torch::Tensor values = 3 * torch::randn({3, channels, height, width}) + 20;  // a mean far from zero
  const torch::Tensor slope = torch::randn({3, channels, height, width});
  const torch::Tensor x = values.clone().requires_grad_(true), z = values.to(torch::kDouble).requires_grad_(true);
  const torch::Tensor y = norm_activate(*ours, x, activation);
  torch::Tensor expected = theirs->forward(z);
  if (activation == Activation::kRelu) expected = expected.relu();
  if (activation == Activation::kRelu6) expected = torch::hardtanh(expected, 0, 6);
  y.backward(slope);
  expected.backward(slope.to(torch::kDouble));
  EXPECT_LT(difference(y, expected), 1e-5);
  EXPECT_LT(difference(x.grad(), z.grad()), 1e-4);
  EXPECT_LT(difference(ours->weight.grad(), theirs->weight.grad()), 1e-5);
  EXPECT_LT(difference(ours->bias.grad(), theirs->bias.grad()), 1e-5);
  EXPECT_LT(difference(ours->running_mean, theirs->running_mean), 1e-5);
  EXPECT_LT(difference(ours->running_var, theirs->running_var), 1e-5);
  EXPECT_EQ(ours->num_batches_tracked.item<int>(), 1);
}
INSTANTIATE_TEST_SUITE_P(Shapes, NormActivate,
                         testing::Combine(testing::Values(Activation::kNone, Activation::kRelu, Activation::kRelu6),
                                          testing::Values(5, 32, 320), testing::Values(1, 17), testing::Values(1, 40)));

TEST(NormActivateBits, AreTheSameWithAnyNumberOfThreadsAndLayout) {
  const int threads = at::get_num_threads();
  std::vector<torch::Tensor> first;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    torch::manual_seed(5);
    torch::nn::BatchNorm2d norm = made_up_norm(48);
    torch::Tensor x = torch::randn({4, 48, 30, 30});
    if (count == 3) x = x.contiguous(torch::MemoryFormat::ChannelsLast);
    x.requires_grad_(true);
    const torch::Tensor y = norm_activate(*norm, x, Activation::kRelu6);
    EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast));
    y.square().sum().backward();
    const std::vector<torch::Tensor> now{y.contiguous(), x.grad().contiguous(), norm->weight.grad(), norm->running_var};
    if (first.empty()) first = now;
    for (std::size_t i = 0; i < now.size(); ++i) EXPECT_TRUE(torch::equal(first[i], now[i])) << i << ", " << count;
  }
  at::set_num_threads(threads);
}

TEST(NormActivateAdded, IsAddedAndHasTheWholeSlope) {
  torch::manual_seed(4);
  torch::nn::BatchNorm2d norm = made_up_norm(24), theirs(norm->options);
  {
    const torch::NoGradGuard no_grad;
    theirs->weight.copy_(norm->weight);
    theirs->bias.copy_(norm->bias);
  }
  const torch::Tensor x = torch::randn({3, 24, 9, 7}).requires_grad_(true), z = x.detach().clone().requires_grad_(true);
  const torch::Tensor added = torch::randn({3, 24, 9, 7}).requires_grad_(true),
                      added_theirs = added.detach().clone().requires_grad_(true);
  const torch::Tensor y = norm_activate(*norm, x, Activation::kNone, added);
  const torch::Tensor expected = theirs->forward(z) + added_theirs;
  y.square().sum().backward();
  expected.square().sum().backward();
  EXPECT_LT(difference(y, expected), 1e-5);
  EXPECT_LT(difference(x.grad(), z.grad()), 1e-4);
  EXPECT_LT(difference(added.grad(), added_theirs.grad()), 1e-5);
  norm->eval();
  EXPECT_TRUE(torch::equal(norm_activate(*norm, x, Activation::kNone, added), norm->forward(x) + added));
}

TEST(NormActivateEval, UsesWhatItHasTracked) {
  torch::manual_seed(6);
  torch::nn::BatchNorm2d norm = made_up_norm(16);
  norm->eval();
  const torch::Tensor x = torch::randn({2, 16, 5, 5});
  EXPECT_TRUE(torch::equal(norm_activate(*norm, x, Activation::kRelu), norm->forward(x).relu()));
}

}  // namespace
}  // namespace bramble
