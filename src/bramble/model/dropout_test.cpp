#include "bramble/model/dropout.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "bramble/model/torch_threads.hpp"

namespace bramble {
namespace {

TEST(Dropout, DropsItsShareAndKeepsTheMean) {
  torch::manual_seed(1);
  const torch::Tensor x = torch::ones({4, 64, 48, 32});
  const torch::Tensor y = seeded_dropout(x, 0.1, true);
  const auto count = static_cast<double>(x.numel());
  const double zeros = (y == 0).sum().item<double>() / count, deviation = std::sqrt(0.1 * 0.9 / count);
  EXPECT_NEAR(zeros, 0.1, 5 * deviation);
  EXPECT_TRUE(torch::allclose(y.masked_select(y != 0), torch::tensor(1.0F / 0.9F)));
  // Neighbours in memory know nothing of each other.
  const torch::Tensor zero = (y == 0).to(torch::kDouble).reshape({-1});
  for (const std::int64_t apart : {1, 2, 3, 4, 32, 64}) {
    const double both = (zero.slice(0, apart) * zero.slice(0, 0, -apart)).mean().item<double>();
    EXPECT_NEAR(both, 0.01, 5 * std::sqrt(0.01 / count)) << apart;
  }
  EXPECT_FALSE(torch::equal(y, seeded_dropout(x, 0.1, true))) << "each time others";
  torch::manual_seed(1);
  EXPECT_TRUE(torch::equal(y, seeded_dropout(x, 0.1, true))) << "and the same from the same seed";
}

TEST(Dropout, TheSlopeIsDroppedWhereTheValueWas) {
  for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
    const torch::Tensor x = torch::ones({2, 8, 5, 7}).contiguous(format).requires_grad_();
    const torch::Tensor y = seeded_dropout(x, 0.3, true);
    y.backward(torch::ones({2, 8, 5, 7}));  // a slope in the other layout, too
    EXPECT_TRUE(torch::equal(x.grad(), y.detach()));
  }
}

TEST(Dropout, SameBitsForAnyNumberOfThreads) {
  const torch::Tensor x = torch::randn({2, 64, 40, 30});
  const auto with = [&](int threads) {
    set_torch_threads(threads);
    torch::manual_seed(9);
    return seeded_dropout(x, 0.5, true);
  };
  EXPECT_TRUE(torch::equal(with(1), with(3)));
}

TEST(Dropout, DoesNothingOutsideTraining) {
  const torch::Tensor x = torch::randn({2, 3});
  EXPECT_TRUE(seeded_dropout(x, 0.5, false).is_same(x));
  EXPECT_TRUE(seeded_dropout(x, 0, true).is_same(x));
  EXPECT_GT((seeded_dropout(x.to(torch::kDouble).repeat({50, 50}), 0.5, true) == 0).sum().item<int>(), 0);
}

}  // namespace
}  // namespace bramble
