#include "bramble/model/bilinear_resize.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "bramble/core/bilinear.hpp"
#include "bramble/model/channels_last.hpp"
#include "bramble/model/omp_tasks.hpp"

namespace bramble {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

torch::Tensor new_picture(const torch::Tensor& like, std::int64_t height, std::int64_t width) {
  return torch::empty({like.size(0), like.size(1), height, width},
                      like.options().memory_format(torch::MemoryFormat::ChannelsLast));
}

class BilinearResize : public torch::autograd::Function<BilinearResize> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, std::int64_t height,
                               std::int64_t width) {
    const torch::Tensor input = channels_last(x);
    const std::int64_t count = input.size(0), channels = input.size(1), rows = input.size(2), columns = input.size(3);
    context->saved_data["rows"] = rows;
    context->saved_data["columns"] = columns;
    const auto down = bilinear_taps(static_cast<int>(rows), static_cast<int>(height));
    const auto across = bilinear_taps(static_cast<int>(columns), static_cast<int>(width));
    torch::Tensor y = new_picture(input, height, width);
    const float* const from = input.data_ptr<float>();
    float* const to = y.data_ptr<float>();
    for_tasks(
        count * height, [&] { return std::vector<float>(static_cast<std::size_t>(columns * channels)); },
        [&](std::vector<float>& between, std::int64_t task) {
          const BilinearTap& tap = down[static_cast<std::size_t>(task % height)];
          const float* const __restrict upper = from + (task / height * rows + tap.low) * columns * channels;
          const float* const __restrict lower = from + (task / height * rows + tap.high) * columns * channels;
          float* const __restrict row = between.data();
          for (std::int64_t i = 0; i < columns * channels; ++i) row[i] = upper[i] + tap.weight * (lower[i] - upper[i]);
          float* out = to + task * width * channels;
          for (const BilinearTap& column : across) {
            const float* const __restrict left = row + column.low * channels;
            const float* const __restrict right = row + column.high * channels;
            float* const __restrict pixel = out;
            for (std::int64_t c = 0; c < channels; ++c) pixel[c] = left[c] + column.weight * (right[c] - left[c]);
            out += channels;
          }
        });
    return y;
  }

  // What an input row gave to the rows of the output comes back: those rows first, then the columns.
  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const torch::Tensor slope = channels_last(gradients[0]);
    const std::int64_t rows = context->saved_data["rows"].toInt(), columns = context->saved_data["columns"].toInt();
    const std::int64_t count = slope.size(0), channels = slope.size(1), height = slope.size(2), width = slope.size(3);
    const auto down = bilinear_taps(static_cast<int>(rows), static_cast<int>(height));
    const auto across = bilinear_taps(static_cast<int>(columns), static_cast<int>(width));
    struct Share {
      std::int64_t row;
      float weight;
    };
    std::vector<std::vector<Share>> shares(static_cast<std::size_t>(rows));
    for (std::int64_t y = 0; y < height; ++y) {
      const BilinearTap& tap = down[static_cast<std::size_t>(y)];
      shares[static_cast<std::size_t>(tap.low)].push_back({y, 1 - tap.weight});
      shares[static_cast<std::size_t>(tap.high)].push_back({y, tap.weight});
    }
    torch::Tensor to_input = new_picture(slope, rows, columns);
    const float* const from = slope.data_ptr<float>();
    float* const to = to_input.data_ptr<float>();
    for_tasks(
        count * rows, [&] { return std::vector<float>(static_cast<std::size_t>(width * channels)); },
        [&](std::vector<float>& sums, std::int64_t task) {
          float* const __restrict sum = sums.data();
          std::fill(sums.begin(), sums.end(), 0.0F);
          for (const Share& share : shares[static_cast<std::size_t>(task % rows)]) {
            if (share.weight == 0) continue;
            const float* const __restrict row = from + (task / rows * height + share.row) * width * channels;
            for (std::int64_t i = 0; i < width * channels; ++i) sum[i] += share.weight * row[i];
          }
          float* const out = to + task * columns * channels;
          std::fill_n(out, columns * channels, 0.0F);
          const float* __restrict pixel = sum;
          for (const BilinearTap& column : across) {
            float* const __restrict left = out + column.low * channels;
            for (std::int64_t c = 0; c < channels; ++c) left[c] += (1 - column.weight) * pixel[c];
            float* const __restrict right = out + column.high * channels;
            for (std::int64_t c = 0; c < channels; ++c) right[c] += column.weight * pixel[c];
            pixel += channels;
          }
        });
    return {to_input, {}, {}};
  }
};

}  // namespace

bool can_bilinear_resize(const torch::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == torch::kFloat && x.size(1) % 8 == 0;
}

torch::Tensor bilinear_resize(const torch::Tensor& x, std::int64_t height, std::int64_t width) {
  return BilinearResize::apply(x, height, width);
}

}  // namespace bramble
