#include "bramble/train/trainer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/cuda.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/dataset/model_package.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/model/installed_weights.hpp"
#include "bramble/train/sample_cache.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Ontology three_classes() {
  return Ontology("three",
                  {{0, "earth", {120, 80, 40}, 1}, {1, "leaf", {30, 120, 30}, 2}, {2, "sky", {90, 140, 230}, 3}});
}

class Training : public testing::Test {
 protected:
  void SetUp() override {
    set_verbosity(Verbosity::kQuiet);
    set_thread_count(1);
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    fs::remove_all(folder_);
    set_thread_count(0);
  }

  /// Pictures of sky over earth with a bush, in noisy colours of the classes; edges lie on a grid of 4 pixels. The
  /// first `different` ones come again and again.
  fs::path make_data(const std::string& name, int samples, int width, int height, std::uint64_t seed,
                     const Ontology& ontology = three_classes(), int different = 1000) const {
    DatasetWriter writer(folder_ / name, ontology, false);
    for (int i = 0; i < samples; ++i) {
      Random random(seed, 0, static_cast<std::uint64_t>(i % different));
      const auto side = [&](int size, double low, double high) {
        return static_cast<int>(random.uniform(low, high) * size) / 4 * 4;
      };
      const int horizon = side(height, 0.3, 0.7), left = side(width, 0.0, 0.5), right = left + side(width, 0.25, 0.5);
      const int top = side(height, 0.2, 0.5), bottom = top + side(height, 0.3, 0.5);
      ImageU8 rgb(width, height, 3), label(width, height, 1);
      for (int v = 0; v < height; ++v)
        for (int u = 0; u < width; ++u) {
          const bool bush = u >= left && u < right && v >= top && v < bottom;
          const int id = bush ? 1 : v < horizon ? 2 : 0;
          *label.at(u, v) = static_cast<std::uint8_t>(id);
          for (int c = 0; c < 3; ++c)
            rgb.at(u, v)[c] = static_cast<std::uint8_t>(std::clamp(
                ontology[static_cast<ClassId>(id)].color[static_cast<std::size_t>(c)] + random.uniform(-25, 25), 0.0,
                255.0));
        }
      writer.add("s" + std::to_string(i), i, "train", rgb, label);
    }
    writer.finish();
    return folder_ / name;
  }

  TrainOptions quick(const std::string& output) const {
    TrainOptions options;
    options.train_data = folder_ / "train";
    options.val_data = folder_ / "val";
    options.output = folder_ / output;
    options.epochs = 4;
    options.batch = 2;
    options.seed = 5;
    options.device = "cpu";  // equal to the bit
    return options;
  }

  static std::string refusal(const TrainOptions& options) {
    try {
      train(options);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
      return error.what();
    }
    return "it was trained";
  }

  static nlohmann::json without_times(nlohmann::json history) {
    for (auto& entry : history) entry.erase("seconds");
    return history;
  }
  static std::vector<std::string> files(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    return names;
  }

  fs::path folder_ = fs::temp_directory_path() / ("bramble_train_" + std::to_string(getpid()));
};

TEST_F(Training, LearnsFourPictures) {
  make_data("train", 40, 64, 48, 1, three_classes(), 4);  // ten steps an epoch
  make_data("val", 4, 64, 48, 1);
  TrainOptions options = quick("model");
  options.batch = 4;
  options.epochs = 4;
  options.augment = {false, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const auto history = train(options).history;
  EXPECT_LT(history.back()["loss"].get<double>(), 0.7 * history.front()["loss"].get<double>()) << history.dump();
}

// Eight pictures that it sees again and again, without augmentation: what cannot learn these by heart learns nothing.
TEST_F(Training, LearnsEightPicturesByHeart) {
  make_data("train", 160, 96, 64, 3, three_classes(), 8);  // twenty steps an epoch
  make_data("val", 8, 96, 64, 3);
  TrainOptions options = quick("model");
  options.batch = 8;
  options.epochs = 10;
  options.augment = {false, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  // (From random weights, running means of a momentum of 0.01 would need thousands of steps.)
  options.weights = installed_lite0_weights();
  if (!fs::exists(options.weights)) GTEST_SKIP() << "the ImageNet weights are not installed: ./bramble setup";
  const TrainReport report = train(options);
  EXPECT_GE(report.best_accuracy, 0.99) << report.history.dump();
}

TEST_F(Training, OnAGpuLearnsAndIsTakenUpAgain) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "there is no CUDA GPU";
  make_data("train", 8, 96, 64, 1);
  make_data("val", 4, 96, 64, 2);
  TrainOptions options = quick("gpu");
  options.device = "cuda";
  options.epochs = 12;
  options.batch = 4;
  options.after_epoch = [](const nlohmann::json& entry) {
    if (entry.at("epoch") == 6) throw Error("a power cut");
  };
  EXPECT_THROW(train(options), Error);
  options.after_epoch = nullptr;
  const TrainReport report = train(options);
  EXPECT_EQ(report.history.size(), 12U);
  EXPECT_LT(report.history.back().at("loss").get<double>(), 0.8 * report.history.front().at("loss").get<double>());
  EXPECT_THAT(load_model_info(options.output).provenance.at("device"), HasSubstr("GPU"));
}

TEST_F(Training, TakenUpAgainEndsWithTheSameBits) {
  set_thread_count(2);
  make_data("train", 5, 48, 32, 1);
  make_data("val", 3, 48, 32, 2);
  const TrainReport whole = train(quick("whole"));
  EXPECT_EQ(whole.history.size(), 4U);
  EXPECT_THAT(files(folder_ / "whole"),
              testing::UnorderedElementsAre("model.yaml", "ontology.yaml", "weights.safetensors", "history.json",
                                            "training.html"));

  struct PulledPlug {};
  TrainOptions options = quick("broken");
  for (const int stop : {1, 3}) {
    options.after_epoch = [stop](const nlohmann::json& entry) {
      if (entry.at("epoch") == stop) throw PulledPlug();
    };
    EXPECT_THROW(train(options), PulledPlug);
    EXPECT_FALSE(fs::exists(options.output / "model.yaml"));
  }
  options.after_epoch = nullptr;
  const TrainReport resumed = train(options);
  EXPECT_EQ(without_times(resumed.history), without_times(whole.history));
  EXPECT_EQ(resumed.best_epoch, whole.best_epoch);
  EXPECT_EQ(resumed.best_miou, whole.best_miou);
  EXPECT_EQ(read_file(folder_ / "broken/weights.safetensors"), read_file(folder_ / "whole/weights.safetensors"));
  EXPECT_EQ(read_file(folder_ / "broken/ontology.yaml"), read_file(folder_ / "whole/ontology.yaml"));
  EXPECT_EQ(files(folder_ / "broken").size(), 5U);

  // The package says where it comes from, and a second call has nothing to do.
  const ModelInfo info = load_model_info(folder_ / "broken");
  EXPECT_EQ(info.width, 48);
  EXPECT_EQ(info.height, 32);
  EXPECT_EQ(info.ontology, three_classes());
  EXPECT_EQ(info.provenance.at("train_samples"), "5");
  EXPECT_EQ(info.provenance.at("seed"), "5");
  const auto before = fs::last_write_time(folder_ / "broken/weights.safetensors");
  EXPECT_TRUE(train(options).was_complete);
  EXPECT_EQ(fs::last_write_time(folder_ / "broken/weights.safetensors"), before);

  // Another seed gives other weights, and needs another folder.
  options.seed = 6;
  EXPECT_THAT(refusal(options), HasSubstr("another training"));
  options.output = folder_ / "other";
  options.epochs = 1;
  train(options);
  TrainOptions one = quick("one");
  one.epochs = 1;
  train(one);
  EXPECT_NE(read_file(folder_ / "one/weights.safetensors"), read_file(folder_ / "other/weights.safetensors"));
}

TEST_F(Training, DamagedOrForeignCheckpointsAreRefused) {
  make_data("train", 4, 32, 32, 1);
  make_data("val", 1, 32, 32, 2);
  struct PulledPlug {};
  TrainOptions options = quick("model");
  options.epochs = 2;
  options.after_epoch = [](const nlohmann::json&) { throw PulledPlug(); };
  EXPECT_THROW(train(options), PulledPlug);
  TrainOptions other = options;
  other.learning_rate = 1e-4;
  EXPECT_THAT(refusal(other), HasSubstr("other options"));
  const auto checkpoint = read_file(options.output / "checkpoint_1.pt");
  write_file_atomically(options.output / "checkpoint_1.pt", std::span(checkpoint).first(checkpoint.size() / 2));
  EXPECT_THAT(refusal(options), HasSubstr("checkpoint_1.pt"));
  fs::remove(options.output / "checkpoint_1.pt");
  EXPECT_THAT(refusal(options), HasSubstr("checkpoint_1.pt"));
  const std::string state = read_text_file(options.output / "state.json");
  write_file_atomically(options.output / "state.json", std::string_view(state).substr(0, state.size() / 2));
  EXPECT_THAT(refusal(options), HasSubstr("state.json is damaged"));
  options.resume = false;
  options.after_epoch = nullptr;
  EXPECT_EQ(train(options).history.size(), 2U);
}

TEST_F(Training, ThatDivergesSaysSoAndKeepsTheLastEpoch) {
  make_data("train", 4, 32, 32, 1);
  make_data("val", 1, 32, 32, 2);
  TrainOptions options = quick("model");
  options.learning_rate = 1e30;
  options.warm_up = 0;
  EXPECT_THAT(refusal(options), HasSubstr("not a number"));
  EXPECT_FALSE(fs::exists(options.output / "model.yaml"));
}

TEST_F(Training, WithMistakesIsRefusedInOneLine) {
  make_data("train", 3, 64, 48, 1);
  make_data("val", 2, 64, 48, 2);
  TrainOptions options = quick("model");
  options.train_data = folder_ / "nowhere";
  EXPECT_THAT(refusal(options), HasSubstr("nowhere"));

  options = quick("model");
  options.batch = 8;
  EXPECT_THAT(refusal(options), testing::AllOf(HasSubstr("3 samples"), HasSubstr("batch of 8")));
  options = quick("model");
  options.limit = 1;
  EXPECT_THAT(refusal(options), HasSubstr("1 samples"));
  options.batch = 1;
  EXPECT_THAT(refusal(options), HasSubstr("batch of 1 is too small"));

  options = quick("model");
  options.width = 60;
  options.height = 48;
  EXPECT_THAT(refusal(options), testing::AllOf(HasSubstr("60x48"), HasSubstr("16")));
  options = quick("model");
  options.backbone = "resnet50";
  EXPECT_THAT(refusal(options), HasSubstr("resnet50"));
  options = quick("model");
  options.weights = folder_ / "train/index.csv";
  EXPECT_THAT(refusal(options), HasSubstr("index.csv"));
  options.weights = folder_ / "missing.pth";
  EXPECT_THAT(refusal(options), HasSubstr("missing.pth"));

  Ontology other("three",
                 {{0, "earth", {120, 80, 40}, 1}, {1, "sky", {90, 140, 230}, 3}, {2, "leaf", {30, 120, 30}, 2}});
  options = quick("model");
  options.val_data = make_data("foreign", 2, 64, 48, 3, other);
  EXPECT_THAT(refusal(options), HasSubstr("different classes"));

  // A label value that the ontology lacks.
  options = quick("model");
  options.val_data = make_data("strange", 2, 64, 48, 3);
  const Dataset strange = Dataset::open(options.val_data);
  const fs::path label = strange.folder() / strange.samples()[1].label;
  write_png(label, ImageU8(64, 48, 1, 3));
  EXPECT_THAT(refusal(options), testing::AllOf(HasSubstr(label.filename().string()), HasSubstr("3")));
  write_file_atomically(label, std::string_view("not a picture"));
  EXPECT_THAT(refusal(options), HasSubstr(label.filename().string()));
  EXPECT_FALSE(fs::exists(folder_ / "model" / "model.yaml"));
}

// Pictures without any label must not poison the others; sizes that differ are brought to the network's.
TEST_F(Training, BearsIgnoredPicturesAndOtherSizes) {
  make_data("train", 2, 64, 48, 1);
  make_data("val", 2, 80, 60, 2);
  const Dataset data = Dataset::open(folder_ / "train");
  for (const auto& sample : data.samples()) write_png(data.folder() / sample.label, ImageU8(64, 48, 1, kIgnoreId));
  TrainOptions options = quick("model");
  options.epochs = 1;
  options.class_balance = 0.5;
  const TrainReport report = train(options);
  EXPECT_EQ(report.history[0]["loss"].get<double>(), 0.0);
  for (const auto& [name, tensor] : read_safetensors(model_weights_file(options.output)))
    for (const float value : tensor.values) ASSERT_TRUE(std::isfinite(value)) << name;
}

TEST_F(Training, ReadsTheSameSamplesWithAndWithoutMemory) {
  const Dataset data = Dataset::open(make_data("train", 5, 64, 48, 1));
  const SampleCache kept(data, 32, 32, 0, 1 << 30), fresh(data, 32, 32, 0, 1);
  ASSERT_EQ(kept.size(), 5U);
  ASSERT_EQ(fresh.size(), 5U);
  SampleCache::Pair a, b;
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(kept.get(i, a).rgb, fresh.get(i, b).rgb);
    EXPECT_EQ(kept.get(i, a).label, fresh.get(i, b).label);
    EXPECT_EQ(kept.get(i, a).rgb, resize_picture(data.load_image(i), 32, 32));
    EXPECT_EQ(kept.get(i, a).label, resize_labels(data.load_label(i), 32, 32));
  }
  const SampleCache two(data, 32, 32, 2, 1 << 30);
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two.get(1, a).rgb, kept.get(2, b).rgb);  // spread evenly
}

// The rarest way to fail: a disk that is full when a checkpoint is due. A limit on the size of files stands for it.
TEST_F(Training, OnAFullDiskKeepsTheLastEpoch) {
  make_data("train", 4, 32, 32, 1);
  make_data("val", 1, 32, 32, 2);
  TrainOptions options = quick("model");
  options.epochs = 3;
  const TrainReport whole = train([&] {
    TrainOptions other = options;
    other.output = folder_ / "whole";
    return other;
  }());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  options.after_epoch = [&](const nlohmann::json& entry) {
    if (entry.at("epoch") != 1) return;
    rlimit small = before;
    small.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &small);
  };
  const std::string message = refusal(options);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("cannot write"));
  EXPECT_TRUE(fs::exists(options.output / "checkpoint_1.pt"));
  for (const auto& name : files(options.output)) EXPECT_FALSE(name.ends_with(".partial")) << name;
  options.after_epoch = nullptr;
  EXPECT_EQ(without_times(train(options).history), without_times(whole.history));
  EXPECT_EQ(read_file(options.output / "weights.safetensors"), read_file(folder_ / "whole/weights.safetensors"));
}

TEST_F(Training, EndsEarlyWithoutProgress) {
  make_data("train", 4, 32, 32, 1);
  make_data("val", 2, 32, 32, 2);
  TrainOptions options = quick("model");
  options.epochs = 50;
  options.patience = 2;
  options.learning_rate = 1e-9;  // nothing is learnt, so nothing gets better for long
  const TrainReport report = train(options);
  EXPECT_TRUE(report.stopped_early);
  EXPECT_LT(report.history.size(), 50U);
  EXPECT_EQ(static_cast<int>(report.history.size()), report.best_epoch + 2);
  EXPECT_TRUE(fs::exists(options.output / "model.yaml"));
  EXPECT_TRUE(train(options).was_complete);
}

// Averaged weights and another optimizer survive a break too.
TEST_F(Training, WithEveryOptionIsTakenUpAgain) {
  make_data("train", 4, 32, 32, 1);
  make_data("val", 1, 32, 32, 2);
  TrainOptions options = quick("whole");
  options.optimizer = "sgd";
  options.learning_rate = 0.01;
  options.schedule = "cosine";
  options.ema = 0.9;
  options.loss = {.aux_weight = 0.3, .label_smoothing = 0.05, .ohem = 0.5, .dice = 0.5, .lovasz = 0.5};
  options.class_weighting = "median";
  options.augment.class_crop = options.augment.jpeg_chance = options.augment.noise_chance =
      options.augment.weather_chance = 0.5;
  options.epochs = 3;
  options.architecture = "deeplabv3plus";
  const TrainReport whole = train(options);
  struct PulledPlug {};
  options.output = folder_ / "broken";
  options.after_epoch = [](const nlohmann::json&) { throw PulledPlug(); };
  EXPECT_THROW(train(options), PulledPlug);
  options.after_epoch = nullptr;
  EXPECT_EQ(without_times(train(options).history), without_times(whole.history));
  EXPECT_EQ(read_file(options.output / "weights.safetensors"), read_file(folder_ / "whole/weights.safetensors"));
  const std::string page = read_text_file(options.output / "training.html");
  EXPECT_THAT(page, HasSubstr("epoch 3 of 3 · finished"));
  EXPECT_THAT(page, testing::Not(HasSubstr("http-equiv")));
  EXPECT_THAT(page, HasSubstr("lovasz"));
}

// A class that the data lack is told, and harms nothing.
TEST_F(Training, BearsAClassWithoutPixels) {
  const Ontology four("four", {{0, "earth", {120, 80, 40}, 1},
                               {1, "leaf", {30, 120, 30}, 2},
                               {2, "sky", {90, 140, 230}, 3},
                               {3, "unicorn", {255, 0, 255}, 4}});
  make_data("train", 2, 32, 32, 1, four);
  make_data("val", 1, 32, 32, 2, four);
  TrainOptions options = quick("model");
  options.epochs = 1;
  options.loss.dice = options.loss.lovasz = 1;
  options.class_weighting = "median";
  EXPECT_TRUE(std::isfinite(train(options).history[0]["loss"].get<double>()));
}

}  // namespace
}  // namespace bramble
