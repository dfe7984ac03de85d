#include "bramble/infer/network_graph.hpp"

#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <openvino/opsets/opset13.hpp>

#include "bramble/core/error.hpp"

namespace bramble {

namespace op = ov::opset13;
using Node = NetworkGraph::Node;

namespace {

constexpr double kBackboneEpsilon = 1e-3;

/// EfficientNet-Lite (Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020): seven stages of inverted
/// residual blocks. Output stride 16 instead of 32: the sixth stage keeps its stride 1 and what follows is dilated
/// by 2.
struct Stage {
  int kernel;
  int stride;
  int expand;
};
constexpr std::array<Stage, 7> kStages{{{3, 1, 1}, {3, 2, 6}, {5, 2, 6}, {3, 2, 6}, {5, 1, 6}, {5, 1, 6}, {3, 1, 6}}};
constexpr int kDilatedFromStage = 5;  // whose first block lost its stride; dilation begins behind that block

struct Backbone {
  const char* name;
  std::array<int, 7> repeats;
  std::array<int, 7> channels;
};
constexpr std::array<Backbone, 3> kBackbones{{
    {"efficientnet-lite0", {1, 2, 2, 3, 3, 4, 1}, {16, 24, 40, 80, 112, 192, 320}},
    {"efficientnet-lite1", {1, 3, 3, 4, 4, 5, 1}, {16, 24, 40, 80, 112, 192, 320}},
    {"efficientnet-lite2", {1, 3, 3, 4, 4, 5, 1}, {16, 24, 48, 88, 120, 208, 352}},
}};

const Backbone& find_backbone(const std::string& name) {
  for (const Backbone& backbone : kBackbones)
    if (name == backbone.name) return backbone;
  fail("model: backbone «{}» is unknown; there are efficientnet-lite0, efficientnet-lite1 and efficientnet-lite2",
       name);
}

Node constant(const ov::Shape& shape, const std::vector<float>& values) {
  return op::Constant::create(ov::element::f32, shape, values)->output(0);
}
Node indices(const std::vector<std::int64_t>& values) {
  return op::Constant::create(ov::element::i64, {values.size()}, values)->output(0);
}
Node scalar_index(std::int64_t value) { return op::Constant::create(ov::element::i64, {}, {value})->output(0); }

std::size_t channels_of(const Node& x) { return x.get_shape()[1]; }

Node shape_of(std::initializer_list<std::size_t> sizes) {
  return indices(std::vector<std::int64_t>(sizes.begin(), sizes.end()));
}

/// [N, C, h, w] -> [N, C, h * w]
Node flatten(const Node& x) {
  const ov::Shape& shape = x.get_shape();
  return std::make_shared<op::Reshape>(x, shape_of({shape[0], shape[1], shape[2] * shape[3]}), false)->output(0);
}

/// Weights rounded to 255 levels, each output channel with a scale of its own.
Node quantized_weights(const ov::Shape& shape, const std::vector<float>& values) {
  const std::size_t per_channel = values.size() / shape[0];
  std::vector<float> low(shape[0]);
  std::vector<float> high(shape[0]);
  for (std::size_t c = 0; c < shape[0]; ++c) {
    float largest = 1e-12F;  // a channel of zeros needs some scale
    for (std::size_t i = 0; i < per_channel; ++i) largest = std::max(largest, std::abs(values[c * per_channel + i]));
    low[c] = -largest;
    high[c] = largest;
  }
  ov::Shape scales(shape.size(), 1);
  scales[0] = shape[0];
  const Node from = constant(scales, low);
  const Node to = constant(scales, high);
  return std::make_shared<op::FakeQuantize>(constant(shape, values), from, to, from, to, 255)->output(0);
}

/// Bilinear with half-pixel centres, to the height and width of `like`.
Node resize_like(const Node& x, const Node& like) {
  const ov::Shape& size = like.get_shape();
  op::Interpolate::InterpolateAttrs bilinear;
  bilinear.mode = op::Interpolate::InterpolateMode::LINEAR_ONNX;
  bilinear.shape_calculation_mode = op::Interpolate::ShapeCalcMode::SIZES;
  bilinear.coordinate_transformation_mode = op::Interpolate::CoordinateTransformMode::HALF_PIXEL;
  return std::make_shared<op::Interpolate>(x, shape_of({size[2], size[3]}), indices({2, 3}), bilinear)->output(0);
}

Node relu(const Node& x) { return std::make_shared<op::Relu>(x)->output(0); }

Node add_bias(const Node& x, const std::vector<float>& bias) {
  return std::make_shared<op::Add>(x, constant({1, bias.size(), 1, 1}, bias))->output(0);
}

}  // namespace

TensorView NetworkGraph::tensor(const std::string& name, const std::vector<std::size_t>& shape) {
  TensorView view = lookup_(name, shape);
  if (view.shape != shape)
    fail("model: tensor {} has shape [{}], the network needs [{}]", name, fmt::join(view.shape, ", "),
         fmt::join(shape, ", "));
  return view;
}

Node NetworkGraph::conv_bn(const Node& x, const std::string& conv, const std::string& bn, const Conv& how) {
  const bool depthwise = how.out_channels == 0;
  const std::size_t in = channels_of(x);
  const std::size_t out = depthwise ? in : static_cast<std::size_t>(how.out_channels);
  const auto kernel = static_cast<std::size_t>(how.kernel);
  const TensorView weight = tensor(conv + ".weight", {out, depthwise ? 1 : in, kernel, kernel});
  const TensorView gamma = tensor(bn + ".weight", {out});
  const TensorView beta = tensor(bn + ".bias", {out});
  const TensorView mean = tensor(bn + ".running_mean", {out});
  const TensorView variance = tensor(bn + ".running_var", {out});

  // y = gamma (w * x - mean) / sqrt(var + eps) + beta = (w s) * x + (beta - mean s)
  std::vector<float> folded(weight.values.begin(), weight.values.end());
  std::vector<float> bias(out);
  const std::size_t per_channel = folded.size() / out;
  for (std::size_t c = 0; c < out; ++c) {
    const double scale = gamma.values[c] / std::sqrt(variance.values[c] + how.bn_epsilon);
    for (std::size_t i = 0; i < per_channel; ++i)
      folded[c * per_channel + i] = static_cast<float>(folded[c * per_channel + i] * scale);
    bias[c] = static_cast<float>(beta.values[c] - mean.values[c] * scale);
  }

  const bool in_8_bits = x.get_shape()[2] * x.get_shape()[3] > 1;  // the pooled branch has one pixel
  if (in_8_bits) quantizable_[conv] = x;
  Node input = x;
  const auto filter = [&](const ov::Shape& shape) {
    return in_8_bits && !ranges_.empty() ? quantized_weights(shape, folded) : constant(shape, folded);
  };
  if (in_8_bits && !ranges_.empty()) {
    const auto range = ranges_.find(conv);
    if (range == ranges_.end()) fail("model: the 8-bit range of what {} reads is missing", conv);
    input = quantized(x, range->second);
  }

  // SAME padding: what the last window lacks, half of it (rounded down) before the first pixel.
  const auto padding = [&](std::size_t extent) {
    const auto size = static_cast<std::ptrdiff_t>(extent);
    const std::ptrdiff_t reach = (static_cast<std::ptrdiff_t>(kernel) - 1) * how.dilation + 1;
    const std::ptrdiff_t output = (size + how.stride - 1) / how.stride;
    const std::ptrdiff_t total = std::max<std::ptrdiff_t>((output - 1) * how.stride + reach - size, 0);
    return std::pair{total / 2, total - total / 2};
  };
  const auto [top, bottom] = padding(x.get_shape()[2]);
  const auto [left, right] = padding(x.get_shape()[3]);
  const ov::Strides strides(2, how.stride);
  const ov::Strides dilations(2, how.dilation);
  const ov::CoordinateDiff before{top, left};
  const ov::CoordinateDiff after{bottom, right};
  Node y = depthwise ? std::make_shared<op::GroupConvolution>(input, filter({out, 1, 1, kernel, kernel}), strides,
                                                              before, after, dilations)
                           ->output(0)
                     : std::make_shared<op::Convolution>(input, filter({out, in, kernel, kernel}), strides, before,
                                                         after, dilations)
                           ->output(0);
  y = add_bias(y, bias);
  switch (how.activation) {
    case Activation::kNone:
      return y;
    case Activation::kRelu:
      return relu(y);
    case Activation::kRelu6:
      return std::make_shared<op::Clamp>(y, 0.0, 6.0)->output(0);
  }
  return y;
}

Node NetworkGraph::quantized(const Node& x, const ValueRange& range) {
  Node& shared = quantized_[{x.get_node(), x.get_index()}];
  if (shared.get_node() != nullptr) return shared;
  // What is never negative gets all 256 levels (unsigned bytes), the rest signed bytes around 0.
  float low = 0;
  float high = std::max(range.high, 1e-6F);
  if (range.low < 0) {
    high = std::max(high, -range.low * 127.0F / 128.0F);
    low = -high * 128.0F / 127.0F;
  }
  const Node from = constant({}, {low});
  const Node to = constant({}, {high});
  shared = std::make_shared<op::FakeQuantize>(x, from, to, from, to, 256)->output(0);
  return shared;
}

Node NetworkGraph::conv_bias(const Node& x, const std::string& name, int out_channels) {
  const auto out = static_cast<std::size_t>(out_channels);
  const TensorView weight = tensor(name + ".weight", {out, channels_of(x), 1, 1});
  const TensorView bias = tensor(name + ".bias", {out});
  const Node filter = constant(weight.shape, {weight.values.begin(), weight.values.end()});
  const ov::CoordinateDiff none{0, 0};
  const auto y = std::make_shared<op::Convolution>(x, filter, ov::Strides{1, 1}, none, none, ov::Strides{1, 1});
  return add_bias(y->output(0), {bias.values.begin(), bias.values.end()});
}

/// Depthwise 3x3 + pointwise, each with batch norm and ReLU: `name`.{depthwise, depthwise_bn, pointwise, bn}.
Node NetworkGraph::separable(const Node& x, const std::string& name, int out_channels, int dilation) {
  const Node spatial = conv_bn(x, name + ".depthwise", name + ".depthwise_bn", {.kernel = 3, .dilation = dilation});
  return conv_bn(spatial, name + ".pointwise", name + ".bn", {.out_channels = out_channels});
}

NetworkGraph::Features NetworkGraph::backbone(const Node& image, const std::string& name) {
  const Backbone& layout = find_backbone(name);
  const Conv common{.bn_epsilon = kBackboneEpsilon, .activation = Activation::kRelu6};
  Conv stem = common;
  stem.out_channels = 32;
  stem.kernel = 3;
  stem.stride = 2;
  Node x = conv_bn(image, "backbone._conv_stem", "backbone._bn0", stem);  // [N, 32, H/2, W/2]
  Features features;
  int block = 0;
  for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
    for (int repeat = 0; repeat < layout.repeats[stage]; ++repeat, ++block) {
      const std::string prefix = fmt::format("backbone._blocks.{}.", block);
      const Node input = x;
      if (kStages[stage].expand != 1) {
        Conv expand = common;
        expand.out_channels = static_cast<int>(channels_of(x)) * kStages[stage].expand;
        x = conv_bn(x, prefix + "_expand_conv", prefix + "_bn0", expand);
      }
      Conv depthwise = common;
      depthwise.kernel = kStages[stage].kernel;
      depthwise.stride = repeat == 0 ? kStages[stage].stride : 1;
      const bool dilated = stage > kDilatedFromStage || (stage == kDilatedFromStage && repeat > 0);
      depthwise.dilation = dilated ? 2 : 1;
      x = conv_bn(x, prefix + "_depthwise_conv", prefix + "_bn1", depthwise);
      Conv project = common;
      project.out_channels = layout.channels[stage];
      project.activation = Activation::kNone;
      x = conv_bn(x, prefix + "_project_conv", prefix + "_bn2", project);
      if (input.get_shape() == x.get_shape()) x = std::make_shared<op::Add>(x, input)->output(0);
    }
    if (stage == 0) features.half = x;
    if (stage == 1) features.quarter = x;
  }
  features.sixteenth = x;
  return features;
}

Node NetworkGraph::aspp(const Node& f16) {
  const ov::Shape& shape = f16.get_shape();
  const Node mean = std::make_shared<op::ReduceMean>(f16, indices({2, 3}), true)->output(0);
  const Node pooled = conv_bn(mean, "aspp.pool.conv", "aspp.pool.bn", {.out_channels = 256});  // [N, 256, 1, 1]
  const Node everywhere =
      std::make_shared<op::Broadcast>(pooled, shape_of({shape[0], 256, shape[2], shape[3]}))->output(0);
  const Node point = conv_bn(f16, "aspp.point.conv", "aspp.point.bn", {.out_channels = 256});
  ov::OutputVector branches{everywhere, point};
  for (const int rate : {6, 12, 18}) branches.push_back(separable(f16, fmt::format("aspp.rate{}", rate), 256, rate));
  const auto all = std::make_shared<op::Concat>(branches, 1);  // [N, 1280, h, w]
  return conv_bn(all->output(0), "aspp.project.conv", "aspp.project.bn", {.out_channels = 256});
}

Node NetworkGraph::acf(const Node& x, const Node& coarse) {
  const ov::Shape shape = x.get_shape();
  const auto share = std::make_shared<op::Softmax>(coarse, 1);  // P [1, K, h, w]
  const Node shares = flatten(share->output(0));                // [N, K, n]
  const Node features = flatten(x);                             // [N, 256, n]
  // Class centres: the mean feature of each class, weighted by how sure the coarse head is of it.
  const auto sums = std::make_shared<op::MatMul>(features, shares, false, true);      // [N, 256, K]
  const auto weights = std::make_shared<op::ReduceSum>(shares, indices({2}), false);  // [N, K]
  const auto row = std::make_shared<op::Unsqueeze>(weights, scalar_index(1));         // [N, 1, K]
  const auto safe = std::make_shared<op::Add>(row, constant({1}, {1e-6F}));
  const auto centres = std::make_shared<op::Divide>(sums, safe);  // [N, 256, K]
  // Each pixel gets the mixture of centres that its own shares ask for.
  const auto mixed = std::make_shared<op::MatMul>(centres, shares, false, false);  // [N, 256, n]
  const auto attended = std::make_shared<op::Reshape>(mixed, shape_of({shape[0], shape[1], shape[2], shape[3]}), false);
  const int width = static_cast<int>(shape[1]);
  const Node attend = conv_bn(attended->output(0), "acf.attend.conv", "acf.attend.bn", {.out_channels = width});
  const auto both = std::make_shared<op::Concat>(ov::OutputVector{x, attend}, 1);  // [N, 512, h, w]
  return separable(both->output(0), "acf.fuse", width, 1);
}

Node NetworkGraph::decode(const Node& y, const Node& f4) {
  const Node high = conv_bn(y, "decoder.high.conv", "decoder.high.bn", {.out_channels = 64});
  const Node low = conv_bn(f4, "decoder.low.conv", "decoder.low.bn", {.out_channels = 32});
  const auto both = std::make_shared<op::Concat>(ov::OutputVector{resize_like(high, f4), low}, 1);  // [N, 96, H/4, W/4]
  return separable(both->output(0), "decoder.refine", 64, 1);
}

Node NetworkGraph::decode_half(const Node& y, const Node& f2) {
  const Node high = conv_bn(y, "decoder.half_high.conv", "decoder.half_high.bn", {.out_channels = 32});
  const Node low = conv_bn(f2, "decoder.half_low.conv", "decoder.half_low.bn", {.out_channels = 16});
  const auto both = std::make_shared<op::Concat>(ov::OutputVector{resize_like(high, f2), low}, 1);  // [N, 48, H/2, W/2]
  return separable(both->output(0), "decoder.half_refine", 32, 1);
}

std::shared_ptr<ov::Model> NetworkGraph::build(const NetworkShape& shape) {
  const auto channels = static_cast<std::size_t>(shape.picture_channels);
  const auto picture = std::make_shared<op::Parameter>(
      ov::element::u8, ov::Shape{static_cast<std::size_t>(shape.batch), static_cast<std::size_t>(shape.height),
                                 static_cast<std::size_t>(shape.width), channels});
  picture->set_friendly_name("picture");
  picture->output(0).set_names({"picture"});

  // Bytes to normalised RGB planes: x = (byte / 255 - mean) / stddev.
  const auto floats = std::make_shared<op::Convert>(picture, ov::element::f32);
  Node planes = std::make_shared<op::Transpose>(floats, indices({0, 3, 1, 2}))->output(0);
  if (shape.picture_channels == 4)
    planes = std::make_shared<op::Gather>(planes, indices({2, 1, 0}), scalar_index(1))->output(0);
  std::vector<float> scale(3);
  std::vector<float> offset(3);
  for (std::size_t c = 0; c < 3; ++c) {
    scale[c] = static_cast<float>(1.0 / (255.0 * shape.stddev[c]));
    offset[c] = static_cast<float>(-static_cast<double>(shape.mean[c]) / shape.stddev[c]);
  }
  const auto scaled = std::make_shared<op::Multiply>(planes, constant({1, 3, 1, 1}, scale));
  const Node x = add_bias(scaled->output(0), offset);  // [N, 3, H, W]

  const Features features = backbone(x, shape.backbone);
  const Node pyramid = aspp(features.sixteenth);
  const Node coarse = conv_bias(pyramid, "coarse", shape.class_count);
  Node y = acf(pyramid, coarse);
  if (shape.decoder == "skip4" || shape.decoder == "skip2") {
    y = decode(y, features.quarter);
    if (shape.decoder == "skip2") y = decode_half(y, features.half);
  } else if (shape.decoder != "none") {
    fail("model: decoder «{}» is unknown; there are skip4, skip2 and none", shape.decoder);
  }
  const Node logits = conv_bias(y, "classifier", shape.class_count);
  const auto result = std::make_shared<op::Result>(logits);
  result->output(0).set_names({"logits"});
  return std::make_shared<ov::Model>(ov::ResultVector{result}, ov::ParameterVector{picture}, "acfnet");
}

}  // namespace bramble
