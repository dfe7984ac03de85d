// The trained network in libtorch and the engine in OpenVINO must be the same function: made-up weights in a package,
// one picture, both logits.
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include "bramble/core/random.hpp"
#include "bramble/dataset/model_package.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/onnx_runner.hpp"
#include "bramble/model/acfnet.hpp"
#include "bramble/model/model_export.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

struct Case {
  const char* backbone;
  const char* decoder;
  int width, height;
};

class Engines : public testing::TestWithParam<Case> {};

TEST_P(Engines, GiveTheSameLogits) {
  const Case which = GetParam();
  constexpr int kClasses = 7;
  const fs::path folder = fs::temp_directory_path() / ("bramble_engines_" + std::to_string(getpid()));
  fs::remove_all(folder);
  fs::create_directories(folder);
  ModelInfo info;
  info.backbone = which.backbone;
  info.decoder = which.decoder;
  info.width = which.width;
  info.height = which.height;
  std::vector<SemanticClass> classes;
  for (int k = 0; k < kClasses; ++k)
    classes.push_back({static_cast<ClassId>(k), "class" + std::to_string(k), {static_cast<std::uint8_t>(k), 0, 0}, k});
  info.ontology = Ontology("made up", classes);
  info.history = nlohmann::json::array();

  // Batch norms that do something: means, variances and scales of a trained network's size.
  torch::manual_seed(5);
  AcfNet network(which.backbone, which.decoder, kClasses);
  network->eval();
  {
    torch::NoGradGuard no_grad;
    for (auto& named : network->named_buffers()) {
      if (named.key().ends_with("running_mean")) named.value().normal_(0, 0.2);
      if (named.key().ends_with("running_var")) named.value().uniform_(0.5, 1.5);
    }
    for (auto& named : network->named_parameters())
      if (named.value().dim() == 1) named.value().uniform_(0.5, 1.2);
  }
  write_safetensors(model_weights_file(folder), tensors_of(*network));
  save_model_info(folder, info);

  ImageU8 picture(which.width, which.height, 3);
  Random random(3, stream_of("picture"));
  for (std::uint8_t& byte : picture.data) byte = static_cast<std::uint8_t>(random.below(256));

  ModelInfo loaded;
  const Segmenter again = load_segmenter(folder, loaded);
  torch::NoGradGuard no_grad;
  const auto bytes = torch::from_blob(picture.data.data(), {1, which.height, which.width, 3}, torch::kUInt8);
  const auto mean = torch::tensor({info.mean[0], info.mean[1], info.mean[2]}, torch::kFloat32).view({1, 3, 1, 1});
  const auto stddev =
      torch::tensor({info.stddev[0], info.stddev[1], info.stddev[2]}, torch::kFloat32).view({1, 3, 1, 1});
  const torch::Tensor input = (bytes.permute({0, 3, 1, 2}).to(torch::kFloat32) / 255.0 - mean) / stddev;
  const torch::Tensor expected = again->forward(input).logits.contiguous();

  const Engine::Logits got = Engine::open(folder)->logits(picture);
  fs::remove_all(folder);
  ASSERT_EQ(expected.size(1), got.class_count);
  ASSERT_EQ(expected.size(2), got.rows);
  ASSERT_EQ(expected.size(3), got.columns);
  double difference = 0;
  double largest = 0;
  const float* reference = expected.data_ptr<float>();
  for (std::size_t i = 0; i < got.values.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(got.values[i]) - reference[i]));
    largest = std::max(largest, std::abs(static_cast<double>(reference[i])));
  }
  EXPECT_GT(largest, 1e-3);
  EXPECT_LT(difference / largest, 1e-3);
  RecordProperty("relative_difference", std::to_string(difference / largest));
}

// ONNX files of every head, as OpenVINO's reader of the format understands them; export_model() throws where they
// differ.
TEST(OnnxExport, IsTheSameFunctionInOpenVino) {
  const fs::path folder = fs::temp_directory_path() / ("bramble_onnx_" + std::to_string(getpid()));
  for (const auto& [architecture, backbone, stride] : {std::tuple("acfnet", "efficientnet-lite0", 16),
                                                       {"acfnet", "efficientnet-b0", 8},
                                                       {"deeplabv3plus", "efficientnet-lite0", 16},
                                                       {"lraspp", "efficientnet-b0", 16}}) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    ModelInfo info;
    info.architecture = architecture;
    info.backbone = backbone;
    info.output_stride = stride;
    info.decoder = decoders_of(architecture).front();
    info.backbone_padding = stride == 8 ? "symmetric" : "same";
    info.width = 96;
    info.height = 64;
    info.ontology = Ontology("two", {{0, "grass", {0, 102, 0}, 1}, {1, "sky", {0, 0, 255}, 2}});
    set_backbone_defaults(info);
    info.history = nlohmann::json::array();
    torch::manual_seed(7);
    const Segmenter network = make_segmenter(info);
    {
      torch::NoGradGuard no_grad;
      for (auto& named : network->named_buffers()) {
        if (named.key().ends_with("running_mean")) named.value().normal_(0, 0.2);
        if (named.key().ends_with("running_var")) named.value().uniform_(0.5, 1.5);
      }
    }
    write_safetensors(model_weights_file(folder), tensors_of(*network));
    save_model_info(folder, info);
    const auto checks = export_model(folder, {.version = "test", .run_onnx = run_onnx});
    ASSERT_EQ(checks.size(), 2U);
    EXPECT_TRUE(checks[1].checked);
    EXPECT_LT(checks[1].difference, kExportTolerance) << architecture << " on " << backbone;
  }
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Networks, Engines,
                         testing::Values(Case{"efficientnet-lite0", "skip4", 256, 192},
                                         Case{"efficientnet-lite0", "skip2", 256, 192},
                                         Case{"efficientnet-lite0", "none", 160, 112},
                                         Case{"efficientnet-lite1", "skip4", 160, 112},
                                         Case{"efficientnet-lite2", "skip4", 160, 112}));

}  // namespace
}  // namespace bramble
