#include "bramble/infer/engine.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/infer/network.hpp"
#include "bramble/infer/plain_network.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
constexpr int kWidth = 96;
constexpr int kHeight = 64;

/// A package with made-up weights in a folder of its own.
class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("bramble_engine_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    plain::Network(made_up_).logits(plain::Planes(3, kHeight, kWidth), 3, "skip4");
    write(tensors());
    picture_ = ImageU8(kWidth, kHeight, 3);
    Random random(4, stream_of("picture"));
    for (int v = 0; v < kHeight; ++v)
      for (int u = 0; u < kWidth; ++u)
        for (int c = 0; c < 3; ++c)
          picture_.at(u, v)[c] = static_cast<std::uint8_t>((u / 16 * 40 + v / 16 * 25 * c + random.below(60)) % 256);
  }
  void TearDown() override { fs::remove_all(folder_); }

  TensorMap tensors() {
    TensorMap map;
    for (const auto& [name, entry] : made_up_.all()) map[name] = {entry.shape, entry.values};
    return map;
  }
  void write(const TensorMap& map) {
    ModelInfo info;
    info.width = kWidth;
    info.height = kHeight;
    info.ontology = Ontology("t", {{0, "grass", {0, 9, 0}, 1}, {1, "dirt", {9, 9, 0}, 2}, {2, "sky", {0, 0, 9}, 3}});
    info.history = nlohmann::json::array();
    fs::create_directories(folder_);
    write_safetensors(model_weights_file(folder_), map);
    save_model_info(folder_, info);
  }
  std::string open_error() {
    try {
      Engine::open(folder_);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  fs::path folder_;
  plain::Tensors made_up_;
  ImageU8 picture_;
};

TEST_F(EngineTest, LabelsAreThoseOfThePlainNetwork) {
  plain::Planes image(3, kHeight, kWidth);
  for (int c = 0; c < 3; ++c)
    for (int v = 0; v < kHeight; ++v)
      for (int u = 0; u < kWidth; ++u) image.at(c, v, u) = (picture_.at(u, v)[c] - 127.0) / 128.0;
  const plain::Planes logits = plain::Network(made_up_).logits(image, 3, ModelInfo().decoder);
  const plain::Planes full = plain::Network::resize(logits, kHeight, kWidth);
  const ImageU8 labels = Engine::open(folder_)->segment(picture_);
  int close_calls = 0;
  for (int v = 0; v < kHeight; ++v)
    for (int u = 0; u < kWidth; ++u) {
      std::vector<std::pair<double, int>> order;
      for (int k = 0; k < 3; ++k) order.emplace_back(-full.at(k, v, u), k);
      std::sort(order.begin(), order.end());
      if (order[1].first - order[0].first < 1e-3) {
        ++close_calls;
        continue;
      }
      ASSERT_EQ(*labels.at(u, v), order[0].second) << u << ", " << v;
    }
  EXPECT_LT(close_calls, kWidth * kHeight / 50);
}

TEST_F(EngineTest, BgraRowsWithPaddingAndThreadCountsGiveTheSameLabels) {
  const auto engine = Engine::open(folder_, {.threads = 1});
  const ImageU8 expected = engine->segment(picture_);
  for (const std::size_t extra : {0, 20}) {
    const std::size_t step = kWidth * 4 + extra;
    std::vector<std::uint8_t> bgra(step * kHeight, 77);
    for (int v = 0; v < kHeight; ++v)
      for (int u = 0; u < kWidth; ++u)
        for (int c = 0; c < 3; ++c) bgra[v * step + u * 4 + c] = picture_.at(u, v)[2 - c];
    EXPECT_EQ(engine->segment(PictureView{kWidth, kHeight, 4, step, bgra}), expected) << extra << " extra bytes a row";
  }
  EXPECT_EQ(Engine::open(folder_, {.threads = 2})->segment(picture_), expected);
}

TEST_F(EngineTest, APictureOfAnotherSizeIsLabelledAtItsOwnSize) {
  const auto engine = Engine::open(folder_);
  const ImageU8 labels = engine->segment(resize_picture(picture_, 250, 190));
  EXPECT_EQ(labels.width, 250);
  EXPECT_EQ(labels.height, 190);
  EXPECT_THROW(engine->segment(ImageU8()), Error);
  EXPECT_THROW(engine->segment(ImageU8(8, 8, 2)), Error);
}

TEST_F(EngineTest, StreamsAndBatchesGiveTheLabelsOfOneByOne) {
  const auto single = Engine::open(folder_);
  std::vector<ImageU8> pictures;
  for (int i = 0; i < 7; ++i) pictures.push_back(resize_picture(picture_, i == 3 ? 50 : kWidth, kHeight + i % 2));
  std::vector<PictureView> views;
  for (const ImageU8& p : pictures)
    views.push_back({p.width, p.height, 3, static_cast<std::size_t>(p.width) * 3, p.data});
  for (const auto& [streams, batch] : {std::pair{1, 1}, {2, 1}, {1, 3}, {2, 2}}) {
    const auto engine = Engine::open(folder_, {.threads = 2, .streams = streams, .batch = batch});
    for (int round = 0; round < 2; ++round) {
      const auto labels = engine->segment_all(views);
      ASSERT_EQ(labels.size(), views.size());
      for (std::size_t i = 0; i < views.size(); ++i) {
        const ImageU8 expected = single->segment(pictures[i]);
        ASSERT_EQ(labels[i].width, expected.width);
        std::size_t different = 0;  // another blocking of the sums may tip a pixel on an edge between two classes
        for (std::size_t p = 0; p < expected.data.size(); ++p)
          different += labels[i].data[p] != expected.data[p] ? 1 : 0;
        EXPECT_LE(different, expected.data.size() / 200) << streams << " streams, batch " << batch << ", picture " << i;
      }
    }
  }
  EXPECT_TRUE(single->segment_all({}).empty());
}

TEST_F(EngineTest, GreyPicturesAreLabelledAsTheirRgb) {
  ImageU8 grey(kWidth, kHeight, 1);
  ImageU8 rgb(kWidth, kHeight, 3);
  for (std::size_t i = 0; i < grey.data.size(); ++i)
    grey.data[i] = rgb.data[3 * i] = rgb.data[3 * i + 1] = rgb.data[3 * i + 2] = picture_.data[3 * i];
  const auto engine = Engine::open(folder_);
  EXPECT_EQ(engine->segment(PictureView{kWidth, kHeight, 1, kWidth, grey.data}), engine->segment(rgb));
}

TEST_F(EngineTest, LibtorchOnTheProcessorGivesTheSameClasses) {
  const ImageU8 expected = Engine::open(folder_)->segment(picture_);
  const auto torch = Engine::open(folder_, {.device = Device::kCpuTorch, .batch = 2});
  EXPECT_NE(torch->describe().find("libtorch"), std::string::npos);
  const ImageU8 labels = torch->segment(picture_);
  std::size_t different = 0;
  for (std::size_t p = 0; p < expected.data.size(); ++p) different += labels.data[p] != expected.data[p] ? 1 : 0;
  EXPECT_LE(different, expected.data.size() / 200);
  const PictureView view{kWidth, kHeight, 3, kWidth * 3, picture_.data};
  const auto three = torch->segment_all(std::vector{view, view, view});
  EXPECT_EQ(three[0].data.size(), labels.data.size());
  EXPECT_EQ(three[2], three[0]);
  EXPECT_THROW(Engine::open(folder_, {.precision = Precision::kInt8, .device = Device::kCpuTorch}), Error);
}

TEST_F(EngineTest, AGpuGivesTheSameClassesInBothPrecisions) {
  if (!cuda_is_there()) GTEST_SKIP() << "there is no CUDA GPU";
  const auto cpu = Engine::open(folder_, {.device = Device::kCpuTorch});
  ImageU8 turned = picture_;
  std::reverse(turned.data.begin(), turned.data.end());
  const ImageU8 expected = cpu->segment(picture_), expected_turned = cpu->segment(turned);
  const auto share_of_others = [](const ImageU8& a, const ImageU8& b) {
    double different = 0;
    for (std::size_t p = 0; p < a.data.size(); ++p) different += a.data[p] != b.data[p];
    return different / static_cast<double>(a.data.size());
  };
  for (const auto& [precision, most] : {std::pair{Precision::kFloat32, 0.005}, {Precision::kBfloat16, 0.05}}) {
    const auto gpu = Engine::open(folder_, {.precision = precision, .device = Device::kCuda, .batch = 2});
    for (int i = 0; i < 3; ++i) {  // recorded, the network must still read each new picture
      EXPECT_LE(share_of_others(gpu->segment(picture_), expected), most) << gpu->describe();
      EXPECT_LE(share_of_others(gpu->segment(turned), expected_turned), most) << gpu->describe();
    }
    const PictureView a{kWidth, kHeight, 3, kWidth * 3, picture_.data}, b{kWidth, kHeight, 3, kWidth * 3, turned.data};
    const auto all = gpu->segment_all(std::vector{a, b, b, a, b, a, a});
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool is_b = i == 1 || i == 2 || i == 4;
      EXPECT_LE(share_of_others(all[i], is_b ? expected_turned : expected), most) << gpu->describe() << ", " << i;
    }
  }
}

TEST_F(EngineTest, DamagedPackagesAreRefusedInOneLine) {
  const fs::path weights = model_weights_file(folder_);
  TensorMap map = tensors();
  map.erase("aspp.rate12.bn.running_var");
  write(map);
  EXPECT_NE(open_error().find("tensor aspp.rate12.bn.running_var is missing"), std::string::npos) << open_error();
  EXPECT_NE(open_error().find(weights.string()), std::string::npos) << open_error();

  map = tensors();
  map["classifier.bias"] = {{4}, {0, 0, 0, 0}};
  write(map);
  EXPECT_NE(open_error().find("tensor classifier.bias has shape [4], the network needs [3]"), std::string::npos)
      << open_error();

  write(tensors());
  const auto size = fs::file_size(weights);
  for (const std::uintmax_t left : {std::uintmax_t{0}, std::uintmax_t{5}, std::uintmax_t{300}, size / 2, size - 1}) {
    write(tensors());
    fs::resize_file(weights, left);
    EXPECT_NE(open_error().find(weights.string()), std::string::npos) << left << ": " << open_error();
    EXPECT_EQ(open_error().find('\n'), std::string::npos) << open_error();
  }
  fs::remove_all(folder_);
  EXPECT_NE(open_error().find(folder_.string()), std::string::npos) << open_error();
}

TEST(Precision, IsReadByName) {
  EXPECT_EQ(parse_precision("bf16"), Precision::kBfloat16);
  EXPECT_EQ(parse_precision("fp32"), Precision::kFloat32);
  EXPECT_THROW(parse_precision("fp8"), Error);
  EXPECT_EQ(parse_device("cpu-torch"), Device::kCpuTorch);
  EXPECT_THROW(parse_device("tpu"), Error);
}

}  // namespace
}  // namespace bramble
