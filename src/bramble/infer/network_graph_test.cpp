#include "bramble/infer/network_graph.hpp"

#include <gtest/gtest.h>

#include <openvino/openvino.hpp>
#include <openvino/opsets/opset13.hpp>

#include "bramble/core/error.hpp"
#include "bramble/infer/plain_network.hpp"

namespace bramble {
namespace {

using plain::Act;
using plain::Planes;
using Node = NetworkGraph::Node;

Planes random_planes(int channels, int height, int width, const char* name) {
  Planes planes(channels, height, width);
  Random random(5, stream_of(name));
  for (double& value : planes.data) value = static_cast<float>(random.normal());
  return planes;
}

/// Runs a piece of graph over the given planes in float32.
Planes run(const std::vector<Planes>& inputs, const std::function<Node(const std::vector<Node>&)>& piece) {
  ov::ParameterVector parameters;
  std::vector<Node> nodes;
  for (const Planes& in : inputs) {
    const ov::Shape shape{1, std::size_t(in.channels), std::size_t(in.height), std::size_t(in.width)};
    parameters.push_back(std::make_shared<ov::opset13::Parameter>(ov::element::f32, shape));
    nodes.push_back(parameters.back()->output(0));
  }
  const auto result = std::make_shared<ov::opset13::Result>(piece(nodes));
  static ov::Core core;
  auto request = core.compile_model(std::make_shared<ov::Model>(ov::ResultVector{result}, parameters), "CPU",
                                    ov::hint::inference_precision(ov::element::f32))
                     .create_infer_request();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ov::Tensor tensor = request.get_input_tensor(i);
    std::copy(inputs[i].data.begin(), inputs[i].data.end(), tensor.data<float>());
  }
  request.infer();
  const ov::Tensor out = request.get_output_tensor();
  const ov::Shape shape = out.get_shape();
  Planes y(static_cast<int>(shape[1]), static_cast<int>(shape[2]), static_cast<int>(shape[3]));
  std::copy_n(out.data<const float>(), y.data.size(), y.data.begin());
  return y;
}

/// Largest difference beside the largest value.
double relative_difference(const Planes& a, const Planes& b) {
  EXPECT_EQ(a.channels, b.channels);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.width, b.width);
  if (a.data.size() != b.data.size()) return 1e9;
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    difference = std::max(difference, std::abs(a.data[i] - b.data[i]));
    size = std::max(size, std::abs(b.data[i]));
  }
  EXPECT_GT(size, 0.0);
  return difference / size;
}

struct ConvCase {
  int channels, out, kernel, stride, dilation, height, width;
};
class SamePadding : public testing::TestWithParam<ConvCase> {};

TEST_P(SamePadding, AgreesWithPlainLoops) {
  const ConvCase c = GetParam();
  const bool depthwise = c.out == 0;
  plain::Tensors tensors;
  const Planes x = random_planes(c.channels, c.height, c.width, "x");
  const Planes expected = plain::Network(tensors).conv_norm(x, "conv", "bn", depthwise ? c.channels : c.out, c.kernel,
                                                            c.stride, c.dilation, depthwise, 1e-3, Act::kRelu6);
  const Planes got = run({x}, [&](const std::vector<Node>& in) {
    return NetworkGraph(tensors.lookup())
        .conv_bn(in[0], "conv", "bn",
                 {.out_channels = c.out,
                  .kernel = c.kernel,
                  .stride = c.stride,
                  .dilation = c.dilation,
                  .bn_epsilon = 1e-3,
                  .activation = NetworkGraph::Activation::kRelu6});
  });
  EXPECT_LT(relative_difference(got, expected), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Convolutions, SamePadding,
                         testing::Values(ConvCase{3, 8, 3, 2, 1, 12, 16}, ConvCase{8, 0, 3, 2, 1, 12, 16},
                                         ConvCase{8, 0, 5, 2, 1, 12, 16}, ConvCase{8, 0, 5, 2, 1, 11, 13},
                                         ConvCase{8, 0, 3, 2, 1, 9, 15}, ConvCase{8, 0, 5, 1, 2, 9, 12},
                                         ConvCase{16, 0, 3, 1, 18, 10, 12}, ConvCase{4, 6, 1, 1, 1, 5, 7},
                                         ConvCase{4, 6, 5, 1, 1, 6, 7}));

TEST(AttentionalClassFeatures, AgreeWithPlainLoops) {
  plain::Tensors tensors;
  const Planes x = random_planes(32, 5, 7, "features");
  const Planes coarse = random_planes(4, 5, 7, "coarse");
  const Planes expected = plain::Network(tensors).acf(x, coarse);
  const Planes got =
      run({x, coarse}, [&](const std::vector<Node>& in) { return NetworkGraph(tensors.lookup()).acf(in[0], in[1]); });
  EXPECT_LT(relative_difference(got, expected), 1e-5);
}

TEST(Decoder, AgreesWithPlainLoops) {
  plain::Tensors tensors;
  const Planes y = random_planes(32, 4, 6, "y");
  const Planes f4 = random_planes(24, 16, 24, "f4");
  const Planes expected = plain::Network(tensors).decode(y, f4);
  const Planes got =
      run({y, f4}, [&](const std::vector<Node>& in) { return NetworkGraph(tensors.lookup()).decode(in[0], in[1]); });
  EXPECT_LT(relative_difference(got, expected), 1e-5);
}

class WholeNetwork : public testing::TestWithParam<const char*> {};

TEST_P(WholeNetwork, AgreesWithPlainLoopsForBothOrdersOfBytes) {
  constexpr int kWidth = 96;
  constexpr int kHeight = 64;
  constexpr int kClasses = 7;
  NetworkShape shape{.decoder = GetParam(), .width = kWidth, .height = kHeight, .class_count = kClasses};
  for (int c = 0; c < 3; ++c) {
    shape.mean[c] = 0.5F + 0.02F * static_cast<float>(c);
    shape.stddev[c] = 0.5F - 0.03F * static_cast<float>(c);
  }
  Random random(9, stream_of("picture"));
  std::vector<std::uint8_t> rgb(std::size_t(kWidth) * kHeight * 3);
  for (std::uint8_t& byte : rgb) byte = static_cast<std::uint8_t>(random.below(256));
  Planes image(3, kHeight, kWidth);
  for (int i = 0; i < kWidth * kHeight; ++i)
    for (int c = 0; c < 3; ++c)
      image.data[std::size_t(c) * kWidth * kHeight + i] =
          (rgb[std::size_t(i) * 3 + c] / 255.0 - shape.mean[c]) / shape.stddev[c];
  plain::Tensors tensors;
  const Planes expected = plain::Network(tensors).logits(image, kClasses, GetParam());

  for (const int channels : {3, 4}) {
    shape.picture_channels = channels;
    ov::Core core;
    auto request = core.compile_model(NetworkGraph(tensors.lookup()).build(shape), "CPU",
                                      ov::hint::inference_precision(ov::element::f32))
                       .create_infer_request();
    auto* bytes = request.get_input_tensor().data<std::uint8_t>();
    for (std::size_t i = 0; i < rgb.size() / 3; ++i)
      for (int c = 0; c < 3; ++c) bytes[i * channels + (channels == 4 ? 2 - c : c)] = rgb[i * 3 + c];
    request.infer();
    const ov::Tensor out = request.get_output_tensor();
    Planes got(kClasses, static_cast<int>(out.get_shape()[2]), static_cast<int>(out.get_shape()[3]));
    ASSERT_EQ(out.get_size(), got.data.size());
    std::copy_n(out.data<const float>(), got.data.size(), got.data.begin());
    EXPECT_LT(relative_difference(got, expected), 1e-3) << channels << " channels";
  }
}

INSTANTIATE_TEST_SUITE_P(Decoders, WholeNetwork, testing::Values("skip4", "skip2", "none"));

TEST(NetworkGraph, NamesATensorOfAnotherShape) {
  plain::Tensors tensors;
  plain::Network(tensors).acf(random_planes(32, 2, 2, "x"), random_planes(3, 2, 2, "c"));
  tensors.all()["acf.attend.bn.bias"].shape = {31};
  try {
    run({random_planes(32, 2, 2, "x"), random_planes(3, 2, 2, "c")},
        [&](const std::vector<Node>& in) { return NetworkGraph(tensors.lookup()).acf(in[0], in[1]); });
    FAIL() << "a tensor of another shape was taken";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "model: tensor acf.attend.bn.bias has shape [31], the network needs [32]");
  }
}

}  // namespace
}  // namespace bramble
