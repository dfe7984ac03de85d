#include "bramble/model/depthwise_conv.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

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

TEST(DepthwiseConv, LeavesOtherShapesToLibtorch) {
  const torch::Tensor x = torch::zeros({1, 12, 4, 4});
  EXPECT_FALSE(can_depthwise_conv(x, torch::zeros({12, 1, 3, 3})));                            // not eights
  EXPECT_FALSE(can_depthwise_conv(torch::zeros({1, 16, 4, 4}), torch::zeros({16, 1, 7, 7})));  // kernel
  EXPECT_FALSE(can_depthwise_conv(torch::zeros({1, 16, 4, 4}), torch::zeros({16, 2, 3, 3})));  // grouped
  EXPECT_FALSE(can_depthwise_conv(torch::zeros({1, 16, 4, 4}).to(torch::kDouble), torch::zeros({16, 1, 3, 3})));
}

}  // namespace
}  // namespace bramble
