// Backbones, heads, pretrained files and exports of the whole family, against tests/python/acf_reference.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <fstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/model/made_up_numbers.hpp"
#include "bramble/model/model_export.hpp"
#include "bramble/model/onnx_export.hpp"
#include "bramble/model/pretrained.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/model/torch_file.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const TensorMap& reference() {
  static const TensorMap tensors =
      read_safetensors(fs::path(BRAMBLE_SOURCE_DIR) / "tests/data/network_reference.safetensors");
  return tensors;
}

void fill_with_made_up(torch::nn::Module& network, const std::string& prefix = "") {
  const torch::NoGradGuard no_grad;
  const auto fill = [&](const std::string& name, torch::Tensor tensor) {
    if (tensor.scalar_type() != torch::kFloat) return;
    const auto values = made_up_tensor(prefix + name, tensor.sizes().vec());
    tensor.copy_(torch::from_blob(const_cast<float*>(values.data()), tensor.sizes(), torch::kFloat));
  };
  for (const auto& item : network.named_parameters()) fill(item.key(), item.value());
  for (const auto& item : network.named_buffers()) fill(item.key(), item.value());
}

torch::Tensor small_picture() {
  const auto values = made_up_uniform("small", 3 * 48 * 64);
  return torch::tensor(values, torch::kDouble).to(torch::kFloat).view({1, 3, 48, 64});
}

double difference(const torch::Tensor& got, const std::string& name) {
  const Tensor& expected = reference().at(name);
  std::vector<std::int64_t> shape(expected.shape.begin(), expected.shape.end());
  const torch::Tensor want = torch::from_blob(const_cast<float*>(expected.values.data()), shape, torch::kFloat);
  EXPECT_EQ(got.squeeze(0).sizes(), want.sizes()) << name;
  if (got.squeeze(0).sizes() != want.sizes()) return 1e9;
  return ((got.squeeze(0) - want).abs().max() / want.abs().max()).item<double>();
}

struct BackboneCase {
  const char* variant;
  int output_stride;
  bool symmetric;
  double epsilon;
};
void PrintTo(const BackboneCase& c, std::ostream* out) { *out << c.variant << " os" << c.output_stride; }
class Backbones : public testing::TestWithParam<BackboneCase> {};

TEST_P(Backbones, GiveTheFeaturesOfPython) {
  const auto c = GetParam();
  const torch::NoGradGuard no_grad;
  EfficientNet network(
      BackboneOptions{"efficientnet-" + std::string(c.variant), c.output_stride, c.symmetric, c.epsilon});
  fill_with_made_up(*network, "backbone.");
  network->eval();
  const auto features = network->forward(small_picture());
  const std::string name = fmt::format("{}.os{}.{}.", c.variant, c.output_stride, c.symmetric ? "symmetric" : "same");
  EXPECT_LT(difference(features.quarter.slice(1, 0, c10::nullopt, 8), name + "quarter"), 1e-4);
  EXPECT_LT(difference(features.eighth.slice(1, 0, c10::nullopt, 8), name + "eighth"), 1e-4);
  EXPECT_LT(difference(features.deep, name + "deep"), 1e-4);
  // In training the own depthwise convolutions take over: the same sums.
  network->train();
  for (auto& module : network->modules())
    if (auto* norm = module->as<torch::nn::BatchNorm2d>()) norm->eval();
  const auto again = network->forward(small_picture().contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_LT(difference(again.deep.contiguous(), name + "deep"), 1e-4);
}
INSTANTIATE_TEST_SUITE_P(Family, Backbones,
                         testing::Values(BackboneCase{"lite3", 16, false, 1e-3}, BackboneCase{"b0", 16, false, 1e-3},
                                         BackboneCase{"b0", 16, true, 1e-5}, BackboneCase{"b1", 8, true, 1e-5},
                                         BackboneCase{"b3", 16, false, 1e-3}));

struct HeadCase {
  const char *architecture, *variant;
  int output_stride;
};
void PrintTo(const HeadCase& c, std::ostream* out) { *out << c.architecture << " on " << c.variant; }
class Heads : public testing::TestWithParam<HeadCase> {};

ModelInfo info_of(const HeadCase& c) {
  ModelInfo info;
  info.architecture = c.architecture;
  info.backbone = "efficientnet-" + std::string(c.variant);
  info.output_stride = c.output_stride;
  info.decoder = decoders_of(c.architecture).front();
  info.width = 64;
  info.height = 48;
  std::vector<SemanticClass> classes;
  for (int k = 0; k < 5; ++k)
    classes.push_back({static_cast<ClassId>(k), "class" + std::to_string(k), {static_cast<std::uint8_t>(k), 0, 0}, k});
  info.ontology = Ontology("five", classes);
  return info;
}

TEST_P(Heads, GiveTheLogitsOfPython) {
  const auto c = GetParam();
  const torch::NoGradGuard no_grad;
  const Segmenter network = make_segmenter(info_of(c));
  fill_with_made_up(*network);
  network->eval();
  EXPECT_LT(difference(network->forward(small_picture()).logits,
                       fmt::format("{}.{}.os{}", c.architecture, c.variant, c.output_stride)),
            1e-4);
}

// A package with TorchScript and ONNX beside it: the script gives the same logits, and the check sees a changed weight.
TEST_P(Heads, GoThroughAPackageAndItsExports) {
  const auto c = GetParam();
  const fs::path folder = fs::temp_directory_path() / ("bramble_family_" + std::to_string(getpid()));
  fs::remove_all(folder);
  fs::create_directories(folder);
  const Segmenter network = make_segmenter(info_of(c));
  fill_with_made_up(*network);
  write_safetensors(model_weights_file(folder), tensors_of(*network));
  save_model_info(folder, info_of(c));
  const auto checks = export_model(folder, {.version = "1"});
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_LT(checks[0].difference, 1e-5);
  EXPECT_FALSE(checks[1].checked);  // tests/cpp/engines_test.cpp runs it
  for (const char* name : {"model.pt", "model_ontology.json", "model_cfg.json", "model.onnx"})
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  // Weights stand in the ONNX file under their own names.
  const std::string onnx = read_text_file(folder / "model.onnx");
  EXPECT_THAT(onnx, HasSubstr("backbone._blocks.1._depthwise_conv.weight"));
  EXPECT_EQ(check_model(folder, {}).size(), 2U);
  {
    const torch::NoGradGuard no_grad;
    network->parameters().back().add_(1);
  }
  write_safetensors(model_weights_file(folder), tensors_of(*network));
  try {
    check_model(folder, {});
    ADD_FAILURE() << "the check saw nothing";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("model.pt is not the package's network"));
  }
  fs::remove_all(folder);
}
INSTANTIATE_TEST_SUITE_P(Family, Heads,
                         testing::Values(HeadCase{"acfnet", "b0", 16}, HeadCase{"acfnet", "lite0", 8},
                                         HeadCase{"deeplabv3plus", "lite0", 16}, HeadCase{"lraspp", "lite0", 16},
                                         HeadCase{"lraspp", "b0", 8}));

// Parameters without classifier, as torchvision and timm count their B networks (5.29 M for B0 with 1.28 M of
// classifier, 7.79 M for B1, 12.23 M for B3 with 1.54 M, 19.34 M for B4 with 1.79 M), less the 1x1 convolution before
// it.
TEST(Family, HasTheParametersOfTheTables) {
  const auto count = [](const std::string& name) {
    EfficientNet network(BackboneOptions{.name = name});
    std::int64_t sum = 0;
    for (const auto& parameter : network->parameters()) sum += parameter.numel();
    return sum;
  };
  const auto with_head = [](std::int64_t backbone, std::int64_t deep, std::int64_t head) {
    return backbone + deep * head + 2 * head + head * 1000 + 1000;
  };
  EXPECT_EQ(with_head(count("efficientnet-b0"), 320, 1280), 5288548);
  EXPECT_EQ(with_head(count("efficientnet-b1"), 320, 1280), 7794184);
  EXPECT_EQ(with_head(count("efficientnet-b3"), 384, 1536), 12233232);
  EXPECT_EQ(with_head(count("efficientnet-b4"), 448, 1792), 19341616);
  EXPECT_EQ(with_head(count("efficientnet-lite0"), 320, 1280), 4652008);
}

// The names that torchvision and timm give, made here from the layout of their modules, must lead to the same network.
TEST(Pretrained, TakesTheNamesOfTorchvisionAndTimm) {
  const fs::path folder = fs::temp_directory_path() / ("bramble_names_" + std::to_string(getpid()));
  fs::create_directories(folder);
  EfficientNet network(BackboneOptions{.name = "efficientnet-b1", .symmetric_padding = true, .epsilon = 1e-5});
  fill_with_made_up(*network);
  const TensorMap ours = tensors_of(*network);
  const std::vector<int> repeats = stage_repeats("efficientnet-b1");
  EXPECT_EQ(repeats, (std::vector<int>{2, 3, 3, 4, 4, 5, 2}));
  TensorMap torchvision, timm;
  const auto take = [&](TensorMap& to, const std::string& theirs, const std::string& mine, bool norm,
                        bool bias = false) {
    for (const char* part : {"weight", "bias", "running_mean", "running_var"})
      if (norm || std::string(part) == "weight" || (bias && std::string(part) == "bias"))
        to[theirs + "." + part] = ours.at(mine + "." + part);
  };
  take(torchvision, "features.0.0", "_conv_stem", false);
  take(torchvision, "features.0.1", "_bn0", true);
  take(timm, "conv_stem", "_conv_stem", false);
  take(timm, "bn1", "_bn0", true);
  int index = 0;
  for (int stage = 0; stage < 7; ++stage)
    for (int block = 0; block < repeats[static_cast<std::size_t>(stage)]; ++block, ++index) {
      const std::string mine = fmt::format("_blocks.{}.", index);
      const std::string tv = fmt::format("features.{}.{}.block.", stage + 1, block),
                        ti = fmt::format("blocks.{}.{}.", stage, block);
      int layer = 0;
      if (stage > 0) {
        take(torchvision, fmt::format("{}{}.0", tv, layer), mine + "_expand_conv", false);
        take(torchvision, fmt::format("{}{}.1", tv, layer++), mine + "_bn0", true);
        take(timm, ti + "conv_pw", mine + "_expand_conv", false);
        take(timm, ti + "bn1", mine + "_bn0", true);
      }
      take(torchvision, fmt::format("{}{}.0", tv, layer), mine + "_depthwise_conv", false);
      take(torchvision, fmt::format("{}{}.1", tv, layer++), mine + "_bn1", true);
      take(torchvision, fmt::format("{}{}.fc1", tv, layer), mine + "_se_reduce", false, true);
      take(torchvision, fmt::format("{}{}.fc2", tv, layer++), mine + "_se_expand", false, true);
      take(torchvision, fmt::format("{}{}.0", tv, layer), mine + "_project_conv", false);
      take(torchvision, fmt::format("{}{}.1", tv, layer), mine + "_bn2", true);
      take(timm, ti + "conv_dw", mine + "_depthwise_conv", false);
      take(timm, ti + (stage > 0 ? "bn2" : "bn1"), mine + "_bn1", true);
      take(timm, ti + "se.conv_reduce", mine + "_se_reduce", false, true);
      take(timm, ti + "se.conv_expand", mine + "_se_expand", false, true);
      take(timm, ti + (stage > 0 ? "conv_pwl" : "conv_pw"), mine + "_project_conv", false);
      take(timm, ti + (stage > 0 ? "bn3" : "bn2"), mine + "_bn2", true);
    }
  torchvision["features.8.0.weight"] = {{1}, {0}};
  torchvision["classifier.1.weight"] = {{1}, {0}};
  timm["conv_head.weight"] = timm["bn2.weight"] = timm["classifier.weight"] = {{1}, {0}};
  write_safetensors(folder / "torchvision.safetensors", torchvision);
  write_safetensors(folder / "timm.safetensors", timm);
  fs::create_directories(folder / "tf_efficientnet");
  write_safetensors(folder / "tf_efficientnet" / "model.safetensors", timm);

  const auto same = [&](const TensorMap& got) {
    ASSERT_EQ(got.size(), ours.size());
    for (const auto& [name, tensor] : ours) EXPECT_EQ(got.at(name).values, tensor.values) << name;
  };
  PretrainedBackbone read = read_pretrained(folder / "torchvision.safetensors", "efficientnet-b1");
  same(read.tensors);
  EXPECT_EQ(read.origin, "torchvision");
  EXPECT_EQ(read.padding, "symmetric");
  EXPECT_EQ(read.epsilon, 1e-5);
  read = read_pretrained(folder / "timm.safetensors", "efficientnet-b1");
  same(read.tensors);
  EXPECT_EQ(read.padding, "symmetric");
  read = read_pretrained(folder / "tf_efficientnet" / "model.safetensors", "efficientnet-b1");
  EXPECT_EQ(read.padding, "same");
  EXPECT_EQ(read.epsilon, 1e-3);
  EXPECT_EQ(read.mean->at(0), 0.485);

  // timm's name is the file's, or the nearest folder's that is one; what lies further up says nothing.
  const auto named = [&](const fs::path& file) {
    fs::create_directories((folder / file).parent_path());
    write_safetensors(folder / file, timm);
    return read_pretrained(folder / file, "efficientnet-b1");
  };
  EXPECT_EQ(named("tf_efficientnet_runs/efficientnet_b1.ft_in1k.safetensors").padding, "symmetric");
  EXPECT_EQ(named("tf_things/weights.safetensors").padding, "symmetric");
  EXPECT_EQ(named("models--timm--tf_efficientnet_b1.ns_jft_in1k/snapshots/0a/model.safetensors").padding, "same");
  read = named("models--timm--tf_efficientnet_b1.ap_in1k/snapshots/0a/model.safetensors");
  EXPECT_EQ(read.mean, (std::array{0.5, 0.5, 0.5}));
  ModelInfo info;
  apply_conventions(info, read);
  EXPECT_EQ(info.mean, (std::array{0.5, 0.5, 0.5}));
  EXPECT_EQ(info.stddev, (std::array{0.5, 0.5, 0.5}));
  // Its own description says more than a name.
  write_file_atomically(
      folder / "hub" / "config.json",
      R"({"architecture": "tf_efficientnet_b1", "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [1, 1, 1]}})");
  read = named("hub/model.safetensors");
  EXPECT_EQ(read.padding, "same");
  EXPECT_EQ(read.mean, (std::array{0.1, 0.2, 0.3}));

  // Another depth is one sentence, and a block too many is none of the next stage.
  const auto refusal = [&](const std::string& backbone) -> std::string {
    try {
      read_pretrained(folder / "timm.safetensors", backbone);
    } catch (const Error& error) {
      return error.what();
    }
    return "it was read";
  };
  EXPECT_TRUE(refusal("efficientnet-b0")
                  .ends_with("its network has 23 blocks (2 3 3 4 4 5 2), efficientnet-b0 has 16 blocks (1 2 2 3 3 4 "
                             "1); take --backbone "
                             "efficientnet-b1 or efficientnet-b2"))
      << refusal("efficientnet-b0");
  timm["blocks.1.3.conv_dw.weight"] = {{1}, {0}};
  write_safetensors(folder / "timm.safetensors", timm);
  EXPECT_TRUE(refusal("efficientnet-b1").find("has 24 blocks (2 4 3 4 4 5 2)") != std::string::npos)
      << refusal("efficientnet-b1");
  fs::remove_all(folder);
}

// A PyTorch archive as libtorch's own pickler writes it: shared storages, strided views, half precision.
TEST(TorchArchive, ReadsWhatLibtorchWrites) {
  const fs::path file = fs::temp_directory_path() / ("bramble_archive_" + std::to_string(getpid()) + ".pt");
  c10::Dict<std::string, torch::Tensor> dict;
  const torch::Tensor base = torch::arange(24, torch::kFloat).view({4, 6});
  dict.insert("module.whole", base);
  dict.insert("view", base.t().slice(0, 1, 4));
  dict.insert("half", torch::tensor({0.5, -2.0, 65504.0}).to(torch::kHalf));
  dict.insert("bfloat", torch::tensor({1.0, -3.5}).to(torch::kBFloat16));
  dict.insert("counter", torch::tensor(7, torch::kLong));
  const auto bytes = torch::pickle_save(dict);
  write_file_atomically(file, std::string_view(bytes.data(), bytes.size()));
  const TensorMap tensors = read_tensor_file(file);
  EXPECT_EQ(tensors.size(), 4U);
  EXPECT_EQ(tensors.at("whole").values[23], 23.0F);
  EXPECT_EQ(tensors.at("view").shape, (std::vector<std::size_t>{3, 4}));
  EXPECT_EQ(tensors.at("view").values, (std::vector<float>{1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21}));
  EXPECT_EQ(tensors.at("half").values, (std::vector<float>{0.5, -2, 65504}));
  EXPECT_EQ(tensors.at("bfloat").values, (std::vector<float>{1, -3.5}));
  // Damage is told in one line.
  for (const std::size_t size : {std::size_t{4}, bytes.size() / 2, bytes.size() - 30}) {
    write_file_atomically(file, std::string_view(bytes.data(), size));
    try {
      read_tensor_file(file);
      ADD_FAILURE() << "it was read";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(file.filename().string()));
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
    }
  }
  fs::remove(file);
}

}  // namespace
}  // namespace bramble
