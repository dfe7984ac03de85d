#include "bramble/train/train_step.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/model/acfnet.hpp"
#include "bramble/model/recorded_work.hpp"
#include "bramble/model/torch_device.hpp"
#include "bramble/train/checkpoint.hpp"
#include "bramble/train/fused_adamw.hpp"

namespace bramble {
namespace {

constexpr int kClasses = 3;

// Patches of noisy colour, one colour a class.
Batch patches() {
  Batch batch{torch::empty({4, 3, 64, 96}), torch::empty({4, 64, 96}, torch::kLong)};
  auto image = batch.image.accessor<float, 4>();
  auto label = batch.label.accessor<std::int64_t, 3>();
  Random random(3, stream_of("patches"));
  for (int n = 0; n < 4; ++n)
    for (int v = 0; v < 64; ++v)
      for (int u = 0; u < 96; ++u) {
        const int id = (n + u / 32 + v / 32) % kClasses;
        label[n][v][u] = id;
        for (int c = 0; c < 3; ++c) image[n][c][v][u] = 0.2F + (c == id ? 0.5F : 0.0F) + 0.2F * random.uniform();
      }
  return batch;
}

TrainStep fresh_step(const TrainStepOptions& options = {}) {
  torch::manual_seed(7);
  auto network = std::make_shared<AcfNetImpl>("efficientnet-lite0", "skip2", kClasses);
  network->train();
  return {network, ModelInfo{}, options};
}

// Dropout draws other numbers on a GPU.
void without_dropout(TrainStep& step) { step.network()->eval(); }

double relative_difference(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor x = a.detach().cpu().to(torch::kDouble), y = b.detach().cpu().to(torch::kDouble);
  return (x - y).norm().item<double>() / std::max(y.norm().item<double>(), 1e-12);
}

TEST(TrainStep, InBfloat16StaysBesideFloatAndLearns) {
  const Batch batch = patches();
  TrainStep exact = fresh_step(), mixed = fresh_step({.precision = torch::kBFloat16});
  const double first = mixed.learn(batch, 1e-3);
  EXPECT_NEAR(first, exact.learn(batch, 1e-3), 0.02 * first);
  double last = first;
  for (int i = 0; i < 10; ++i) last = mixed.learn(batch, 1e-3);
  EXPECT_LT(last, 0.7 * first);
  for (const auto& parameter : mixed.network()->parameters()) EXPECT_EQ(parameter.scalar_type(), torch::kFloat);
}

TEST(FusedAdamW, IsAdamW) {
  const auto setting = torch::optim::AdamWOptions(1e-2).weight_decay(0.1);
  torch::manual_seed(1);
  std::vector<torch::Tensor> ours, theirs;
  for (const auto& shape : {std::vector<std::int64_t>{8, 4, 3, 3}, {150, 250, 1, 1}, {7}}) {
    torch::Tensor values = torch::randn(shape);
    if (values.dim() == 4) values = values.contiguous(torch::MemoryFormat::ChannelsLast);
    ours.push_back(values.clone().requires_grad_());
    theirs.push_back(values.clone().requires_grad_());
  }
  torch::optim::AdamW mine(ours, setting), reference(theirs, setting);
  for (int step = 0; step < 5; ++step) {
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (i == 2 && step < 2) continue;                           // one that has learnt less often
      const torch::Tensor slope = torch::randn(ours[i].sizes());  // laid out otherwise than its parameter
      ours[i].mutable_grad() = slope.clone();
      theirs[i].mutable_grad() = slope.clone();
    }
    fused_step(mine);
    reference.step();
  }
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_LT(relative_difference(ours[i], theirs[i]), 1e-6);
}

TEST(LossScale, LeavesOutStepsThatOverflow) {
  LossScale scale(true);
  const double before = scale.factor();
  std::vector<torch::Tensor> slopes{torch::full({4}, static_cast<float>(before))};
  EXPECT_TRUE(scale.unscale(slopes));
  EXPECT_TRUE(torch::equal(slopes[0], torch::ones({4})));
  slopes[0][2] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(scale.unscale(slopes));
  EXPECT_EQ(scale.factor(), before / 2);
  EXPECT_TRUE(LossScale(false).unscale(slopes));
}

TEST(TorchDevice, RefusesWhatIsNotThere) {
  EXPECT_TRUE(torch_device("cpu").is_cpu());
  EXPECT_THROW(torch_device("gpu"), Error);
  EXPECT_THROW(torch_device("cuda:x"), Error);
  EXPECT_THROW(torch_device("cuda:99"), Error);
  if (!torch::cuda::is_available()) {
    EXPECT_TRUE(torch_device("auto").is_cpu());
    EXPECT_THROW(torch_device("cuda"), Error);
  }
}

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "there is no CUDA GPU";
    device_ = torch_device("cuda");
    at::globalContext().setAllowTF32CuDNN(false);  // the products of float as float
  }
  torch::Device device_ = torch::kCPU;
};

TEST_F(OnGpu, LossAndGradientsAreTheProcessorsOwn) {
  const Batch batch = patches();
  TrainStep cpu = fresh_step(), gpu = fresh_step({.device = device_});
  without_dropout(cpu);
  without_dropout(gpu);
  cpu.begin();
  gpu.begin();
  const double loss = cpu.accumulate(batch, 1);
  EXPECT_NEAR(gpu.accumulate(batch, 1), loss, 1e-4 * loss);
  const auto expected = cpu.gradients(), found = gpu.gradients();
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_LT(relative_difference(found[i], expected[i]), 2e-3) << "parameter " << i;
}

TEST_F(OnGpu, EveryPrecisionLearns) {
  const Batch batch = patches();
  for (const auto type : {torch::kFloat, torch::kBFloat16, torch::kHalf}) {
    TrainStep step = fresh_step({.device = device_, .precision = type});
    const double first = step.learn(batch, 1e-3);
    double last = first;
    const int steps = type == torch::kHalf ? 30 : 10;  // the first ones look for a scale that holds
    for (int i = 0; i < steps; ++i) last = step.learn(batch, 1e-3);
    EXPECT_LT(last, 0.7 * first) << type;
  }
}

class RecordedOnGpu : public OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    if (!IsSkipped() && !RecordedWork::possible()) GTEST_SKIP() << "built without the CUDA runtime's headers";
  }
};

TEST_F(RecordedOnGpu, StepsAreTheSteps) {
  const Batch batch = patches();
  TrainStep plain = fresh_step({.ema = 0.9, .device = device_, .record = false});
  TrainStep recorded = fresh_step({.ema = 0.9, .device = device_});
  without_dropout(plain);
  without_dropout(recorded);
  for (int i = 0; i < 8; ++i) {
    const double rate = 1e-3 / (1 + i);  // the recording must see that it changes
    const double expected = plain.learn(batch, rate);
    EXPECT_NEAR(recorded.learn(batch, rate), expected, 2e-3 * expected) << "step " << i;
  }
  EXPECT_FALSE(plain.is_recorded());
  EXPECT_TRUE(recorded.is_recorded());
  EXPECT_EQ(recorded.steps_done(), 8);
  const auto expected = plain.network()->parameters(), found = recorded.network()->parameters();
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_LT(relative_difference(found[i], expected[i]), 2e-2) << "parameter " << i;
  for (std::size_t i = 0; i < plain.average().size(); ++i)
    EXPECT_LT(relative_difference(recorded.average()[i], plain.average()[i]), 2e-2) << "average " << i;
}

TEST_F(RecordedOnGpu, StepsLearnInBfloat16WithDropoutThatChanges) {
  const Batch batch = patches();
  TrainStep step = fresh_step({.device = device_, .precision = torch::kBFloat16});
  const double first = step.learn(batch, 1e-3);
  double last = first;
  for (int i = 0; i < 15; ++i) last = step.learn(batch, 1e-3);
  EXPECT_TRUE(step.is_recorded());
  EXPECT_LT(last, 0.7 * first);
  // At a rate of 0 nothing is learnt: only dropout differs, and the same seed gives the same again.
  const auto loss_at = [&](std::uint64_t seed) {
    torch::manual_seed(seed);
    return step.learn(batch, 0);
  };
  const double one = loss_at(1), two = loss_at(2);
  EXPECT_NE(one, two);
  EXPECT_NEAR(loss_at(1), one, 0.1 * std::abs(one - two));
}

TEST_F(RecordedOnGpu, ALossThatIsNoNumberChangesNoWeight) {
  const Batch batch = patches();
  TrainStep step = fresh_step({.device = device_});
  without_dropout(step);
  for (int i = 0; i < 5; ++i) step.learn(batch, 1e-3);
  ASSERT_TRUE(step.is_recorded());
  std::vector<torch::Tensor> before;
  for (const auto& parameter : step.network()->parameters()) before.push_back(parameter.detach().clone());
  Batch bad = patches();
  bad.image[0][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(step.learn(bad, 1e-3)));
  EXPECT_EQ(step.steps_done(), 5);
  const auto after = step.network()->parameters();
  for (std::size_t i = 0; i < after.size(); ++i) EXPECT_TRUE(torch::equal(after[i], before[i])) << "parameter " << i;
  const double next = step.learn(batch, 1e-3);
  EXPECT_TRUE(std::isfinite(next));
  EXPECT_EQ(step.steps_done(), 6);
}

TEST_F(RecordedOnGpu, OtherSizesAndLoadedTensorsAreRecordedAnew) {
  const Batch batch = patches(), half{batch.image.narrow(0, 0, 2), batch.label.narrow(0, 0, 2)};
  TrainStep step = fresh_step({.device = device_});
  for (int i = 0; i < 5; ++i) step.learn(batch, 1e-3);
  const double before = step.learn(batch, 1e-3);
  EXPECT_TRUE(std::isfinite(step.learn(half, 1e-3)));
  for (int i = 0; i < 5; ++i) EXPECT_LT(step.learn(batch, 1e-3), 1.5 * before);
  const std::string bytes = checkpoint_bytes(step);
  restore_checkpoint(step, bytes, "bytes");
  EXPECT_FALSE(step.is_recorded());
  for (int i = 0; i < 5; ++i) EXPECT_LT(step.learn(batch, 1e-3), 1.5 * before);
  EXPECT_TRUE(step.is_recorded());
}

TEST_F(OnGpu, CheckpointsCrossDevices) {
  const Batch batch = patches();
  TrainStep gpu = fresh_step({.ema = 0.9, .device = device_});
  for (int i = 0; i < 3; ++i) gpu.learn(batch, 1e-3);
  const std::string bytes = checkpoint_bytes(gpu);
  TrainStep cpu = fresh_step({.ema = 0.9}), again = fresh_step({.ema = 0.9, .device = device_});
  restore_checkpoint(cpu, bytes, "bytes");
  restore_checkpoint(again, bytes, "bytes");
  for (TrainStep* step : {&gpu, &cpu, &again}) without_dropout(*step);
  const double expected = gpu.learn(batch, 1e-3);
  EXPECT_NEAR(cpu.learn(batch, 1e-3), expected, 1e-3 * expected);
  EXPECT_NEAR(again.learn(batch, 1e-3), expected, 1e-5 * expected);
  const auto then = gpu.gradients();
  EXPECT_TRUE(then[0].is_cuda());
  EXPECT_TRUE(cpu.gradients()[0].is_cpu());
}

}  // namespace
}  // namespace bramble
