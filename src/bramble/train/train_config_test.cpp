#include "bramble/train/train_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <numeric>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TrainConfig read(const std::string& text) {
  const fs::path file = fs::temp_directory_path() / ("bramble_train_" + std::to_string(getpid()) + ".yaml");
  write_file_atomically(file, text);
  struct Remove {
    fs::path path;
    ~Remove() { fs::remove(path); }
  } remove{file};
  return load_train_config(file);
}

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "it was read";
}

TEST(TrainConfig, ReadsAFileAndKeepsWhatItDoesNotName) {
  const TrainConfig c = read(
      "model: {architecture: lraspp, backbone: efficientnet-b1, output_stride: 8}\n"
      "epochs: 12\nema: 0.99\noptimizer: {name: sgd, learning_rate: 0.02}\nschedule: {name: cosine}\n"
      "loss: {ohem: 0.3, dice: 0.5, class_weighting: median}\naugment: {jpeg: 0.2, flip: false}\n");
  EXPECT_EQ(c.architecture, "lraspp");
  EXPECT_EQ(c.backbone, "efficientnet-b1");
  EXPECT_EQ(c.output_stride, 8);
  EXPECT_EQ(c.epochs, 12);
  EXPECT_EQ(c.optimizer, "sgd");
  EXPECT_EQ(c.learning_rate, 0.02);
  EXPECT_EQ(c.schedule, "cosine");
  EXPECT_EQ(c.loss.ohem, 0.3);
  EXPECT_EQ(c.loss.dice, 0.5);
  EXPECT_EQ(c.augment.jpeg_chance, 0.2);
  EXPECT_FALSE(c.augment.flip);
  EXPECT_EQ(c.batch, TrainConfig{}.batch);
  EXPECT_EQ(c.loss.aux_weight, 0.4);
  EXPECT_EQ(to_json(read("{}")), to_json(TrainConfig{}));
}

TEST(TrainConfig, NamesMistakes) {
  EXPECT_THAT(refusal("epoch: 3\n"), HasSubstr("epochs"));
  EXPECT_THAT(refusal("model: {architecture: deeplab}\n"), HasSubstr("deeplab"));
  EXPECT_THAT(refusal("model: {output_stride: 12}\n"), HasSubstr("12"));
  EXPECT_THAT(refusal("loss: {ohem: 0}\n"), HasSubstr("ohem"));
  EXPECT_THAT(refusal("batch: 8\nmicro_batches: 3\n"), HasSubstr("micro-batches"));
  EXPECT_THAT(refusal("model: {architecture: lraspp, decoder: skip4}\n"), HasSubstr("skip8"));
  EXPECT_THAT(refusal("augment: {scale_low: 2, scale_high: 1}\n"), HasSubstr("scale"));
}

TEST(ClassWeights, FollowTheirFormulas) {
  const std::vector<double> pixels{800, 150, 50, 0};
  const auto mean = [&](const std::vector<float>& weights) {
    double sum = 0;
    for (std::size_t k = 0; k < 4; ++k) sum += weights[k] * pixels[k] / 1000;
    return sum;
  };
  TrainConfig c;
  c.class_weighting = "none";
  EXPECT_TRUE(class_weights(pixels, c).empty());
  c.class_weighting = "power";
  c.class_balance = 0.5;
  auto w = class_weights(pixels, c);
  EXPECT_NEAR(w[2] / w[0], std::sqrt(16.0), 1e-5);
  EXPECT_NEAR(mean(w), 1, 1e-6);
  EXPECT_EQ(w[3], 1.0F);
  c.class_weighting = "median";
  w = class_weights(pixels, c);
  EXPECT_NEAR(w[2] / w[0], 16, 1e-4);
  EXPECT_NEAR(mean(w), 1, 1e-6);
  c.class_weighting = "log";
  w = class_weights(pixels, c);
  EXPECT_NEAR(w[2] / w[0], std::log(1.82) / std::log(1.07), 1e-4);
}

TEST(Schedule, WarmsUpAndFallsToNothing) {
  for (const char* name : {"poly", "cosine"}) {
    TrainConfig c;
    c.schedule = name;
    c.learning_rate = 2;
    c.warm_up = 0.1;
    EXPECT_NEAR(rate_at(c, 0, 1000), 0.02, 1e-12);
    EXPECT_NEAR(rate_at(c, 99, 1000), 2, 1e-12);
    EXPECT_NEAR(rate_at(c, 100, 1000), 2, 1e-12);
    EXPECT_LT(rate_at(c, 999, 1000), 0.01);
    for (std::size_t s = 101; s < 1000; ++s) ASSERT_LT(rate_at(c, s, 1000), rate_at(c, s - 1, 1000));
  }
  TrainConfig c;
  c.warm_up = 0;
  EXPECT_NEAR(rate_at(c, 500, 1000), c.learning_rate * std::pow(1 - 499.0 / 1000, 0.9), 1e-12);
  c.schedule = "cosine";
  EXPECT_NEAR(rate_at(c, 501, 1000), c.learning_rate / 2, 1e-6);
}

}  // namespace
}  // namespace bramble
