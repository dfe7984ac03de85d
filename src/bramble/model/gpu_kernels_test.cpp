// The GPU's kernels, run on the processor: each thread of a block is a thread here, block after block. What they
// compute is held against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <vector>

// NOLINTBEGIN: CUDA's own names
#define __device__
#define __forceinline__ inline
#define __shared__ static  // blocks run one after the other
#define KERNEL
#define UNROLL(times)
#define UNROLL_ALL
namespace bramble {
namespace {

struct Three {
  unsigned x = 1, y = 1;
};
thread_local Three threadIdx, blockIdx;
Three blockDim;
std::barrier<>* block_barrier;
struct uint4 {
  unsigned x, y, z, w;
};
struct float4 {
  float x, y, z, w;
};
struct float2 {
  float x, y;
};
using std::min;
void __syncthreads() { block_barrier->arrive_and_wait(); }
float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}
// NOLINTEND

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-function"
namespace in_float {
#define BF16 0
#include "bramble/model/gpu_kernels.cu"
#undef BF16
#undef DEPTHWISE
float number(Number value) { return value; }
Number as_number(float value) { return value; }
}  // namespace in_float
namespace in_bfloat16 {
#define BF16 1
#include "bramble/model/gpu_kernels.cu"
float number(Number value) { return low_half(value); }
Number as_number(float value) { return static_cast<Number>(rounded(value)); }
}  // namespace in_bfloat16
#pragma GCC diagnostic pop

// Starts `kernel` as a GPU would.
template <typename Kernel>
void start(Three grid, Three block, const Kernel& kernel) {
  blockDim = block;
  const unsigned count = block.x * block.y;
  std::barrier<> barrier(count);
  block_barrier = &barrier;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      threadIdx = {t % block.x, t / block.x};
      for (unsigned y = 0; y < grid.y; ++y)
        for (unsigned x = 0; x < grid.x; ++x) {
          blockIdx = {x, y};
          kernel();
          barrier.arrive_and_wait();
        }
    });
  for (auto& thread : threads) thread.join();
}

unsigned divided_up(int a, int b) { return static_cast<unsigned>((a + b - 1) / b); }

std::vector<float> made_up(std::size_t count, float mean, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = mean + static_cast<float>(random() % 20001) * 2e-4F - 2;
  return values;
}

// A number format with its kernels.
#define BRAMBLE_FORMAT(Name, space, allowed)                                                                     \
  struct Name {                                                                                                  \
    using Number = space::Number;                                                                                \
    using Geometry = space::Geometry;                                                                            \
    static constexpr int kVector = space::V;                                                                     \
    static constexpr double kTolerance = allowed;                                                                \
    static float number(Number value) { return space::number(value); }                                           \
    static Number as_number(float value) { return space::as_number(value); }                                     \
    static constexpr auto norm_sums = &space::norm_sums;                                                         \
    static constexpr auto norm_finish = &space::norm_finish;                                                     \
    static constexpr auto norm_apply = &space::norm_apply;                                                       \
    static constexpr auto norm_slope_sums = &space::norm_slope_sums;                                             \
    static constexpr auto norm_slope_finish = &space::norm_slope_finish;                                         \
    static constexpr auto norm_slope_apply = &space::norm_slope_apply;                                           \
    static constexpr auto depthwise_weight_finish = &space::depthwise_weight_finish;                             \
    static constexpr decltype(&space::depthwise_forward_3_1) kForward[] = {                                      \
        &space::depthwise_forward_3_1, &space::depthwise_forward_3_2, &space::depthwise_forward_5_1,             \
        &space::depthwise_forward_5_2};                                                                          \
    static constexpr decltype(&space::depthwise_backward_3_1) kBackward[] = {                                    \
        &space::depthwise_backward_3_1, &space::depthwise_backward_3_2, &space::depthwise_backward_5_1,          \
        &space::depthwise_backward_5_2};                                                                         \
    static constexpr decltype(&space::depthwise_weight_sums_3_1) kWeightSums[] = {                               \
        &space::depthwise_weight_sums_3_1, &space::depthwise_weight_sums_3_2, &space::depthwise_weight_sums_5_1, \
        &space::depthwise_weight_sums_5_2};                                                                      \
  }
BRAMBLE_FORMAT(InFloat, in_float, 1e-5);
BRAMBLE_FORMAT(InBfloat16, in_bfloat16, 0.015);  // eight binary digits

template <typename Format>
class GpuKernelsOnTheProcessor : public testing::Test {
 protected:
  using Number = typename Format::Number;
  static std::vector<Number> numbers(const std::vector<float>& values) {
    std::vector<Number> out;
    for (const float value : values) out.push_back(Format::as_number(value));
    return out;
  }
  static std::vector<double> values(const std::vector<Number>& numbers) {
    std::vector<double> out;
    for (const Number number : numbers) out.push_back(Format::number(number));
    return out;
  }
  // Differences in parts of `scale`, or of the value where that is larger.
  template <typename Found>
  static void expect_equal(const Found& found, const std::vector<double>& expected, double scale, const char* what) {
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(found[i] - expected[i]) / std::max(scale, std::abs(expected[i])));
    EXPECT_LT(worst, Format::kTolerance) << what;
  }
};
using Formats = testing::Types<InFloat, InBfloat16>;
TYPED_TEST_SUITE(GpuKernelsOnTheProcessor, Formats);

TYPED_TEST(GpuKernelsOnTheProcessor, NormAndActivationAreTheFormulas) {
  using Number = typename TypeParam::Number;
  constexpr double kMomentum = 0.1, kEpsilon = 1e-3;
  const float infinity = std::numeric_limits<float>::infinity();
  struct Case {
    int pixels, channels;
    float low, high;
  };
  for (const auto& [pixels, channels, low, high] :
       {Case{100, 16, 0, 6}, {16, 256, 0, infinity}, {131, 96, -infinity, infinity}, {40, 672, 0, 6}}) {
    SCOPED_TRACE(testing::Message() << pixels << " pixels, " << channels << " channels");
    const auto count = static_cast<std::size_t>(pixels) * channels;
    const std::vector<Number> x = this->numbers(made_up(count, 3, 1)), slope = this->numbers(made_up(count, 0, 2));
    const std::vector<float> weight = made_up(channels, 0, 3), bias = made_up(channels, 1, 4);
    const std::vector<float> mean_before = made_up(channels, 0, 5), var_before = made_up(channels, 2, 6);
    std::vector<float> running_mean = mean_before, running_var = var_before;

    // Cut as gpu_layers.cpp does, but into few blocks.
    const int vectors = channels / TypeParam::kVector, wide = std::min(vectors, 64);
    const int rows = 256 / wide, per_chunk = std::max(rows, pixels / 5), chunks = divided_up(pixels, per_chunk);
    const Three grid{static_cast<unsigned>(chunks), divided_up(vectors, wide)};
    const Three block{static_cast<unsigned>(wide), static_cast<unsigned>(rows)};
    const Three finish_grid{divided_up(channels, 32), 1}, finish_block{32, 16};
    std::vector<float> partial(2 * chunks * channels), stats(4 * channels), terms(2 * channels), to_weight(channels),
        to_bias(channels);
    std::vector<Number> y(count), to_x(count);
    start(grid, block, [&] { TypeParam::norm_sums(x.data(), partial.data(), pixels, channels, per_chunk); });
    start(finish_grid, finish_block, [&] {
      TypeParam::norm_finish(partial.data(), x.data(), weight.data(), bias.data(), running_mean.data(),
                             running_var.data(), stats.data(), chunks, channels, pixels, kMomentum, kEpsilon);
    });
    start(grid, block,
          [&] { TypeParam::norm_apply(x.data(), stats.data(), y.data(), pixels, channels, per_chunk, low, high); });
    start(grid, block, [&] {
      TypeParam::norm_slope_sums(x.data(), slope.data(), stats.data(), partial.data(), pixels, channels, per_chunk, low,
                                 high);
    });
    start(finish_grid, finish_block, [&] {
      TypeParam::norm_slope_finish(partial.data(), stats.data(), to_weight.data(), to_bias.data(), terms.data(), chunks,
                                   channels, pixels);
    });
    start(grid, block, [&] {
      TypeParam::norm_slope_apply(x.data(), slope.data(), stats.data(), terms.data(), to_x.data(), pixels, channels,
                                  per_chunk, low, high);
    });

    std::vector<double> expected_y(count), expected_to_x(count), expected_to_weight(channels),
        expected_to_bias(channels), expected_mean(channels), expected_var(channels);
    const std::vector<double> in = this->values(x), above = this->values(slope);
    for (int c = 0; c < channels; ++c) {
      double mean = 0, variance = 0;
      for (int p = 0; p < pixels; ++p) mean += in[p * channels + c] / pixels;
      for (int p = 0; p < pixels; ++p) variance += std::pow(in[p * channels + c] - mean, 2) / pixels;
      const double inverse = 1 / std::sqrt(variance + kEpsilon);
      // Through which side of a bound a number goes that lies on it is the kernel's float to say.
      const auto passes = [&](int p) {
        const float z = static_cast<float>(in[p * channels + c]) * stats[2 * channels + c] + stats[3 * channels + c];
        return z > low && z < high;
      };
      double plain = 0, product = 0;
      for (int p = 0; p < pixels; ++p) {
        const double normal = (in[p * channels + c] - mean) * inverse, g = passes(p) ? above[p * channels + c] : 0;
        expected_y[p * channels + c] =
            std::clamp<double>(normal * weight[c] + bias[c], low, high);  // NOLINT: low is below high
        plain += g;
        product += g * normal;
      }
      for (int p = 0; p < pixels; ++p) {
        const double normal = (in[p * channels + c] - mean) * inverse, g = passes(p) ? above[p * channels + c] : 0;
        expected_to_x[p * channels + c] = weight[c] * inverse * (g - plain / pixels - normal * product / pixels);
      }
      expected_to_bias[c] = plain;
      expected_to_weight[c] = product;
      expected_mean[c] = (1 - kMomentum) * mean_before[c] + kMomentum * mean;
      expected_var[c] = (1 - kMomentum) * var_before[c] + kMomentum * variance * pixels / (pixels - 1);
    }
    this->expect_equal(this->values(y), expected_y, 1, "result");
    this->expect_equal(this->values(to_x), expected_to_x, 1, "gradient of the input");
    this->expect_equal(to_weight, expected_to_weight, std::sqrt(pixels), "gradient of the weight");
    this->expect_equal(to_bias, expected_to_bias, std::sqrt(pixels), "gradient of the bias");
    this->expect_equal(running_mean, expected_mean, 1, "running mean");
    this->expect_equal(running_var, expected_var, 1, "running variance");
  }
}

TYPED_TEST(GpuKernelsOnTheProcessor, DepthwiseConvolutionsAreTheSums) {
  using Number = typename TypeParam::Number;
  using Geometry = typename TypeParam::Geometry;
  struct Case {
    int side, stride, samples;
    Geometry g;  // channels, height, width, out_height, out_width, dilation, top, left
  };
  for (const auto& [side, stride, samples, g] :
       {Case{3, 1, 2, {16, 7, 9, 7, 9, 1, 1, 1}}, Case{3, 2, 2, {96, 8, 10, 4, 5, 1, 0, 0}},
        Case{5, 1, 1, {72, 6, 11, 6, 11, 2, 4, 4}}, Case{5, 2, 2, {24, 9, 8, 5, 4, 1, 2, 1}},
        Case{3, 1, 1, {320, 6, 8, 6, 8, 12, 12, 12}}, Case{3, 2, 1, {32, 7, 7, 4, 4, 1, 1, 1}}}) {
    SCOPED_TRACE(testing::Message() << side << "x" << side << ", stride " << stride << ", dilation " << g.dilation);
    const int which = (side == 5 ? 2 : 0) + stride - 1, taps = side * side, channels = g.channels;
    const auto in_count = static_cast<std::size_t>(samples) * g.height * g.width * channels;
    const auto out_count = static_cast<std::size_t>(samples) * g.out_height * g.out_width * channels;
    const std::vector<Number> x = this->numbers(made_up(in_count, 0, 1)),
                              slope = this->numbers(made_up(out_count, 0, 2));
    const std::vector<float> weight = made_up(static_cast<std::size_t>(taps) * channels, 0, 3);

    std::vector<Number> y(out_count), to_x(in_count);
    const auto items_of = [&](int height, int width) {
      return samples * height * static_cast<int>(divided_up(width, 4)) * (channels / TypeParam::kVector);
    };
    int items = items_of(g.out_height, g.out_width);
    start({divided_up(items, 128), 1}, {128, 1},
          [&] { TypeParam::kForward[which](x.data(), weight.data(), y.data(), items, g); });
    items = items_of(g.height, g.width);
    start({divided_up(items, 128), 1}, {128, 1},
          [&] { TypeParam::kBackward[which](slope.data(), weight.data(), to_x.data(), items, g); });
    const int rows = samples * g.out_height, per_chunk = divided_up(rows, 3), chunks = divided_up(rows, per_chunk);
    std::vector<float> partial(static_cast<std::size_t>(chunks) * taps * channels), to_weight(taps * channels);
    start({static_cast<unsigned>(chunks), divided_up(channels, 64)}, {32, 8},
          [&] { TypeParam::kWeightSums[which](x.data(), slope.data(), partial.data(), rows, per_chunk, g); });
    start({divided_up(channels * taps, 32), 1}, {32, 16},
          [&] { TypeParam::depthwise_weight_finish(partial.data(), to_weight.data(), chunks, channels, taps); });

    const std::vector<double> in = this->values(x), above = this->values(slope);
    std::vector<double> expected_y(out_count), expected_to_x(in_count), expected_to_weight(taps * channels);
    for (int n = 0; n < samples; ++n)
      for (int v = 0; v < g.out_height; ++v)
        for (int u = 0; u < g.out_width; ++u)
          for (int t = 0; t < taps; ++t) {
            const int row = v * stride + t / side * g.dilation - g.top;
            const int column = u * stride + t % side * g.dilation - g.left;
            if (row < 0 || row >= g.height || column < 0 || column >= g.width) continue;
            for (int c = 0; c < channels; ++c) {
              const int from = ((n * g.height + row) * g.width + column) * channels + c;
              const int to = ((n * g.out_height + v) * g.out_width + u) * channels + c;
              expected_y[to] += in[from] * weight[t * channels + c];
              expected_to_x[from] += above[to] * weight[t * channels + c];
              expected_to_weight[c * taps + t] += above[to] * in[from];
            }
          }
    this->expect_equal(this->values(y), expected_y, 3, "result");
    this->expect_equal(this->values(to_x), expected_to_x, 3, "gradient of the input");
    this->expect_equal(to_weight, expected_to_weight, std::sqrt(rows * g.out_width), "gradient of the weight");
  }
}

}  // namespace
}  // namespace bramble
