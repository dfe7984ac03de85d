#pragma once
// The network once more, in plain loops and double precision, from the text of docs/model_package.md and not from
// network_graph.cpp: the second route that the tests compare the graph with. Included by tests only.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bramble/core/random.hpp"
#include "bramble/infer/network_graph.hpp"

namespace bramble::plain {

/// [channels, height, width]
struct Planes {
  int channels = 0;
  int height = 0;
  int width = 0;
  std::vector<double> data;
  Planes() = default;
  Planes(int c, int h, int w) : channels(c), height(h), width(w), data(static_cast<std::size_t>(c) * h * w) {}
  double& at(int c, int v, int u) { return data[(static_cast<std::size_t>(c) * height + v) * width + u]; }
  double at(int c, int v, int u) const { return data[(static_cast<std::size_t>(c) * height + v) * width + u]; }
};

/// Tensors made up when first asked for, from the name: weights of a size that keeps activations near 1.
class Tensors {
 public:
  const std::vector<float>& get(const std::string& name, std::vector<std::size_t> shape) {
    auto [found, fresh] = all_.try_emplace(name);
    Entry& entry = found->second;
    if (!fresh) return entry.values;
    entry.shape = shape;
    std::size_t count = 1;
    for (const std::size_t size : shape) count *= size;
    const double fan_in = static_cast<double>(count) / static_cast<double>(shape[0]);
    Random random(11, stream_of(name));
    entry.values.resize(count);
    const bool variance = name.ends_with("running_var");
    const bool gamma = shape.size() == 1 && name.ends_with(".weight");
    for (float& value : entry.values) {
      if (variance) {
        value = static_cast<float>(random.uniform(0.5, 1.5));
      } else if (gamma) {
        value = static_cast<float>(random.uniform(0.6, 1.4));
      } else if (shape.size() == 1) {
        value = static_cast<float>(random.normal(0, 0.3));
      } else {
        value = static_cast<float>(random.normal(0, std::sqrt(2.0 / fan_in)));
      }
    }
    return entry.values;
  }
  TensorLookup lookup() const {
    return [this](const std::string& name, const std::vector<std::size_t>&) {
      const Entry& entry = all_.at(name);
      return TensorView{entry.shape, entry.values};
    };
  }
  struct Entry {
    std::vector<std::size_t> shape;
    std::vector<float> values;
  };
  std::map<std::string, Entry>& all() { return all_; }

 private:
  std::map<std::string, Entry> all_;
};

enum class Act { kNone, kRelu, kRelu6 };

class Network {
 public:
  explicit Network(Tensors& tensors) : tensors_(tensors) {}

  Planes conv(const Planes& x, const std::string& name, int out, int k, int stride, int dilation, bool depthwise,
              bool bias) {
    const auto& w = tensors_.get(
        name + ".weight", {std::size_t(out), depthwise ? 1 : std::size_t(x.channels), std::size_t(k), std::size_t(k)});
    const std::vector<float>* b = bias ? &tensors_.get(name + ".bias", {std::size_t(out)}) : nullptr;
    Planes y(out, (x.height + stride - 1) / stride, (x.width + stride - 1) / stride);
    const int pad_v = std::max((y.height - 1) * stride + (k - 1) * dilation + 1 - x.height, 0) / 2;
    const int pad_u = std::max((y.width - 1) * stride + (k - 1) * dilation + 1 - x.width, 0) / 2;
    const int per_filter = depthwise ? 1 : x.channels;
    for (int o = 0; o < out; ++o)
      for (int v = 0; v < y.height; ++v)
        for (int u = 0; u < y.width; ++u) {
          double sum = b ? (*b)[o] : 0.0;
          for (int i = 0; i < per_filter; ++i)
            for (int r = 0; r < k; ++r)
              for (int s = 0; s < k; ++s) {
                const int sv = v * stride - pad_v + r * dilation;
                const int su = u * stride - pad_u + s * dilation;
                if (sv < 0 || su < 0 || sv >= x.height || su >= x.width) continue;
                sum += x.at(depthwise ? o : i, sv, su) * w[((std::size_t(o) * per_filter + i) * k + r) * k + s];
              }
          y.at(o, v, u) = sum;
        }
    return y;
  }

  Planes norm(Planes x, const std::string& name, double epsilon, Act act) {
    const std::vector<std::size_t> shape{std::size_t(x.channels)};
    const auto& gamma = tensors_.get(name + ".weight", shape);
    const auto& beta = tensors_.get(name + ".bias", shape);
    const auto& mean = tensors_.get(name + ".running_mean", shape);
    const auto& var = tensors_.get(name + ".running_var", shape);
    for (int c = 0; c < x.channels; ++c)
      for (int i = 0; i < x.height * x.width; ++i) {
        double& value = x.data[std::size_t(c) * x.height * x.width + i];
        value = (value - mean[c]) / std::sqrt(var[c] + epsilon) * gamma[c] + beta[c];
        if (act != Act::kNone) value = std::max(value, 0.0);
        if (act == Act::kRelu6) value = std::min(value, 6.0);
      }
    return x;
  }

  Planes conv_norm(const Planes& x, const std::string& conv_name, const std::string& bn, int out, int k, int stride,
                   int dilation, bool depthwise, double epsilon, Act act) {
    return norm(conv(x, conv_name, out, k, stride, dilation, depthwise, false), bn, epsilon, act);
  }

  Planes separable(const Planes& x, const std::string& name, int out, int dilation) {
    const Planes d =
        conv_norm(x, name + ".depthwise", name + ".depthwise_bn", x.channels, 3, 1, dilation, true, 1e-5, Act::kRelu);
    return conv_norm(d, name + ".pointwise", name + ".bn", out, 1, 1, 1, false, 1e-5, Act::kRelu);
  }

  static Planes concat(const std::vector<const Planes*>& parts) {
    Planes y(0, parts[0]->height, parts[0]->width);
    for (const Planes* part : parts) {
      y.channels += part->channels;
      y.data.insert(y.data.end(), part->data.begin(), part->data.end());
    }
    return y;
  }

  static Planes resize(const Planes& x, int height, int width) {
    Planes y(x.channels, height, width);
    for (int c = 0; c < x.channels; ++c)
      for (int v = 0; v < height; ++v)
        for (int u = 0; u < width; ++u) {
          const double sv = std::clamp((v + 0.5) * x.height / height - 0.5, 0.0, x.height - 1.0);
          const double su = std::clamp((u + 0.5) * x.width / width - 0.5, 0.0, x.width - 1.0);
          const int v0 = static_cast<int>(sv);
          const int u0 = static_cast<int>(su);
          const int v1 = std::min(v0 + 1, x.height - 1);
          const int u1 = std::min(u0 + 1, x.width - 1);
          const double fv = sv - v0;
          const double fu = su - u0;
          y.at(c, v, u) = (1 - fv) * ((1 - fu) * x.at(c, v0, u0) + fu * x.at(c, v0, u1)) +
                          fv * ((1 - fu) * x.at(c, v1, u0) + fu * x.at(c, v1, u1));
        }
    return y;
  }

  /// EfficientNet-Lite0, block by block: {kernel, stride, dilation, out channels}.
  std::tuple<Planes, Planes, Planes> backbone(const Planes& image) {
    static constexpr int kBlocks[16][4] = {{3, 1, 1, 16},  {3, 2, 1, 24},  {3, 1, 1, 24},  {5, 2, 1, 40},
                                           {5, 1, 1, 40},  {3, 2, 1, 80},  {3, 1, 1, 80},  {3, 1, 1, 80},
                                           {5, 1, 1, 112}, {5, 1, 1, 112}, {5, 1, 1, 112}, {5, 1, 1, 192},
                                           {5, 1, 2, 192}, {5, 1, 2, 192}, {5, 1, 2, 192}, {3, 1, 2, 320}};
    Planes x = conv_norm(image, "backbone._conv_stem", "backbone._bn0", 32, 3, 2, 1, false, 1e-3, Act::kRelu6);
    Planes half;
    Planes quarter;
    for (int block = 0; block < 16; ++block) {
      const auto [kernel, stride, dilation, out] = kBlocks[block];
      const std::string name = "backbone._blocks." + std::to_string(block) + ".";
      Planes y = x;
      if (block > 0)
        y = conv_norm(y, name + "_expand_conv", name + "_bn0", 6 * x.channels, 1, 1, 1, false, 1e-3, Act::kRelu6);
      y = conv_norm(y, name + "_depthwise_conv", name + "_bn1", y.channels, kernel, stride, dilation, true, 1e-3,
                    Act::kRelu6);
      y = conv_norm(y, name + "_project_conv", name + "_bn2", out, 1, 1, 1, false, 1e-3, Act::kNone);
      if (stride == 1 && x.channels == out)
        for (std::size_t i = 0; i < y.data.size(); ++i) y.data[i] += x.data[i];
      x = y;
      if (block == 0) half = x;
      if (block == 2) quarter = x;
    }
    return {half, quarter, x};
  }

  Planes aspp(const Planes& f) {
    Planes mean(f.channels, 1, 1);
    for (int c = 0; c < f.channels; ++c) {
      for (int i = 0; i < f.height * f.width; ++i) mean.data[c] += f.data[std::size_t(c) * f.height * f.width + i];
      mean.data[c] /= f.height * f.width;
    }
    const Planes one = conv_norm(mean, "aspp.pool.conv", "aspp.pool.bn", 256, 1, 1, 1, false, 1e-5, Act::kRelu);
    Planes pool(256, f.height, f.width);
    for (int c = 0; c < 256; ++c)
      for (int v = 0; v < f.height; ++v)
        for (int u = 0; u < f.width; ++u) pool.at(c, v, u) = one.data[c];
    const Planes point = conv_norm(f, "aspp.point.conv", "aspp.point.bn", 256, 1, 1, 1, false, 1e-5, Act::kRelu);
    const Planes r6 = separable(f, "aspp.rate6", 256, 6);
    const Planes r12 = separable(f, "aspp.rate12", 256, 12);
    const Planes r18 = separable(f, "aspp.rate18", 256, 18);
    return conv_norm(concat({&pool, &point, &r6, &r12, &r18}), "aspp.project.conv", "aspp.project.bn", 256, 1, 1, 1,
                     false, 1e-5, Act::kRelu);
  }

  Planes acf(const Planes& x, const Planes& coarse) {
    const int pixels = x.height * x.width;
    const int classes = coarse.channels;
    std::vector<double> share(coarse.data.size());  // P [K, pixels]
    for (int i = 0; i < pixels; ++i) {
      double largest = -1e300;
      double sum = 0;
      for (int k = 0; k < classes; ++k) largest = std::max(largest, coarse.data[std::size_t(k) * pixels + i]);
      for (int k = 0; k < classes; ++k)
        sum += share[std::size_t(k) * pixels + i] = std::exp(coarse.data[std::size_t(k) * pixels + i] - largest);
      for (int k = 0; k < classes; ++k) share[std::size_t(k) * pixels + i] /= sum;
    }
    Planes mixed(x.channels, x.height, x.width);
    for (int k = 0; k < classes; ++k) {
      const double* p = &share[std::size_t(k) * pixels];
      double total = 1e-6;
      for (int i = 0; i < pixels; ++i) total += p[i];
      for (int c = 0; c < x.channels; ++c) {
        double centre = 0;
        for (int i = 0; i < pixels; ++i) centre += p[i] * x.data[std::size_t(c) * pixels + i];
        centre /= total;
        for (int i = 0; i < pixels; ++i) mixed.data[std::size_t(c) * pixels + i] += p[i] * centre;
      }
    }
    const int out = x.channels;
    const Planes attend = conv_norm(mixed, "acf.attend.conv", "acf.attend.bn", out, 1, 1, 1, false, 1e-5, Act::kRelu);
    return separable(concat({&x, &attend}), "acf.fuse", out, 1);
  }

  Planes decode(const Planes& y, const Planes& f4) {
    const Planes high =
        resize(conv_norm(y, "decoder.high.conv", "decoder.high.bn", 64, 1, 1, 1, false, 1e-5, Act::kRelu), f4.height,
               f4.width);
    const Planes low = conv_norm(f4, "decoder.low.conv", "decoder.low.bn", 32, 1, 1, 1, false, 1e-5, Act::kRelu);
    return separable(concat({&high, &low}), "decoder.refine", 64, 1);
  }

  Planes decode_half(const Planes& y, const Planes& f2) {
    const Planes high =
        resize(conv_norm(y, "decoder.half_high.conv", "decoder.half_high.bn", 32, 1, 1, 1, false, 1e-5, Act::kRelu),
               f2.height, f2.width);
    const Planes low =
        conv_norm(f2, "decoder.half_low.conv", "decoder.half_low.bn", 16, 1, 1, 1, false, 1e-5, Act::kRelu);
    return separable(concat({&high, &low}), "decoder.half_refine", 32, 1);
  }

  /// image: normalised planes -> logits
  Planes logits(const Planes& image, int classes, const std::string& decoder) {
    const auto [half, quarter, sixteenth] = backbone(image);
    const Planes x = aspp(sixteenth);
    const Planes coarse = conv(x, "coarse", classes, 1, 1, 1, false, true);
    Planes y = acf(x, coarse);
    if (decoder != "none") y = decode(y, quarter);
    if (decoder == "skip2") y = decode_half(y, half);
    return conv(y, "classifier", classes, 1, 1, 1, false, true);
  }

 private:
  Tensors& tensors_;
};

}  // namespace bramble::plain
