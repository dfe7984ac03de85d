#include "bramble/model/bilinear_resize.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>

#include "bramble/model/torch_threads.hpp"

namespace bramble {
namespace {

namespace F = torch::nn::functional;

TEST(BilinearResize, EqualsPyTorchsForwardsAndBackwards) {
  torch::manual_seed(2);
  const std::array<std::int64_t, 4> sizes[] = {
      {6, 8, 12, 16}, {6, 8, 24, 32}, {5, 7, 13, 9}, {9, 4, 5, 4}, {1, 1, 6, 5}};
  for (const auto& [rows, columns, height, width] : sizes)
    for (const std::int64_t channels : {8, 24, 64}) {
      const torch::Tensor x = torch::randn({3, channels, rows, columns}),
                          slope = torch::randn({3, channels, height, width});
      const torch::Tensor a = x.clone().requires_grad_(), b = x.clone().requires_grad_();
      const torch::Tensor ours = bilinear_resize(a, height, width);
      const torch::Tensor theirs = F::interpolate(b, F::InterpolateFuncOptions()
                                                         .size(std::vector<std::int64_t>{height, width})
                                                         .mode(torch::kBilinear)
                                                         .align_corners(false));
      ours.backward(slope);
      theirs.backward(slope);
      EXPECT_TRUE(ours.is_contiguous(torch::MemoryFormat::ChannelsLast));
      EXPECT_TRUE(torch::allclose(ours, theirs, 1e-5, 1e-5))
          << rows << "x" << columns << " to " << height << "x" << width;
      EXPECT_TRUE(torch::allclose(a.grad(), b.grad(), 1e-4, 1e-4)) << rows << "x" << columns;
    }
}

TEST(BilinearResize, SameBitsForAnyNumberOfThreads) {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({2, 16, 12, 20}), slope = torch::randn({2, 16, 48, 80});
  const auto both = [&](int threads) {
    set_torch_threads(threads);
    const torch::Tensor leaf = x.clone().requires_grad_();
    const torch::Tensor y = bilinear_resize(leaf, 48, 80);
    y.backward(slope);
    return std::pair{y.detach(), leaf.grad()};
  };
  const auto [one, one_slope] = both(1);
  const auto [three, three_slope] = both(3);
  EXPECT_TRUE(torch::equal(one, three));
  EXPECT_TRUE(torch::equal(one_slope, three_slope));
}

TEST(BilinearResize, TakesOnlyWhatItCan) {
  EXPECT_TRUE(can_bilinear_resize(torch::zeros({1, 8, 2, 2})));
  EXPECT_FALSE(can_bilinear_resize(torch::zeros({1, 7, 2, 2})));
  EXPECT_FALSE(can_bilinear_resize(torch::zeros({1, 8, 2, 2}, torch::kDouble)));
}

}  // namespace
}  // namespace bramble
