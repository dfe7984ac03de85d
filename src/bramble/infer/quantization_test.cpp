#include "bramble/infer/quantization.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/random.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/made_up_model.hpp"
#include "bramble/infer/openvino_export.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

class QuantizationTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("bramble_quantization_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    ModelInfo info;
    info.width = 96;
    info.height = 64;
    info.ontology = Ontology("t", {{0, "grass", {0, 9, 0}, 1}, {1, "dirt", {9, 9, 0}, 2}, {2, "sky", {0, 0, 9}, 3}});
    info.history = nlohmann::json::array();
    write_made_up_model(model(), info);
    // The float32 network's own labels are the truth, so what int8 loses is what it gets wrong.
    const auto engine = Engine::open(model());
    DatasetWriter writer(folder_ / "data", info.ontology, false);
    for (int i = 0; i < 6; ++i) {
      ImageU8 coarse(6, 4, 3);
      Random random(5, stream_of("quantization"), static_cast<std::uint64_t>(i));
      for (std::uint8_t& byte : coarse.data) byte = static_cast<std::uint8_t>(random.below(256));
      const ImageU8 picture = resize_picture(coarse, 96, 64);
      writer.add(std::to_string(i), i, "train", picture, engine->segment(picture));
    }
    writer.finish();
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path model() const { return folder_ / "model"; }
  std::string load_error() const {
    try {
      load_quantization(model());
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  fs::path folder_;
};

TEST_F(QuantizationTest, EightBitsKeepTheClasses) {
  const Dataset data = Dataset::open(folder_ / "data");
  const Quantization quantization = calibrate(model(), data, 4);
  EXPECT_EQ(quantization.pictures, 4U);
  // Every convolution but the two classifiers' and the pooled one: what a ReLU6 gave lies in [0, 6].
  EXPECT_GT(quantization.ranges.size(), 50U);
  EXPECT_FALSE(quantization.ranges.contains("classifier"));
  EXPECT_FALSE(quantization.ranges.contains("aspp.pool.conv"));
  const ValueRange relu6 = quantization.ranges.at("backbone._blocks.3._depthwise_conv");
  EXPECT_GE(relu6.low, 0);
  EXPECT_GT(relu6.high, 0);
  EXPECT_LE(relu6.high, 6);
  EXPECT_EQ(quantization.ranges.at("aspp.rate6.depthwise"), quantization.ranges.at("aspp.rate18.depthwise"));
  EXPECT_EQ(calibrate(model(), data, 4).ranges, quantization.ranges) << "not deterministic";
  save_quantization(model(), quantization);
  EXPECT_EQ(load_quantization(model()).ranges, quantization.ranges);

  const nlohmann::json figures = compare_precisions(model(), data);
  EXPECT_DOUBLE_EQ(figures["f32"]["accuracy"].get<double>(), 1);
  EXPECT_GT(figures["int8"]["agreement"].get<double>(), 0.9);
  EXPECT_LT(figures["int8"]["agreement"].get<double>(), 1) << "nothing was rounded";
  EXPECT_NE(Engine::open(model(), {.precision = Precision::kInt8})->describe().find("int8"), std::string::npos);

  export_openvino(model(), folder_ / "ir/f32.xml");
  export_openvino(model(), folder_ / "ir/int8.xml", Precision::kInt8);
  EXPECT_EQ(read_text_file(folder_ / "ir/f32.xml").find("FakeQuantize"), std::string::npos);
  EXPECT_NE(read_text_file(folder_ / "ir/int8.xml").find("FakeQuantize"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "ir/int8.bin"));
  EXPECT_THROW(export_openvino(model(), folder_ / "x.xml", Precision::kBfloat16), Error);
  EXPECT_THROW(export_openvino(model(), folder_ / "x.onnx"), Error);
}

TEST_F(QuantizationTest, WhatDoesNotFitIsNamed) {
  EXPECT_NE(load_error().find("bramble model quantize"), std::string::npos) << load_error();
  EXPECT_THROW(Engine::open(model(), {.precision = Precision::kInt8}), Error);
  Quantization quantization = calibrate(model(), Dataset::open(folder_ / "data"), 1);
  quantization.weights_sha256[0] = quantization.weights_sha256[0] == 'a' ? 'b' : 'a';
  save_quantization(model(), quantization);
  EXPECT_NE(load_error().find("belongs to other weights"), std::string::npos) << load_error();
  std::ofstream(model() / "quantization.json") << "{\"format\": 1, \"ranges\": {\"x\": 3}";
  EXPECT_NE(load_error().find("quantization.json is damaged"), std::string::npos) << load_error();
  EXPECT_EQ(load_error().find('\n'), std::string::npos) << load_error();
}

}  // namespace
}  // namespace bramble
