#pragma once
// Needs OpenVINO's headers: included by the engine and its tests only.
#include <functional>
#include <map>
#include <memory>
#include <openvino/core/model.hpp>
#include <span>
#include <string>
#include <vector>

#include "bramble/infer/quantization.hpp"

namespace bramble {

/// A float32 tensor that someone else holds, row-major.
struct TensorView {
  std::vector<std::size_t> shape;
  std::span<const float> values;
};
/// The tensor of that name, of which the network needs that shape; throws Error when there is none. The values must
/// outlive the building of the graph.
using TensorLookup = std::function<TensorView(const std::string& name, const std::vector<std::size_t>& shape)>;

/// What of a network is not in its tensors.
struct NetworkShape {
  std::string backbone = "efficientnet-lite0";  ///< efficientnet-lite0, -lite1 or -lite2
  std::string decoder = "skip4";                ///< skip4, skip2 or none
  int width = 0;                                ///< input, pixels; multiples of 16
  int height = 0;
  int class_count = 0;
  int picture_channels = 3;  ///< 3: RGB; 4: BGRA, alpha unused
  int batch = 1;             ///< pictures at once
  float mean[3] = {};        ///< of RGB on 0..1
  float stddev[3] = {};
};

/// Builds ACF-Net (Zhang et al., "ACFNet: attentional class feature network for semantic segmentation", ICCV 2019) with
/// an EfficientNet-Lite backbone out of OpenVINO's opset 13, from the tensors of a model package
/// (docs/model_package.md). Batch norms are folded into their convolutions.
/// Tensors are [N, C, H, W] float32.
///
/// With ranges, the convolutions between stem and classifier compute in 8 bits: FakeQuantize nodes (256 levels over the
/// range of the input, one range a tensor; 255 levels symmetric around 0 for the weights, one scale an output channel)
/// tell OpenVINO's CPU plugin so. The two classifiers, the pooled branch and the class centres stay in floating point:
/// they are small, and what they decide is the class.
class NetworkGraph {
 public:
  using Node = ov::Output<ov::Node>;
  enum class Activation { kNone, kRelu, kRelu6 };

  explicit NetworkGraph(TensorLookup lookup, ValueRanges ranges = {})
      : lookup_(std::move(lookup)), ranges_(std::move(ranges)) {}

  /// The whole network: input «picture» [N, height, width, picture_channels] uint8, output «logits» [N, K, h, w] with
  /// h, w a quarter (skip4), a half (skip2) or a sixteenth (none) of the input. Throws Error naming a tensor that is
  /// missing or has another shape than the network needs, or the convolution that has no range while others have.
  std::shared_ptr<ov::Model> build(const NetworkShape& shape);

  /// The inputs of all convolutions that can compute in 8 bits, as built so far: what to calibrate.
  const std::map<std::string, Node>& quantizable() const { return quantizable_; }

  struct Features {
    Node half;       // f2  [1, 16, H/2, W/2]
    Node quarter;    // f4  [1, 24, H/4, W/4]
    Node sixteenth;  // f16 [1, 320, H/16, W/16]
  };
  /// x: [N, 3, H, W] normalised.
  Features backbone(const Node& x, const std::string& name);
  /// Atrous spatial pyramid pooling: [1, 320, h, w] -> [1, 256, h, w].
  Node aspp(const Node& f16);
  /// Attentional class features: x [1, 256, h, w], coarse logits [1, K, h, w] -> [1, 256, h, w].
  Node acf(const Node& x, const Node& coarse);
  /// Decoder with skip at a quarter: y [1, 256, h, w], f4 -> [1, 64, H/4, W/4].
  Node decode(const Node& y, const Node& f4);
  /// The same at a half, after the one above: y [1, 64, H/4, W/4], f2 -> [1, 32, H/2, W/2].
  Node decode_half(const Node& y, const Node& f2);

  /// Convolution `conv` + batch norm `bn` (names without «.weight») + activation. The kernel size comes from the
  /// tensor.
  struct Conv {
    int out_channels = 0;  ///< 0: depthwise
    int kernel = 1;
    int stride = 1;
    int dilation = 1;
    double bn_epsilon = 1e-5;
    Activation activation = Activation::kRelu;
  };
  /// Padding is TensorFlow's SAME: output = ceil(input / stride), the odd pixel at the end.
  Node conv_bn(const Node& x, const std::string& conv, const std::string& bn, const Conv& how);
  /// 1x1 convolution with bias, `name`.weight and `name`.bias.
  Node conv_bias(const Node& x, const std::string& name, int out_channels);

 private:
  TensorView tensor(const std::string& name, const std::vector<std::size_t>& shape);
  Node separable(const Node& x, const std::string& name, int out_channels, int dilation);
  /// x rounded to the levels of its range; one node for all that read x.
  Node quantized(const Node& x, const ValueRange& range);

  TensorLookup lookup_;
  ValueRanges ranges_;
  std::map<std::string, Node> quantizable_;
  std::map<std::pair<const ov::Node*, std::size_t>, Node> quantized_;
};

}  // namespace bramble
