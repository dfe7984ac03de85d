#include "bramble/model/acfnet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/random.hpp"
#include "bramble/model/installed_weights.hpp"
#include "bramble/model/made_up_numbers.hpp"
#include "bramble/model/pretrained.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const TensorMap& reference() {
  static const TensorMap tensors =
      read_safetensors(fs::path(BRAMBLE_SOURCE_DIR) / "tests/data/network_reference.safetensors");
  return tensors;
}

torch::Tensor made_up(const std::string& name, const std::vector<std::int64_t>& shape, double scale = 1) {
  std::int64_t count = 1;
  for (const auto side : shape) count *= side;
  const auto values = made_up_uniform(name, static_cast<std::size_t>(count));
  return (torch::tensor(values, torch::kDouble) * scale).to(torch::kFloat).view(shape);
}

/// Largest difference from the Python reference, beside the largest value.
double difference(const torch::Tensor& got, const std::string& name) {
  const Tensor& expected = reference().at(name);
  std::vector<std::int64_t> shape(expected.shape.begin(), expected.shape.end());
  const torch::Tensor want = torch::from_blob(const_cast<float*>(expected.values.data()), shape, torch::kFloat);
  EXPECT_EQ(got.squeeze(0).sizes(), want.sizes()) << name;
  if (got.squeeze(0).sizes() != want.sizes()) return 1e9;
  return ((got.squeeze(0) - want).abs().max() / want.abs().max()).item<double>();
}

struct PaddingCase {
  int size, kernel, stride, dilation;
  int out, before;  // expected by hand: ceil(size / stride), pixels of padding in front
};
void PrintTo(const PaddingCase& c, std::ostream* out) {
  *out << c.size << " pixels, kernel " << c.kernel << ", stride " << c.stride << ", dilation " << c.dilation;
}
class SameConvPadding : public testing::TestWithParam<PaddingCase> {};

// A picture with one bright pixel in each place shows which weight of the kernel meets it: the padding in front
// follows.
TEST_P(SameConvPadding, IsTensorFlows) {
  const auto c = GetParam();
  torch::NoGradGuard no_grad;
  SameConv conv(1, 1, c.kernel, c.stride, c.dilation);
  conv->weight.copy_(torch::arange(1, c.kernel * c.kernel + 1, torch::kFloat).view({1, 1, c.kernel, c.kernel}));
  for (int v = 0; v < c.size; ++v) {
    for (int u = 0; u < c.size; ++u) {
      torch::Tensor x = torch::zeros({1, 1, c.size, c.size});
      x[0][0][v][u] = 1;
      const torch::Tensor y = conv->forward(x);
      ASSERT_EQ(y.size(2), c.out);
      ASSERT_EQ(y.size(3), c.out);
      for (int oy = 0; oy < c.out; ++oy)
        for (int ox = 0; ox < c.out; ++ox) {
          const int r = v - oy * c.stride + c.before, s = u - ox * c.stride + c.before;
          const auto in = [&](int i) { return i >= 0 && i % c.dilation == 0 && i / c.dilation < c.kernel; };
          const float expected = in(r) && in(s) ? 1.0F + r / c.dilation * c.kernel + s / c.dilation : 0.0F;
          ASSERT_EQ(y[0][0][oy][ox].item<float>(), expected) << v << "," << u << " → " << oy << "," << ox;
        }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, SameConvPadding,
                         testing::Values(PaddingCase{6, 3, 1, 1, 6, 1}, PaddingCase{6, 3, 2, 1, 3, 0},
                                         PaddingCase{7, 3, 2, 1, 4, 1}, PaddingCase{6, 5, 2, 1, 3, 1},
                                         PaddingCase{7, 5, 2, 1, 4, 2}, PaddingCase{6, 5, 1, 2, 6, 4},
                                         PaddingCase{4, 3, 1, 6, 4, 6}, PaddingCase{6, 1, 1, 1, 6, 0},
                                         PaddingCase{1, 3, 2, 1, 1, 1}));

TEST(SameConv, TakesSidesOfDifferentParity) {
  torch::NoGradGuard no_grad;
  SameConv conv(2, 4, 3, 2);
  const torch::Tensor x = made_up("parity", {1, 2, 7, 10});
  const torch::Tensor y = conv->forward(x);
  // Rows: one pixel of padding on both sides. Columns: one at the end.
  const torch::Tensor want = torch::conv2d(torch::constant_pad_nd(x, {0, 1, 1, 1}), conv->weight, {}, 2);
  EXPECT_EQ(y.sizes(), at::IntArrayRef({1, 4, 4, 5}));
  EXPECT_TRUE(torch::allclose(y, want, 1e-5, 1e-6));
}

// The formulas once more, one number after the other.
torch::Tensor plain_acf(const torch::Tensor& x, const torch::Tensor& coarse) {
  const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3), k = coarse.size(1);
  const torch::Tensor xs = x.reshape({n, c, pixels}), ls = coarse.reshape({n, k, pixels});
  torch::Tensor out = torch::zeros({n, c, pixels}, torch::kDouble);
  const auto xa = xs.accessor<double, 3>(), la = ls.accessor<double, 3>();
  auto oa = out.accessor<double, 3>();
  for (std::int64_t b = 0; b < n; ++b) {
    std::vector<std::vector<double>> p(k, std::vector<double>(pixels)), centre(k, std::vector<double>(c, 0));
    for (std::int64_t i = 0; i < pixels; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < k; ++j) sum += p[j][i] = std::exp(la[b][j][i]);
      for (std::int64_t j = 0; j < k; ++j) p[j][i] /= sum;
    }
    for (std::int64_t j = 0; j < k; ++j) {
      double total = 1e-6;
      for (std::int64_t i = 0; i < pixels; ++i) total += p[j][i];
      for (std::int64_t f = 0; f < c; ++f) {
        for (std::int64_t i = 0; i < pixels; ++i) centre[j][f] += p[j][i] * xa[b][f][i];
        centre[j][f] /= total;
      }
    }
    for (std::int64_t i = 0; i < pixels; ++i)
      for (std::int64_t f = 0; f < c; ++f)
        for (std::int64_t j = 0; j < k; ++j) oa[b][f][i] += p[j][i] * centre[j][f];
  }
  return out.reshape(x.sizes());
}

TEST(AttentionalClassFeatures, AgreeWithPlainLoopsAndPython) {
  torch::manual_seed(3);
  const torch::Tensor x = torch::randn({3, 7, 4, 5}, torch::kDouble),
                      coarse = 2 * torch::randn({3, 4, 4, 5}, torch::kDouble);
  EXPECT_LT((attentional_class_features(x, coarse) - plain_acf(x, coarse)).abs().max().item<double>(), 1e-12);
  // In channels_last memory too, as in training.
  const auto last = [](const torch::Tensor& t) { return t.contiguous(torch::MemoryFormat::ChannelsLast); };
  EXPECT_LT((attentional_class_features(last(x), last(coarse)) - plain_acf(x, coarse)).abs().max().item<double>(),
            1e-12);
  EXPECT_LT(
      difference(attentional_class_features(made_up("acf.x", {1, 8, 5, 6}), made_up("acf.coarse", {1, 3, 5, 6}, 3)),
                 "acf.features"),
      2e-6);
}

TEST(AttentionalClassFeatures, AreTheClassMeansWhereTheCoarseMapIsSure) {
  // Left half class 0, right half class 1, class 2 nowhere: each pixel gets the mean of its half.
  torch::Tensor x = torch::rand({1, 2, 4, 6}, torch::kDouble),
                coarse = torch::full({1, 3, 4, 6}, -50.0, torch::kDouble);
  coarse.slice(3, 0, 3).select(1, 0).fill_(50);
  coarse.slice(3, 3, 6).select(1, 1).fill_(50);
  const torch::Tensor a = attentional_class_features(x, coarse);
  for (const int half : {0, 1}) {
    const torch::Tensor mean = x.slice(3, 3 * half, 3 * half + 3).mean({2, 3}, true);
    EXPECT_LT((a.slice(3, 3 * half, 3 * half + 3) - mean).abs().max().item<double>(), 1e-6);
  }
}

TEST(AttentionalClassFeatures, HaveTheGradientOfFiniteDifferences) {
  torch::manual_seed(5);
  torch::Tensor x = torch::randn({2, 3, 2, 3}, torch::kDouble), coarse = torch::randn({2, 4, 2, 3}, torch::kDouble);
  const torch::Tensor weigh = torch::randn({2, 3, 2, 3}, torch::kDouble);
  const auto value = [&] { return (attentional_class_features(x, coarse) * weigh).sum(); };
  x.requires_grad_();
  coarse.requires_grad_();
  value().backward();
  const torch::NoGradGuard no_grad;
  for (torch::Tensor* input : {&x, &coarse}) {
    const torch::Tensor flat = input->view({-1}), gradient = input->grad().reshape({-1});
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      constexpr double kStep = 1e-5;
      const double middle = flat[i].item<double>();
      flat[i] = middle + kStep;
      const double above = value().item<double>();
      flat[i] = middle - kStep;
      const double below = value().item<double>();
      flat[i] = middle;
      EXPECT_NEAR(gradient[i].item<double>(), (above - below) / (2 * kStep), 1e-8);
    }
  }
}

void fill_with_made_up(torch::nn::Module& network) {
  const torch::NoGradGuard no_grad;
  const auto fill = [](const std::string& name, torch::Tensor tensor) {
    if (tensor.scalar_type() != torch::kFloat) return;
    const auto values = made_up_tensor(name, tensor.sizes().vec());
    tensor.copy_(torch::from_blob(const_cast<float*>(values.data()), tensor.sizes(), torch::kFloat));
  };
  for (const auto& item : network.named_parameters()) fill(item.key(), item.value());
  for (const auto& item : network.named_buffers()) fill(item.key(), item.value());
}

// The whole network against the NumPy program that was written from docs/model_package.md: names, shapes, order,
// padding, epsilons and the resize all count.
TEST(AcfNet, AgreesWithPython) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor picture = made_up("picture", {1, 3, 96, 128});
  for (const std::string decoder : {"skip4", "skip2", "none"}) {
    AcfNet network("efficientnet-lite0", decoder, 5);
    fill_with_made_up(*network);
    network->eval();
    const auto out = network->forward(picture);
    EXPECT_LT(difference(out.coarse, decoder + ".coarse"), 1e-4);
    EXPECT_LT(difference(out.logits, decoder + ".logits"), 1e-4);
    const auto last = network->forward(picture.contiguous(torch::MemoryFormat::ChannelsLast));
    EXPECT_LT(difference(last.logits, decoder + ".logits"), 1e-4);
  }
}

TEST(AcfNet, TakesThePretrainedBackbone) {
  const fs::path file = installed_lite0_weights();
  if (!fs::exists(file)) GTEST_SKIP() << "the ImageNet weights are not installed";
  const torch::NoGradGuard no_grad;
  AcfNet network("efficientnet-lite0", "skip4", 3);
  load_pretrained(network->backbone(), file, "efficientnet-lite0");
  network->eval();
  const torch::Tensor smooth = torch::upsample_bilinear2d(made_up("smooth", {1, 3, 6, 8}), {48, 64}, false);
  const auto features = network->backbone()->forward(smooth);
  EXPECT_LT(difference(features.quarter, "lite0.quarter"), 1e-4);
  EXPECT_LT(difference(features.deep, "lite0.sixteenth"), 1e-4);
  try {
    AcfNet other("efficientnet-lite1", "skip4", 3);
    load_pretrained(other->backbone(), file, "efficientnet-lite1");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("lite0"));
    EXPECT_THAT(error.what(), HasSubstr("its network has 16 blocks (16), efficientnet-lite1 has 21 blocks"));
  }
}

// Figures of the variants as counted by hand for Tan and Le's tables, without classifier; multiply-adds at 512x384.
TEST(AcfNet, CostsWhatItShould) {
  AcfNet network("efficientnet-lite0", "skip4", 7);
  const NetworkSummary summary = summarise(*network, 512, 384);
  EXPECT_EQ(summary.logits, (std::vector<std::int64_t>{1, 7, 96, 128}));
  EXPECT_EQ(summary.coarse, (std::vector<std::int64_t>{1, 7, 24, 32}));
  std::map<std::string, PartCost> by_name;
  for (const auto& cost : summary.parts) by_name[cost.name] = cost;
  EXPECT_EQ(by_name.size(), 6U);
  EXPECT_NEAR(static_cast<double>(by_name.at("backbone").multiply_adds), 2.67e9, 0.01e9);
  EXPECT_NEAR(static_cast<double>(by_name.at("backbone").parameters), 2.96e6, 0.01e6);
  EXPECT_EQ(by_name.at("coarse").parameters, 256 * 7 + 7);
  EXPECT_EQ(by_name.at("coarse").multiply_adds, 256 * 7 * 32 * 24);
  EXPECT_EQ(by_name.at("classifier").multiply_adds, 64 * 7 * 128 * 96);
  // attend 256², fuse 9·512 + 512·256, and the two products, at 32x24.
  EXPECT_EQ(by_name.at("acf").multiply_adds, (256 * 256 + 9 * 512 + 512 * 256 + 2 * 256 * 7) * 32 * 24);
  EXPECT_THROW(AcfNet("efficientnet-lite9", "skip4", 7), Error);
  EXPECT_THROW(AcfNet("efficientnet-lite0", "skip8", 7), Error);
}

TEST(AcfNet, GoesThroughAPackage) {
  const fs::path folder = fs::temp_directory_path() / ("bramble_acfnet_" + std::to_string(getpid()));
  fs::create_directories(folder);
  ModelInfo info;
  info.ontology = Ontology("two", {{0, "grass", {0, 102, 0}, 1}, {1, "sky", {0, 0, 255}, 2}});
  info.width = 64;
  info.height = 48;
  AcfNet network(info.backbone, info.decoder, 2);
  fill_with_made_up(*network);
  network->eval();
  const TensorMap tensors = tensors_of(*network);
  EXPECT_EQ(tensors.count("backbone._blocks.0._bn1.num_batches_tracked"), 0U);
  EXPECT_EQ(tensors.at("aspp.rate12.depthwise.weight").shape, (std::vector<std::size_t>{320, 1, 3, 3}));
  write_safetensors(model_weights_file(folder), tensors);
  save_model_info(folder, info);
  ModelInfo back;
  const Segmenter loaded = load_segmenter(folder, back);
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = made_up("package", {1, 3, 48, 64});
  EXPECT_TRUE(torch::equal(network->forward(x).logits, loaded->forward(x).logits));

  const auto refusal = [&](const TensorMap& changed) -> std::string {
    write_safetensors(model_weights_file(folder), changed);
    try {
      load_segmenter(folder, back);
    } catch (const Error& error) {
      return error.what();
    }
    return "it was read";
  };
  TensorMap changed = tensors;
  changed.erase("acf.attend.conv.weight");
  EXPECT_THAT(refusal(changed), HasSubstr("acf.attend.conv.weight is missing"));
  changed = tensors;
  changed["surplus"] = {{1}, {1.0F}};
  EXPECT_THAT(refusal(changed), HasSubstr("takes"));
  changed = tensors;
  changed["coarse.bias"] = {{3}, {1, 2, 3}};
  EXPECT_THAT(refusal(changed), HasSubstr("coarse.bias has shape [3], expected [2]"));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace bramble
