#include "bramble/model/depthwise_conv.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "bramble/model/channels_last.hpp"
#include "bramble/model/gpu_layers.hpp"
#include "bramble/model/omp_tasks.hpp"

namespace bramble {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Eight channels; wide registers are two of them. Memory need not be aligned to it.
typedef float Lane
    __attribute__((vector_size(32), aligned(4), may_alias));  // NOLINT: no alias template with attributes
constexpr std::int64_t kLane = 8;

Lane load(const float* from) { return *reinterpret_cast<const Lane*>(from); }
void store(float* to, Lane value) { *reinterpret_cast<Lane*>(to) = value; }

// A tap that counts for one output row (or column): which input row it takes, and which row of the kernel.
struct Tap {
  std::int64_t from, kernel;
};
using Taps = std::vector<std::vector<Tap>>;

Taps forward_taps(std::int64_t out, std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                  std::int64_t padding) {
  Taps taps(static_cast<std::size_t>(out));
  for (std::int64_t y = 0; y < out; ++y)
    for (std::int64_t k = 0; k < kernel; ++k)
      if (const auto from = y * stride + k * dilation - padding; from >= 0 && from < in)
        taps[static_cast<std::size_t>(y)].push_back({from, k});
  return taps;
}

// The same table seen from the input: which output rows a gradient comes from.
Taps transposed(const Taps& taps, std::int64_t in) {
  Taps back(static_cast<std::size_t>(in));
  for (std::size_t y = 0; y < taps.size(); ++y)
    for (const Tap tap : taps[y])
      back[static_cast<std::size_t>(tap.from)].push_back({static_cast<std::int64_t>(y), tap.kernel});
  return back;
}

struct Shape {
  std::int64_t samples, channels, height, width;
};
Shape shape_of(const torch::Tensor& x) { return {x.size(0), x.size(1), x.size(2), x.size(3)}; }

// Pixels of a channels-last picture lie far apart, often so that they fight for the same cache lines, and every one is
// read k² times: the loops work on copies of some channels, in one piece. block: [count, kBlock], the channels beyond
// the picture's are 0.
template <std::int64_t kBlock>
void pack(const float* from, std::int64_t count, std::int64_t channels, std::int64_t c, float* block) {
  constexpr std::int64_t kLanes = kBlock / kLane, kAhead = 12;  // pixels, until the memory has answered
  const std::int64_t used = std::min(kLanes, (channels - c) / kLane);
  from += c;
  if (used == kLanes) {  // a call of memmove for every pixel takes as long as the copy
    for (std::int64_t i = 0; i < count; ++i, from += channels, block += kBlock) {
      for (std::int64_t k = 0; k < kBlock; k += 16) __builtin_prefetch(from + kAhead * channels + k);
      for (std::int64_t k = 0; k < kBlock; k += kLane) store(block + k, load(from + k));
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i, from += channels, block += kBlock)
    for (std::int64_t lane = 0; lane < kLanes; ++lane)
      store(block + lane * kLane, lane < used ? load(from + lane * kLane) : Lane{});
}

// to(n, y, x, c) = Σ from(n, row.from, column.from, c) · weight(row.kernel, column.kernel, c): both the convolution
// (taps as they are) and the gradient of its input (taps transposed). weight: [k, k, C].
void gather(const float* from, Shape in, const float* weight, std::int64_t kernel, const Taps& rows,
            const Taps& columns, float* to, Shape out) {
  constexpr int kLanes = 4;
  constexpr std::int64_t kBlock = kLanes * kLane, kBand = 16;
  const std::int64_t blocks = (in.channels + kBlock - 1) / kBlock, bands = (out.height + kBand - 1) / kBand;
  struct Space {
    std::vector<float> lines, taps;
  };
  for_tasks(
      in.samples * blocks * bands,
      [&] {
        return Space{{}, std::vector<float>(kernel * kernel * kBlock)};
      },
      [&](Space& space, std::int64_t task) {
        auto& [lines, taps] = space;
        const std::int64_t n = task / (blocks * bands), band = task / blocks % bands, c = task % blocks * kBlock;
        const std::int64_t begin = band * kBand, end = std::min(out.height, begin + kBand);
        std::int64_t low = in.height, high = 0;  // rows that this band takes from
        for (std::int64_t y = begin; y < end; ++y)
          for (const Tap row : rows[static_cast<std::size_t>(y)]) {
            low = std::min(low, row.from);
            high = std::max(high, row.from + 1);
          }
        lines.resize(static_cast<std::size_t>(std::max<std::int64_t>(high - low, 0) * in.width * kBlock));
        if (low < high)
          pack<kBlock>(from + (n * in.height + low) * in.width * in.channels, (high - low) * in.width, in.channels, c,
                       lines.data());
        pack<kBlock>(weight, kernel * kernel, in.channels, c, taps.data());
        const std::int64_t used = std::min<std::int64_t>(kLanes, (in.channels - c) / kLane);
        for (std::int64_t y = begin; y < end; ++y)
          for (std::int64_t x = 0; x < out.width; ++x) {
            Lane sum[kLanes] = {};
            for (const Tap row : rows[static_cast<std::size_t>(y)])
              for (const Tap column : columns[static_cast<std::size_t>(x)]) {
                const float* const a = lines.data() + ((row.from - low) * in.width + column.from) * kBlock;
                const float* const b = taps.data() + (row.kernel * kernel + column.kernel) * kBlock;
                for (int i = 0; i < kLanes; ++i) sum[i] += load(a + i * kLane) * load(b + i * kLane);
              }
            float* const target = to + ((n * out.height + y) * out.width + x) * out.channels + c;
            // Each lane by itself: a loop to `used` would become a call of memcpy, and take the sums out of registers.
            for (int i = 0; i < kLanes; ++i)
              if (i < used) store(target + i * kLane, sum[i]);
          }
      });
}

// sums: [N, k, k, C], the gradient of the weights from each sample: sum(dy, dx, c) = Σ gradient(y, x, c) · input(…).
template <int kKernel>
void weight_gradient(const float* input, Shape in, const float* gradient, Shape out, const Taps& rows,
                     const DepthwiseGeometry& geometry, float* sums) {
  constexpr int kLanes = 2;  // with these, a row of sums stays in registers
  constexpr std::int64_t kBlock = kLanes * kLane;
  const std::int64_t blocks = (in.channels + kBlock - 1) / kBlock;
  struct Space {
    std::vector<float> pixels, slopes;
  };
  for_tasks(
      in.samples * blocks,
      [&] {
        return Space{std::vector<float>(in.height * in.width * kBlock),
                     std::vector<float>(out.height * out.width * kBlock)};
      },
      [&](Space& space, std::int64_t task) {
        auto& [pixels, slopes] = space;
        const std::int64_t n = task / blocks, c = task % blocks * kBlock;
        pack<kBlock>(input + n * in.height * in.width * in.channels, in.height * in.width, in.channels, c,
                     pixels.data());
        pack<kBlock>(gradient + n * out.height * out.width * out.channels, out.height * out.width, out.channels, c,
                     slopes.data());
        Lane total[kKernel * kKernel][kLanes] = {};
        for (std::int64_t y = 0; y < out.height; ++y) {
          for (const Tap row : rows[static_cast<std::size_t>(y)]) {
            Lane sum[kKernel][kLanes] = {};
            for (std::int64_t x = 0; x < out.width; ++x) {
              const float* const g = slopes.data() + (y * out.width + x) * kBlock;
              const std::int64_t left = x * geometry.stride - geometry.padding_left;
              const float* const a = pixels.data() + (row.from * in.width + left) * kBlock;
              const std::int64_t step = geometry.dilation * kBlock;
              if (left >= 0 && left + (kKernel - 1) * geometry.dilation < in.width) {
                for (int k = 0; k < kKernel; ++k)
                  for (int i = 0; i < kLanes; ++i) sum[k][i] += load(g + i * kLane) * load(a + k * step + i * kLane);
              } else {
                for (int k = 0; k < kKernel; ++k) {
                  const std::int64_t at = left + k * geometry.dilation;
                  if (at < 0 || at >= in.width) continue;
                  for (int i = 0; i < kLanes; ++i) sum[k][i] += load(g + i * kLane) * load(a + k * step + i * kLane);
                }
              }
            }
            for (int k = 0; k < kKernel; ++k)
              for (int i = 0; i < kLanes; ++i) total[row.kernel * kKernel + k][i] += sum[k][i];
          }
        }
        const std::int64_t used = std::min<std::int64_t>(kLanes, (in.channels - c) / kLane);
        for (int k = 0; k < kKernel * kKernel; ++k)
          for (std::int64_t i = 0; i < used; ++i)
            store(sums + (n * kKernel * kKernel + k) * in.channels + c + i * kLane, total[k][i]);
      });
}

torch::Tensor new_picture(Shape shape) {
  return torch::empty({shape.samples, shape.channels, shape.height, shape.width},
                      torch::TensorOptions().dtype(torch::kFloat).memory_format(torch::MemoryFormat::ChannelsLast));
}
// [C, 1, k, k] → [k, k, C]
torch::Tensor taps_first(const torch::Tensor& weight) {
  return weight.detach().view({weight.size(0), -1}).t().contiguous();
}

class DepthwiseConv : public torch::autograd::Function<DepthwiseConv> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const DepthwiseGeometry& geometry) {
    const torch::Tensor input = channels_last(x);
    context->save_for_backward({input, weight});
    context->saved_data["geometry"] =
        std::vector<std::int64_t>{geometry.stride,       geometry.dilation,   geometry.padding_top,
                                  geometry.padding_left, geometry.out_height, geometry.out_width};
    const Shape in = shape_of(input), out{in.samples, in.channels, geometry.out_height, geometry.out_width};
    const std::int64_t kernel = weight.size(2);
    torch::Tensor y = new_picture(out);
    gather(input.data_ptr<float>(), in, taps_first(weight).data_ptr<float>(), kernel,
           forward_taps(out.height, in.height, kernel, geometry.stride, geometry.dilation, geometry.padding_top),
           forward_taps(out.width, in.width, kernel, geometry.stride, geometry.dilation, geometry.padding_left),
           y.data_ptr<float>(), out);
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto numbers = context->saved_data["geometry"].toIntVector();
    const DepthwiseGeometry geometry{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
    const torch::Tensor &input = saved[0], &weight = saved[1], slope = channels_last(gradients[0]);
    const Shape in = shape_of(input), out = shape_of(slope);
    const std::int64_t kernel = weight.size(2);
    const Taps rows =
        forward_taps(out.height, in.height, kernel, geometry.stride, geometry.dilation, geometry.padding_top);
    torch::Tensor to_input, to_weight;
    if (context->needs_input_grad(0)) {
      const Taps columns =
          forward_taps(out.width, in.width, kernel, geometry.stride, geometry.dilation, geometry.padding_left);
      to_input = new_picture(in);
      gather(slope.data_ptr<float>(), out, taps_first(weight).data_ptr<float>(), kernel, transposed(rows, in.height),
             transposed(columns, in.width), to_input.data_ptr<float>(), in);
    }
    if (context->needs_input_grad(1)) {
      torch::Tensor sums = torch::empty({in.samples, kernel * kernel, in.channels});
      (kernel == 3 ? weight_gradient<3> : weight_gradient<5>)(input.data_ptr<float>(), in, slope.data_ptr<float>(), out,
                                                              rows, geometry, sums.data_ptr<float>());
      to_weight = sums.sum(0).t().contiguous().view(weight.sizes());
    }
    return {to_input, to_weight, {}};
  }
};

}  // namespace

bool can_depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight) {
  return weight.scalar_type() == torch::kFloat && weight.size(0) == x.size(1) && weight.size(1) == 1 &&
         weight.size(0) % kLane == 0 && weight.size(2) == weight.size(3) &&
         (weight.size(2) == 3 || weight.size(2) == 5) &&
         ((x.device().is_cpu() && x.scalar_type() == torch::kFloat) || can_use_gpu_layers(x));
}

torch::Tensor depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight, const DepthwiseGeometry& geometry) {
  return x.is_cuda() ? gpu_depthwise_conv(x, weight, geometry) : DepthwiseConv::apply(x, weight, geometry);
}

}  // namespace bramble
