#include "bramble/train/upsampled_cross_entropy.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "bramble/core/bilinear.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/fast_exp.hpp"
#include "bramble/model/omp_tasks.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {
namespace {

namespace F = torch::nn::functional;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Sizes of a batch, and what its pixels weigh.
struct Shape {
  int count, classes, rows, columns, height, width;
  std::vector<BilinearTap> down, across;
  std::vector<float> weight;  // [K]
  float of_truth;             // 1 - label smoothing
  float of_each;              // label smoothing / K

  Shape(const torch::Tensor& logits, const torch::Tensor& label, const torch::Tensor& class_weights, double smoothing)
      : count(static_cast<int>(logits.size(0))),
        classes(static_cast<int>(logits.size(1))),
        rows(static_cast<int>(logits.size(2))),
        columns(static_cast<int>(logits.size(3))),
        height(static_cast<int>(label.size(1))),
        width(static_cast<int>(label.size(2))),
        down(bilinear_taps(rows, height)),
        across(bilinear_taps(columns, width)),
        weight(static_cast<std::size_t>(classes)),
        of_truth(static_cast<float>(1 - smoothing)),
        of_each(static_cast<float>(smoothing / classes)) {
    std::copy_n(class_weights.contiguous().data_ptr<float>(), classes, weight.begin());
  }
  std::size_t plane() const { return static_cast<std::size_t>(rows) * columns; }
  std::size_t pixels() const { return static_cast<std::size_t>(height) * width; }
  float all_weights() const {
    float sum = 0;
    for (const float one : weight) sum += one;
    return sum;
  }
};

// The logits of one row of the picture, all classes: [K, W]. Two of the rows that it lies between are kept, as the next
// row of the picture mostly lies between the same.
class RowOfLogits {
 public:
  RowOfLogits(const float* logits, const Shape& shape) : logits_(logits), shape_(shape) {
    const auto size = static_cast<std::size_t>(shape.classes) * shape.width;
    for (auto* row : {&low_, &high_, &mixed_}) row->resize(size);
  }
  const float* at(int v) {
    const BilinearTap& tap = shape_.down[static_cast<std::size_t>(v)];
    if (tap.low != low_row_ && tap.low == high_row_) {
      std::swap(low_, high_);
      std::swap(low_row_, high_row_);
    }
    if (tap.low != low_row_) widen(tap.low, low_, low_row_);
    if (tap.high != high_row_) widen(tap.high, high_, high_row_);
    for (std::size_t i = 0; i < mixed_.size(); ++i) mixed_[i] = low_[i] + tap.weight * (high_[i] - low_[i]);
    return mixed_.data();
  }

 private:
  void widen(int row, std::vector<float>& wide, int& number) {
    float* out = wide.data();
    for (int k = 0; k < shape_.classes; ++k) {
      const float* const in =
          logits_ + static_cast<std::size_t>(k) * shape_.plane() + static_cast<std::size_t>(row) * shape_.columns;
      for (const BilinearTap& tap : shape_.across) *out++ = in[tap.low] + tap.weight * (in[tap.high] - in[tap.low]);
    }
    number = row;
  }

  const float* logits_;
  const Shape& shape_;
  std::vector<float> low_, high_, mixed_;
  int low_row_ = -1, high_row_ = -1;
};

// Rows of a picture that one thread takes at a time.
constexpr int kBand = 16;
template <typename Work>
void for_bands(int pictures, int rows, const Work& work) {
  const int bands = (rows + kBand - 1) / kBand;
  for_tasks(static_cast<std::int64_t>(pictures) * bands, [&](std::int64_t task) {
    const int begin = static_cast<int>(task % bands) * kBand;
    work(static_cast<int>(task / bands), begin, std::min(begin + kBand, rows));
  });
}

// log Σ exp of every pixel of a row, [W].
void log_sum(const float* row, const Shape& shape, std::vector<float>& sum, float* out) {
  const int width = shape.width;
  std::copy_n(row, width, out);
  for (int k = 1; k < shape.classes; ++k) {
    const float* const value = row + static_cast<std::size_t>(k) * width;
    for (int u = 0; u < width; ++u) out[u] = std::max(out[u], value[u]);
  }
  std::fill(sum.begin(), sum.end(), 0.0F);
  for (int k = 0; k < shape.classes; ++k) {
    const float* const value = row + static_cast<std::size_t>(k) * width;
    for (int u = 0; u < width; ++u) sum[static_cast<std::size_t>(u)] += exp_of_negative(value[u] - out[u]);
  }
  for (int u = 0; u < width; ++u) out[u] += std::log(sum[static_cast<std::size_t>(u)]);
}

class UpsampledCrossEntropy : public torch::autograd::Function<UpsampledCrossEntropy> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& logits, const torch::Tensor& label,
                               const torch::Tensor& class_weights, double smoothing) {
    const torch::Tensor planes = logits.contiguous(), truth = label.contiguous();
    const Shape shape(planes, truth, class_weights, smoothing);
    torch::Tensor log_sums = torch::empty({shape.count, shape.height, shape.width});
    torch::Tensor each = torch::empty({shape.count * static_cast<std::int64_t>(shape.pixels())});
    const float* const from = planes.data_ptr<float>();
    const std::int64_t* const ids = truth.data_ptr<std::int64_t>();
    float *const sums = log_sums.data_ptr<float>(), *const losses = each.data_ptr<float>();
    const float of_all = shape.of_each * shape.all_weights();
    for_bands(shape.count, shape.height, [&](int n, int begin, int end) {
      RowOfLogits logits_of(from + static_cast<std::size_t>(n) * shape.classes * shape.plane(), shape);
      std::vector<float> work(static_cast<std::size_t>(shape.width)), weighted(work.size());
      for (int v = begin; v < end; ++v) {
        const float* const row = logits_of.at(v);
        const std::size_t at = static_cast<std::size_t>(n) * shape.pixels() + static_cast<std::size_t>(v) * shape.width;
        float* const sum = sums + at;
        log_sum(row, shape, work, sum);
        if (shape.of_each > 0) {
          std::fill(weighted.begin(), weighted.end(), 0.0F);
          for (int k = 0; k < shape.classes; ++k) {
            const float weight = shape.of_each * shape.weight[static_cast<std::size_t>(k)];
            const float* const value = row + static_cast<std::size_t>(k) * shape.width;
            for (int u = 0; u < shape.width; ++u) weighted[static_cast<std::size_t>(u)] += weight * value[u];
          }
        }
        for (int u = 0; u < shape.width; ++u) {
          const std::int64_t id = ids[at + static_cast<std::size_t>(u)];
          if (id == kIgnoreId) {
            losses[at + static_cast<std::size_t>(u)] = 0;
            continue;
          }
          if (id < 0 || id >= shape.classes) fail("the label {} is none of the {} classes", id, shape.classes);
          const float surprise = sum[u] - row[static_cast<std::size_t>(id) * shape.width + u];
          losses[at + static_cast<std::size_t>(u)] =
              shape.of_truth * shape.weight[static_cast<std::size_t>(id)] * surprise +
              (of_all * sum[u] - weighted[static_cast<std::size_t>(u)]);
        }
      }
    });
    context->save_for_backward({planes, truth, class_weights, log_sums});
    context->saved_data["smoothing"] = smoothing;
    return each;
  }

  // A pixel's slope by its own logit of class k is g (a p_k - b_k): a = of_truth w_y + of_each Σ w, b_k = of_each w_k
  // and for k = y also of_truth w_y. What a pixel was interpolated from gets its share.
  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Shape shape(saved[0], saved[1], saved[2], context->saved_data["smoothing"].toDouble());
    const torch::Tensor slope = gradients[0].contiguous();
    torch::Tensor to_logits = torch::zeros_like(saved[0]);
    const float *const from = saved[0].data_ptr<float>(), *const sums = saved[3].data_ptr<float>(),
                       *const above = slope.data_ptr<float>();
    const std::int64_t* const ids = saved[1].data_ptr<std::int64_t>();
    float* const to = to_logits.data_ptr<float>();
    const float of_all = shape.of_each * shape.all_weights();
    const std::size_t wide = static_cast<std::size_t>(shape.classes) * shape.width;
    for_bands(shape.count, shape.rows, [&](int n, int begin, int end) {
      const std::size_t picture = static_cast<std::size_t>(n) * shape.classes * shape.plane();
      RowOfLogits logits_of(from + picture, shape);
      std::vector<float> slopes(wide), collected(static_cast<std::size_t>(end - begin) * wide, 0.0F);
      std::vector<float> scale(static_cast<std::size_t>(shape.width)), known(scale.size());
      const auto add = [&](int row, float share) {
        if (row < begin || row >= end || share == 0) return;
        float* const sum = collected.data() + static_cast<std::size_t>(row - begin) * wide;
        for (std::size_t i = 0; i < wide; ++i) sum[i] += share * slopes[i];
      };
      for (int v = 0; v < shape.height; ++v) {
        const BilinearTap& tap = shape.down[static_cast<std::size_t>(v)];
        if (tap.high < begin) continue;
        if (tap.low >= end) break;
        const float* const row = logits_of.at(v);
        const std::size_t at = static_cast<std::size_t>(n) * shape.pixels() + static_cast<std::size_t>(v) * shape.width;
        for (int u = 0; u < shape.width; ++u) {
          const std::int64_t id = ids[at + static_cast<std::size_t>(u)];
          const auto i = static_cast<std::size_t>(u);
          known[i] = id == kIgnoreId ? 0 : above[at + i];
          scale[i] =
              id == kIgnoreId ? 0 : known[i] * (shape.of_truth * shape.weight[static_cast<std::size_t>(id)] + of_all);
        }
        for (int k = 0; k < shape.classes; ++k) {
          const float* const value = row + static_cast<std::size_t>(k) * shape.width;
          float* const out = slopes.data() + static_cast<std::size_t>(k) * shape.width;
          const float each = shape.of_each * shape.weight[static_cast<std::size_t>(k)];
          for (int u = 0; u < shape.width; ++u) {
            const auto i = static_cast<std::size_t>(u);
            out[u] = scale[i] * exp_of_negative(std::min(value[u] - sums[at + i], 0.0F)) - known[i] * each;
          }
        }
        for (int u = 0; u < shape.width; ++u) {
          const std::int64_t id = ids[at + static_cast<std::size_t>(u)];
          if (id == kIgnoreId) continue;
          slopes[static_cast<std::size_t>(id) * shape.width + u] -=
              known[static_cast<std::size_t>(u)] * shape.of_truth * shape.weight[static_cast<std::size_t>(id)];
        }
        add(tap.low, 1 - tap.weight);
        add(tap.high, tap.weight);
      }
      for (int row = begin; row < end; ++row)
        for (int k = 0; k < shape.classes; ++k) {
          const float* const sum = collected.data() + static_cast<std::size_t>(row - begin) * wide +
                                   static_cast<std::size_t>(k) * shape.width;
          float* const out = to + picture + static_cast<std::size_t>(k) * shape.plane() +
                             static_cast<std::size_t>(row) * shape.columns;
          for (int u = 0; u < shape.width; ++u) {
            const BilinearTap& tap = shape.across[static_cast<std::size_t>(u)];
            out[tap.low] += (1 - tap.weight) * sum[u];
            out[tap.high] += tap.weight * sum[u];
          }
        }
    });
    return {to_logits, {}, {}, {}};
  }
};

}  // namespace

torch::Tensor full_size(const torch::Tensor& logits, const torch::Tensor& label) {
  if (logits.size(2) == label.size(1) && logits.size(3) == label.size(2)) return logits;
  return F::interpolate(logits, F::InterpolateFuncOptions()
                                    .size(std::vector<std::int64_t>{label.size(1), label.size(2)})
                                    .mode(torch::kBilinear)
                                    .align_corners(false));
}

torch::Tensor upsampled_cross_entropy(const torch::Tensor& logits, const torch::Tensor& label,
                                      const torch::Tensor& class_weights, double label_smoothing) {
  if (logits.device().is_cpu() && logits.scalar_type() == torch::kFloat)
    return UpsampledCrossEntropy::apply(
        logits, label, class_weights.defined() ? class_weights : torch::ones({logits.size(1)}), label_smoothing);
  auto options =
      F::CrossEntropyFuncOptions().ignore_index(kIgnoreId).label_smoothing(label_smoothing).reduction(torch::kNone);
  if (class_weights.defined()) options.weight(class_weights);
  return F::cross_entropy(full_size(logits, label), label, options).reshape({-1});
}

}  // namespace bramble
