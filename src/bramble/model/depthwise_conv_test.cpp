#include "bramble/model/depthwise_conv.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <tuple>
#include <vector>

namespace bramble {
namespace {

struct Case {
  std::int64_t channels, height, width, kernel, stride, dilation, top, bottom, left, right;
};

// libtorch's own convolution of the padded picture is the reference, forward and backward.
class DepthwiseConv : public testing::TestWithParam<Case> {};

TEST_P(DepthwiseConv, AgreesWithLibtorchInValuesAndGradients) {
  const Case c = GetParam();
  torch::manual_seed(c.channels * 100 + c.kernel);
  torch::Tensor x = torch::randn({3, c.channels, c.height, c.width}), x_ours = x.clone();
  torch::Tensor weight = torch::randn({c.channels, 1, c.kernel, c.kernel}), weight_ours = weight.clone();
  for (auto* tensor : {&x, &x_ours, &weight, &weight_ours}) tensor->requires_grad_(true);

  const torch::Tensor expected = torch::conv2d(torch::constant_pad_nd(x, {c.left, c.right, c.top, c.bottom}), weight,
                                               {}, c.stride, at::IntArrayRef{0, 0}, c.dilation, c.channels);
  ASSERT_TRUE(can_depthwise_conv(x_ours, weight_ours));
  const torch::Tensor ours =
      depthwise_conv(x_ours, weight_ours, {c.stride, c.dilation, c.top, c.left, expected.size(2), expected.size(3)});
  ASSERT_EQ(expected.sizes(), ours.sizes());
  EXPECT_TRUE(torch::allclose(expected, ours, 1e-5, 1e-5));

  const torch::Tensor slope = torch::randn(expected.sizes());
  expected.backward(slope);
  ours.backward(slope);
  EXPECT_TRUE(torch::allclose(x.grad(), x_ours.grad(), 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(weight.grad(), weight_ours.grad(), 1e-4, 1e-4));
}

INSTANTIATE_TEST_SUITE_P(Geometries, DepthwiseConv,
                         testing::Values(Case{32, 9, 11, 3, 1, 1, 1, 1, 1, 1},     // the plain one
                                         Case{8, 5, 7, 3, 1, 1, 0, 0, 0, 0},       // less than a block, no padding
                                         Case{40, 12, 16, 5, 1, 2, 4, 4, 4, 4},    // dilated, a rest of one lane
                                         Case{144, 33, 34, 5, 2, 1, 1, 2, 1, 2},   // strided, uneven SAME padding
                                         Case{96, 16, 18, 3, 2, 1, 0, 1, 0, 1},    // strided, padding only behind
                                         Case{16, 6, 8, 3, 1, 18, 18, 18, 18, 18}  // most taps beyond the picture
                                         ));

TEST(DepthwiseConv, TakesChannelsFirstAndLast) {
  torch::manual_seed(1);
  const torch::Tensor x = torch::randn({2, 24, 6, 8}), weight = torch::randn({24, 1, 3, 3});
  const DepthwiseGeometry geometry{1, 1, 1, 1, 6, 8};
  const torch::Tensor last = depthwise_conv(x.contiguous(torch::MemoryFormat::ChannelsLast), weight, geometry);
  EXPECT_TRUE(torch::equal(depthwise_conv(x, weight, geometry), last));
  EXPECT_TRUE(last.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(DepthwiseConv, GradientsAreTheSameBitsWithAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  std::vector<torch::Tensor> first;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    torch::manual_seed(1);
    const torch::Tensor x = torch::randn({4, 48, 20, 20}).requires_grad_(true),
                        weight = torch::randn({48, 1, 5, 5}).requires_grad_(true);
    depthwise_conv(x, weight, {1, 1, 2, 2, 20, 20}).square().sum().backward();
    if (first.empty()) {
      first = {x.grad(), weight.grad()};
    } else {
      EXPECT_TRUE(torch::equal(first[0], x.grad()));
      EXPECT_TRUE(torch::equal(first[1], weight.grad()));
    }
  }
  at::set_num_threads(threads);
}

// libtorch's norms, activations and convolution in double precision are the reference.
class DepthwiseConvBetween : public testing::TestWithParam<std::tuple<Case, Activation, bool>> {};

torch::nn::BatchNorm2d made_up_norm(std::int64_t channels) {
  torch::nn::BatchNorm2d norm(torch::nn::BatchNorm2dOptions(channels).eps(1e-3).momentum(0.1));
  const torch::NoGradGuard no_grad;
  norm->weight.copy_(0.5 + torch::rand({channels}));
  norm->bias.copy_(2 * torch::rand({channels}) - 0.5);
  norm->weight[0] = 0;  // a channel that is all bias
  return norm;
}
torch::nn::BatchNorm2d copy_of(torch::nn::BatchNorm2d& norm) {
  torch::nn::BatchNorm2d copy(norm->options);
  const torch::NoGradGuard no_grad;
  copy->weight.copy_(norm->weight);
  copy->bias.copy_(norm->bias);
  return copy;
}
torch::nn::BatchNorm2d in_double(torch::nn::BatchNorm2d& norm) {
  torch::nn::BatchNorm2d copy = copy_of(norm);
  copy->to(torch::kDouble);
  return copy;
}
torch::Tensor activated(const torch::Tensor& x, Activation activation) {
  if (activation == Activation::kRelu) return x.relu();
  return activation == Activation::kRelu6 ? torch::hardtanh(x, 0, 6) : x;
}
double difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>() / (1 + b.abs().max().item<double>());  // some slopes are 0
}

TEST_P(DepthwiseConvBetween, AgreesWithLibtorchInValuesGradientsAndStatistics) {
  const auto& [c, activation, has_before] = GetParam();
  torch::manual_seed(c.channels + c.kernel);
  torch::nn::BatchNorm2d before = made_up_norm(c.channels), after = made_up_norm(c.channels);
  torch::nn::BatchNorm2d before_theirs = in_double(before), after_theirs = in_double(after);
  torch::Tensor x = 3 * torch::randn({3, c.channels, c.height, c.width}) + 5, x_theirs = x.to(torch::kDouble);
  torch::Tensor weight = torch::randn({c.channels, 1, c.kernel, c.kernel}), weight_theirs = weight.to(torch::kDouble);
  for (auto* tensor : {&x, &x_theirs, &weight, &weight_theirs}) tensor->requires_grad_(true);

  const torch::Tensor read = has_before ? activated(before_theirs->forward(x_theirs), activation) : x_theirs;
  const torch::Tensor y = torch::conv2d(torch::constant_pad_nd(read, {c.left, c.right, c.top, c.bottom}), weight_theirs,
                                        {}, c.stride, at::IntArrayRef{0, 0}, c.dilation, c.channels);
  const torch::Tensor expected = activated(after_theirs->forward(y), activation);
  const torch::Tensor ours =
      depthwise_conv_between(has_before ? before.get() : nullptr, x, weight,
                             {c.stride, c.dilation, c.top, c.left, y.size(2), y.size(3)}, *after, activation);
  EXPECT_LT(difference(ours, expected), 2e-5);
  const torch::Tensor slope = torch::randn(expected.sizes());
  expected.backward(slope.to(torch::kDouble));
  ours.backward(slope);
  EXPECT_LT(difference(x.grad(), x_theirs.grad()), 1e-4);
  EXPECT_LT(difference(weight.grad(), weight_theirs.grad()), 1e-4);
  const auto same = [](torch::nn::BatchNorm2d& mine, torch::nn::BatchNorm2d& other) {
    EXPECT_LT(difference(mine->weight.grad(), other->weight.grad()), 1e-4);
    EXPECT_LT(difference(mine->bias.grad(), other->bias.grad()), 1e-4);
    EXPECT_LT(difference(mine->running_mean, other->running_mean), 1e-5);
    EXPECT_LT(difference(mine->running_var, other->running_var), 1e-5);
    EXPECT_EQ(mine->num_batches_tracked.item<int>(), 1);
  };
  same(after, after_theirs);
  if (has_before) same(before, before_theirs);
}
INSTANTIATE_TEST_SUITE_P(Geometries, DepthwiseConvBetween,
                         testing::Combine(testing::Values(Case{32, 9, 11, 3, 1, 1, 1, 1, 1, 1},
                                                          Case{40, 12, 16, 5, 1, 2, 4, 4, 4, 4},
                                                          Case{144, 33, 34, 5, 2, 1, 1, 2, 1, 2},
                                                          Case{48, 40, 300, 3, 2, 1, 0, 1, 0, 1},  // many bands
                                                          Case{16, 6, 8, 3, 1, 18, 18, 18, 18, 18}),
                                          testing::Values(Activation::kNone, Activation::kRelu, Activation::kRelu6),
                                          testing::Bool()));

TEST(DepthwiseConvBetween, ReadsChannelsFromTwoPictures) {
  torch::manual_seed(7);
  torch::nn::BatchNorm2d norm = made_up_norm(88), norm_of_one = copy_of(norm);
  torch::Tensor x = torch::randn({2, 64, 21, 130}), more = torch::randn({2, 24, 21, 130}),
                weight = torch::randn({88, 1, 3, 3});
  torch::Tensor one = torch::cat({x, more}, 1), weight_of_one = weight.clone();
  for (auto* tensor : {&x, &more, &weight, &one, &weight_of_one}) tensor->requires_grad_(true);
  const DepthwiseGeometry geometry{1, 1, 1, 1, 21, 130};
  EXPECT_TRUE(can_depthwise_conv(x, more, weight));
  EXPECT_FALSE(can_depthwise_conv(more, x, weight));  // 24 channels are no multiple of 32
  const torch::Tensor y = depthwise_conv_between(nullptr, x, weight, geometry, *norm, Activation::kRelu, more);
  const torch::Tensor expected =
      depthwise_conv_between(nullptr, one, weight_of_one, geometry, *norm_of_one, Activation::kRelu);
  EXPECT_TRUE(torch::equal(y, expected));
  const torch::Tensor slope = torch::randn(y.sizes());
  y.backward(slope);
  expected.backward(slope);
  EXPECT_TRUE(torch::equal(torch::cat({x.grad(), more.grad()}, 1), one.grad()));
  EXPECT_TRUE(torch::equal(weight.grad(), weight_of_one.grad()));
  EXPECT_TRUE(torch::equal(norm->weight.grad(), norm_of_one->weight.grad()));
}

TEST(DepthwiseConvBetween, MakesTheSameBitsWithAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  std::vector<torch::Tensor> first;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    torch::manual_seed(1);
    torch::nn::BatchNorm2d before = made_up_norm(48), after = made_up_norm(48);
    const torch::Tensor x = torch::randn({4, 48, 40, 100}).requires_grad_(true),
                        weight = torch::randn({48, 1, 5, 5}).requires_grad_(true);
    const torch::Tensor y =
        depthwise_conv_between(before.get(), x, weight, {1, 1, 2, 2, 40, 100}, *after, Activation::kRelu6);
    y.square().sum().backward();
    const std::vector<torch::Tensor> now{
        y, x.grad(), weight.grad(), before->weight.grad(), after->bias.grad(), before->running_var, after->running_var};
    if (first.empty()) first = now;
    for (std::size_t i = 0; i < now.size(); ++i) EXPECT_TRUE(torch::equal(first[i], now[i])) << i << ", " << count;
  }
  at::set_num_threads(threads);
}

TEST(DepthwiseConvBetween, ShowsWhatIsNoNumber) {
  for (const Activation activation : {Activation::kRelu, Activation::kRelu6}) {
    torch::manual_seed(3);
    torch::nn::BatchNorm2d before = made_up_norm(32), after = made_up_norm(32);
    torch::Tensor x = torch::randn({2, 32, 6, 6});
    x[0][5][2][3] = std::numeric_limits<float>::quiet_NaN();
    const torch::Tensor y = depthwise_conv_between(before.get(), x.requires_grad_(), torch::randn({32, 1, 3, 3}),
                                                   {1, 1, 1, 1, 6, 6}, *after, activation);
    EXPECT_TRUE(y.select(1, 5).isnan().all().item<bool>());
    EXPECT_FALSE(y.select(1, 6).isnan().any().item<bool>());
  }
}

TEST(DepthwiseConvBetween, UsesWhatItsNormsHaveTrackedOutsideOfTraining) {
  torch::manual_seed(2);
  torch::nn::BatchNorm2d before = made_up_norm(16), after = made_up_norm(16);
  before->eval();
  after->eval();
  const torch::Tensor x = torch::randn({2, 16, 6, 6}), weight = torch::randn({16, 1, 3, 3});
  const DepthwiseGeometry geometry{1, 1, 1, 1, 6, 6};
  const torch::Tensor expected = after->forward(depthwise_conv(before->forward(x).relu(), weight, geometry)).relu();
  EXPECT_TRUE(
      torch::equal(depthwise_conv_between(before.get(), x, weight, geometry, *after, Activation::kRelu), expected));
}

TEST(DepthwiseConv, LeavesOtherShapesToLibtorch) {
  const torch::Tensor x = torch::zeros({1, 12, 4, 4});
  EXPECT_FALSE(can_depthwise_conv(x, torch::zeros({12, 1, 3, 3})));                            // not eights
  EXPECT_FALSE(can_depthwise_conv(torch::zeros({1, 16, 4, 4}), torch::zeros({16, 1, 7, 7})));  // kernel
  EXPECT_FALSE(can_depthwise_conv(torch::zeros({1, 16, 4, 4}), torch::zeros({16, 2, 3, 3})));  // grouped
  EXPECT_FALSE(can_depthwise_conv(torch::zeros({1, 16, 4, 4}).to(torch::kDouble), torch::zeros({16, 1, 3, 3})));
}

}  // namespace
}  // namespace bramble
