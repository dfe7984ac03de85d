#include "bramble/model/gpu_layers.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <limits>

#include "bramble/model/channels_last.hpp"
#include "bramble/model/gpu_kernels.hpp"

namespace bramble {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr unsigned kThreads = 256, kFinishRows = 16, kFinishColumns = 32;
// Blocks of a pass that sums, each of which leaves sums to be added up; and of one that does not.
constexpr int kSummingBlocks = 528, kPassingBlocks = 2112;  // 4 and 16 for each multiprocessor of the largest GPUs

int divided_up(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

torch::Tensor empty_picture(const torch::Tensor& like, torch::IntArrayRef sizes) {
  return torch::empty(sizes, like.options(), torch::MemoryFormat::ChannelsLast);
}
torch::Tensor empty_floats(const torch::Tensor& like, torch::IntArrayRef sizes) {
  return torch::empty(sizes, like.options().dtype(torch::kFloat));
}

/// Numbers of a picture that a thread reads at once.
int vector_of(const torch::Tensor& x) { return x.scalar_type() == torch::kBFloat16 ? 8 : 4; }

// How a pass over all pixels is cut into blocks: chunks of pixels, groups of channels.
struct Pass {
  int pixels, channels, chunks, per_chunk;
  GpuKernels::Size grid, block;

  Pass(const torch::Tensor& x, int blocks) {
    pixels = static_cast<int>(x.size(0) * x.size(2) * x.size(3));
    channels = static_cast<int>(x.size(1));
    const int vectors = channels / vector_of(x), wide = std::min(vectors, 64), groups = divided_up(vectors, wide);
    const int rows = std::max(1, static_cast<int>(kThreads) / wide);
    per_chunk = std::max(divided_up(pixels, std::max(1, blocks / groups)), std::min(pixels, 4 * rows));
    chunks = divided_up(pixels, per_chunk);
    grid = {static_cast<unsigned>(chunks), static_cast<unsigned>(groups)};
    block = {static_cast<unsigned>(wide), static_cast<unsigned>(rows)};
  }
  GpuKernels::Size finish_grid() const { return {static_cast<unsigned>(divided_up(channels, kFinishColumns)), 1}; }
};

template <typename T = float>
T* pointer(const torch::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Bounds outside of which an activation is flat.
std::pair<float, float> bounds_of(Activation activation) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (activation == Activation::kRelu) return {0.0F, kInfinity};
  if (activation == Activation::kRelu6) return {0.0F, 6.0F};
  return {-kInfinity, kInfinity};
}

class GpuNormActivate : public torch::autograd::Function<GpuNormActivate> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, torch::Tensor running_mean, torch::Tensor running_var,
                               double momentum, double epsilon, std::int64_t activation) {
    const torch::Tensor input = channels_last(x);
    const GpuKernels& kernels = *GpuKernels::of(input);
    const Pass sums(input, kSummingBlocks), pass(input, kPassingBlocks);
    const auto [low, high] = bounds_of(static_cast<Activation>(activation));
    const torch::Tensor partial = empty_floats(input, {sums.chunks, 2, sums.channels});
    const torch::Tensor stats = empty_floats(input, {4, sums.channels});
    const torch::Tensor y = empty_picture(input, input.sizes());
    void *const from = input.data_ptr(), *const to = y.data_ptr();
    kernels.start("norm_sums", sums.grid, sums.block, from, pointer(partial), sums.pixels, sums.channels,
                  sums.per_chunk);
    kernels.start("norm_finish", sums.finish_grid(), {kFinishColumns, kFinishRows}, pointer(partial), from,
                  pointer(weight), pointer(bias), pointer(running_mean), pointer(running_var), pointer(stats),
                  sums.chunks, sums.channels, static_cast<double>(sums.pixels), momentum, epsilon);
    kernels.start("norm_apply", pass.grid, pass.block, from, pointer(stats), to, pass.pixels, pass.channels,
                  pass.per_chunk, low, high);
    context->save_for_backward({input, stats});
    context->saved_data["activation"] = activation;
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &stats = saved[1];
    const torch::Tensor above = channels_last(gradients[0]);
    const GpuKernels& kernels = *GpuKernels::of(input);
    const Pass sums(input, kSummingBlocks), pass(input, kPassingBlocks);
    const auto [low, high] = bounds_of(static_cast<Activation>(context->saved_data["activation"].toInt()));
    const torch::Tensor partial = empty_floats(input, {sums.chunks, 2, sums.channels});
    const torch::Tensor to_weight = empty_floats(input, {sums.channels}),
                        to_bias = empty_floats(input, {sums.channels});
    const torch::Tensor terms = empty_floats(input, {2, sums.channels});
    void *const x = input.data_ptr(), *const slope = above.data_ptr();
    kernels.start("norm_slope_sums", sums.grid, sums.block, x, slope, pointer(stats), pointer(partial), sums.pixels,
                  sums.channels, sums.per_chunk, low, high);
    kernels.start("norm_slope_finish", sums.finish_grid(), {kFinishColumns, kFinishRows}, pointer(partial),
                  pointer(stats), pointer(to_weight), pointer(to_bias), pointer(terms), sums.chunks, sums.channels,
                  static_cast<double>(sums.pixels));
    torch::Tensor to_input;
    if (context->needs_input_grad(0)) {
      to_input = empty_picture(input, input.sizes());
      kernels.start("norm_slope_apply", pass.grid, pass.block, x, slope, pointer(stats), pointer(terms),
                    to_input.data_ptr(), pass.pixels, pass.channels, pass.per_chunk, low, high);
    }
    const torch::Tensor none;
    return {to_input, to_weight, to_bias, none, none, none, none, none};
  }
};

// As the kernels take it.
struct KernelGeometry {
  int channels, height, width, out_height, out_width, dilation, top, left;
};

class GpuDepthwiseConv : public torch::autograd::Function<GpuDepthwiseConv> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const DepthwiseGeometry& g) {
    const torch::Tensor input = channels_last(x), taps = taps_of(weight);
    const torch::Tensor y = empty_picture(input, {x.size(0), x.size(1), g.out_height, g.out_width});
    run("depthwise_forward", input, taps, y, g, input);
    context->save_for_backward({input, taps});
    context->saved_data["geometry"] =
        std::vector<std::int64_t>{g.stride, g.dilation, g.padding_top, g.padding_left, g.out_height, g.out_width};
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &taps = saved[1];
    const auto numbers = context->saved_data["geometry"].toIntVector();
    const DepthwiseGeometry g{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
    const torch::Tensor above = channels_last(gradients[0]);
    torch::Tensor to_input;
    if (context->needs_input_grad(0)) {
      to_input = empty_picture(input, input.sizes());
      run("depthwise_backward", above, taps, to_input, g, input);
    }
    return {to_input, weight_gradient(input, above, side_of(taps), g), torch::Tensor()};
  }

 private:
  // [k², C], so that neighbouring threads read neighbouring numbers.
  static torch::Tensor taps_of(const torch::Tensor& weight) {
    return weight.detach().reshape({weight.size(0), -1}).t().contiguous();
  }
  static std::int64_t side_of(const torch::Tensor& taps) { return taps.size(0) == 9 ? 3 : 5; }
  static std::string named(const char* kernel, std::int64_t side, const DepthwiseGeometry& g) {
    return fmt::format("{}_{}_{}", kernel, side, g.stride);
  }
  static KernelGeometry geometry_of(const torch::Tensor& input, const DepthwiseGeometry& g) {
    const auto whole = [](std::int64_t value) { return static_cast<int>(value); };
    return {whole(input.size(1)), whole(input.size(2)), whole(input.size(3)), whole(g.out_height),
            whole(g.out_width),   whole(g.dilation),    whole(g.padding_top), whole(g.padding_left)};
  }
  // A kernel with a thread for every four pixels of `to` and every vector of channels.
  static void run(const char* kernel, const torch::Tensor& from, const torch::Tensor& taps, const torch::Tensor& to,
                  const DepthwiseGeometry& g, const torch::Tensor& input) {
    constexpr int kStrip = 4;
    const int items =
        static_cast<int>(to.size(0) * to.size(2) * divided_up(to.size(3), kStrip) * (to.size(1) / vector_of(to)));
    GpuKernels::of(to)->start(named(kernel, side_of(taps), g).c_str(),
                              {static_cast<unsigned>(divided_up(items, 128)), 1}, {128, 1}, from.data_ptr(),
                              pointer(taps), to.data_ptr(), items, geometry_of(input, g));
  }
  static torch::Tensor weight_gradient(const torch::Tensor& input, const torch::Tensor& above, std::int64_t side,
                                       const DepthwiseGeometry& g) {
    constexpr unsigned kPairs = 32, kColumns = 8;
    const int channels = static_cast<int>(input.size(1)), taps = static_cast<int>(side * side);
    const int rows = static_cast<int>(above.size(0) * above.size(2)), groups = divided_up(channels, 2 * kPairs);
    const int per_chunk = divided_up(rows, std::max(1, kSummingBlocks / groups)), chunks = divided_up(rows, per_chunk);
    const torch::Tensor partial = empty_floats(input, {chunks, taps, channels});
    const torch::Tensor to_weight = empty_floats(input, {channels, 1, side, side});
    const GpuKernels& kernels = *GpuKernels::of(input);
    kernels.start(named("depthwise_weight_sums", side, g).c_str(),
                  {static_cast<unsigned>(chunks), static_cast<unsigned>(groups)}, {kPairs, kColumns}, input.data_ptr(),
                  above.data_ptr(), pointer(partial), rows, per_chunk, geometry_of(input, g));
    kernels.start("depthwise_weight_finish", {static_cast<unsigned>(divided_up(channels * taps, kFinishColumns)), 1},
                  {kFinishColumns, kFinishRows}, pointer(partial), pointer(to_weight), chunks, channels, taps);
    return to_weight;
  }
};

}  // namespace

bool can_use_gpu_layers(const torch::Tensor& x) { return x.is_cuda() && x.size(1) % 8 == 0 && GpuKernels::of(x); }

torch::Tensor gpu_norm_activate(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x, Activation activation) {
  return GpuNormActivate::apply(x, norm.weight, norm.bias, norm.running_mean, norm.running_var,
                                *norm.options.momentum(), norm.options.eps(), static_cast<std::int64_t>(activation));
}

torch::Tensor gpu_depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight,
                                 const DepthwiseGeometry& geometry) {
  return GpuDepthwiseConv::apply(x, weight, geometry);
}

}  // namespace bramble
