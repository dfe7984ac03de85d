// The kernels that gpu_layers.cpp starts, in CUDA C++: put into the program as text and compiled when they are first
// needed (gpu_kernels.hpp). BF16 is defined as 0 or 1. gpu_kernels_test.cpp runs them on the processor.
//
// All pictures are channels-last: [pixels, channels]. Every sum is made in one order: by each thread over its pixels,
// over the rows of its block, and at last, in double, over the blocks («chunks» of pixels).

#ifndef KERNEL
#define KERNEL extern "C" __global__
#define PRAGMA(words) _Pragma(#words)
#define UNROLL(times) PRAGMA(unroll times)
#define UNROLL_ALL PRAGMA(unroll)
#endif

typedef unsigned long long Big;

#if BF16
typedef unsigned short Number;
enum { V = 8 };  // numbers in 16 bytes, which a thread reads at once
__device__ __forceinline__ float low_half(unsigned word) { return __uint_as_float(word << 16); }
__device__ __forceinline__ float high_half(unsigned word) { return __uint_as_float(word & 0xffff0000u); }
__device__ __forceinline__ unsigned rounded(float value) {
  const unsigned bits = __float_as_uint(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fc0u;  // no number
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}
__device__ __forceinline__ unsigned both(float low, float high) { return rounded(low) | (rounded(high) << 16); }
__device__ __forceinline__ void load(const Number* from, float* v) {
  const uint4 p = *reinterpret_cast<const uint4*>(from);
  v[0] = low_half(p.x), v[1] = high_half(p.x), v[2] = low_half(p.y), v[3] = high_half(p.y);
  v[4] = low_half(p.z), v[5] = high_half(p.z), v[6] = low_half(p.w), v[7] = high_half(p.w);
}
__device__ __forceinline__ void store(Number* to, const float* v) {
  uint4 p;
  p.x = both(v[0], v[1]), p.y = both(v[2], v[3]), p.z = both(v[4], v[5]), p.w = both(v[6], v[7]);
  *reinterpret_cast<uint4*>(to) = p;
}
__device__ __forceinline__ void load_two(const Number* from, float* v) {
  const unsigned p = *reinterpret_cast<const unsigned*>(from);
  v[0] = low_half(p), v[1] = high_half(p);
}
#else
typedef float Number;
enum { V = 4 };
__device__ __forceinline__ void load(const Number* from, float* v) {
  const float4 p = *reinterpret_cast<const float4*>(from);
  v[0] = p.x, v[1] = p.y, v[2] = p.z, v[3] = p.w;
}
__device__ __forceinline__ void store(Number* to, const float* v) {
  float4 p;
  p.x = v[0], p.y = v[1], p.z = v[2], p.w = v[3];
  *reinterpret_cast<float4*>(to) = p;
}
__device__ __forceinline__ void load_two(const Number* from, float* v) {
  const float2 p = *reinterpret_cast<const float2*>(from);
  v[0] = p.x, v[1] = p.y;
}
#endif
__device__ __forceinline__ void load_floats(const float* from, float* v) {
  for (int i = 0; i < V; i += 4) {
    const float4 p = *reinterpret_cast<const float4*>(from + i);
    v[i] = p.x, v[i + 1] = p.y, v[i + 2] = p.z, v[i + 3] = p.w;
  }
}

// --- batch norm and activation ---------------------------------------------------------------------------------------
// Block: (vectors of channels, rows of pixels), 256 threads at most. Grid: (chunks of pixels, groups of vectors).
// stats: [4, channels]: mean, 1 / deviation, scale, shift: norm(x) = x scale + shift.

struct Share {  // what a thread works on
  int channel;
  Big first, step, end;  // offsets of its pixels
  bool live;
};
__device__ __forceinline__ Share share_of(int pixels, int channels, int per_chunk) {
  Share s;
  s.channel = (blockIdx.y * blockDim.x + threadIdx.x) * V;
  s.live = s.channel < channels;
  const int begin = blockIdx.x * per_chunk, end = min(pixels, begin + per_chunk);
  s.first = static_cast<Big>(begin + threadIdx.y) * channels + s.channel;
  s.step = static_cast<Big>(blockDim.y) * channels;
  s.end = end > begin ? static_cast<Big>(end) * channels : 0;
  return s;
}

// Sums v over the block's rows into to[channel].
__device__ __forceinline__ void sum_rows(const float* v, float* to, int channels, float* shared) {
  const int width = blockDim.x * V, me = threadIdx.y * blockDim.x + threadIdx.x;
  for (int i = 0; i < V; ++i) shared[me * V + i] = v[i];
  __syncthreads();
  for (int c = me; c < width; c += blockDim.x * blockDim.y) {
    float sum = 0;
    for (int row = 0; row < blockDim.y; ++row) sum += shared[row * width + c];
    const int channel = blockIdx.y * width + c;
    if (channel < channels) to[channel] = sum;
  }
  __syncthreads();
}

// partial: [chunks, 2, channels]: Σ (x − first pixel), Σ (x − first pixel)².
KERNEL void norm_sums(const Number* x, float* partial, int pixels, int channels, int per_chunk) {
  __shared__ float shared[256 * V];
  const Share s = share_of(pixels, channels, per_chunk);
  float sum[V] = {}, squares[V] = {}, origin[V] = {};
  if (s.live) {
    load(x + s.channel, origin);
    UNROLL(4)
    for (Big at = s.first; at < s.end; at += s.step) {
      float v[V];
      load(x + at, v);
      for (int i = 0; i < V; ++i) {
        const float d = v[i] - origin[i];
        sum[i] += d;
        squares[i] += d * d;
      }
    }
  }
  float* to = partial + 2 * static_cast<Big>(blockIdx.x) * channels;
  sum_rows(sum, to, channels, shared);
  sum_rows(squares, to + channels, channels, shared);
}

// Block: (32 columns, 16 rows). For the first row: the sum over the chunks of partial[chunk * stride + column].
__device__ __forceinline__ double sum_chunks(const float* partial, int chunks, Big stride, int column, bool live,
                                             double (*shared)[32]) {
  double sum = 0;
  if (live)
    UNROLL(4)
    for (int chunk = threadIdx.y; chunk < chunks; chunk += 16) sum += partial[chunk * stride + column];
  __syncthreads();
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  sum = 0;
  if (threadIdx.y == 0)
    for (int row = 0; row < 16; ++row) sum += shared[row][threadIdx.x];
  return sum;
}

KERNEL void norm_finish(const float* partial, const Number* x, const float* weight, const float* bias,
                                       float* running_mean, float* running_var, float* stats, int chunks, int channels,
                                       double count, double momentum, double epsilon) {
  __shared__ double shared[16][32];
  const int c = blockIdx.x * 32 + threadIdx.x;
  const bool live = c < channels;
  const double sum = sum_chunks(partial, chunks, 2 * static_cast<Big>(channels), c, live, shared);
  const double squares = sum_chunks(partial + channels, chunks, 2 * static_cast<Big>(channels), c, live, shared);
  if (threadIdx.y != 0 || !live) return;
  float origin[V];
  load(x + c / V * V, origin);
  const double offset = sum / count, mean = origin[c % V] + offset;
  double variance = squares / count - offset * offset;
  variance = variance < 0 ? 0 : variance;
  const double inverse = 1 / sqrt(variance + epsilon), scale = weight[c] * inverse;
  stats[c] = static_cast<float>(mean);
  stats[channels + c] = static_cast<float>(inverse);
  stats[2 * channels + c] = static_cast<float>(scale);
  stats[3 * channels + c] = static_cast<float>(bias[c] - mean * scale);
  running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * mean);
  running_var[c] = static_cast<float>((1 - momentum) * running_var[c] + momentum * variance * count / (count - 1));
}

// What is no number stays none.
__device__ __forceinline__ float clamped(float z, float low, float high) {
  z = z < low ? low : z;
  return z > high ? high : z;
}

KERNEL void norm_apply(const Number* x, const float* stats, Number* y, int pixels, int channels,
                                      int per_chunk, float low, float high) {
  const Share s = share_of(pixels, channels, per_chunk);
  if (!s.live) return;
  float scale[V], shift[V];
  load_floats(stats + 2 * channels + s.channel, scale);
  load_floats(stats + 3 * channels + s.channel, shift);
  UNROLL(4)
  for (Big at = s.first; at < s.end; at += s.step) {
    float v[V];
    load(x + at, v);
    for (int i = 0; i < V; ++i) v[i] = clamped(v[i] * scale[i] + shift[i], low, high);
    store(y + at, v);
  }
}

// partial: [chunks, 2, channels]: Σ g, Σ g (x − mean), g being the gradient that the activation lets through.
KERNEL void norm_slope_sums(const Number* x, const Number* above, const float* stats, float* partial,
                                           int pixels, int channels, int per_chunk, float low, float high) {
  __shared__ float shared[256 * V];
  const Share s = share_of(pixels, channels, per_chunk);
  float plain[V] = {}, product[V] = {};
  if (s.live) {
    float mean[V], scale[V], shift[V];
    load_floats(stats + s.channel, mean);
    load_floats(stats + 2 * channels + s.channel, scale);
    load_floats(stats + 3 * channels + s.channel, shift);
    UNROLL(2)
    for (Big at = s.first; at < s.end; at += s.step) {
      float v[V], g[V];
      load(x + at, v);
      load(above + at, g);
      for (int i = 0; i < V; ++i) {
        const float z = v[i] * scale[i] + shift[i];
        const float slope = z > low && z < high ? g[i] : 0;
        plain[i] += slope;
        product[i] += slope * (v[i] - mean[i]);
      }
    }
  }
  float* to = partial + 2 * static_cast<Big>(blockIdx.x) * channels;
  sum_rows(plain, to, channels, shared);
  sum_rows(product, to + channels, channels, shared);
}

// terms: [2, channels]: dx = scale g + terms[0] (x − mean) + terms[1].
KERNEL void norm_slope_finish(const float* partial, const float* stats, float* to_weight,
                                             float* to_bias, float* terms, int chunks, int channels, double count) {
  __shared__ double shared[16][32];
  const int c = blockIdx.x * 32 + threadIdx.x;
  const bool live = c < channels;
  const double plain = sum_chunks(partial, chunks, 2 * static_cast<Big>(channels), c, live, shared);
  const double product = sum_chunks(partial + channels, chunks, 2 * static_cast<Big>(channels), c, live, shared);
  if (threadIdx.y != 0 || !live) return;
  const double inverse = stats[channels + c], scale = stats[2 * channels + c];
  to_bias[c] = static_cast<float>(plain);
  to_weight[c] = static_cast<float>(product * inverse);
  terms[c] = static_cast<float>(-scale * inverse * inverse * product / count);
  terms[channels + c] = static_cast<float>(-scale * plain / count);
}

KERNEL void norm_slope_apply(const Number* x, const Number* above, const float* stats,
                                            const float* terms, Number* to, int pixels, int channels, int per_chunk,
                                            float low, float high) {
  const Share s = share_of(pixels, channels, per_chunk);
  if (!s.live) return;
  float mean[V], scale[V], shift[V], of_x[V], rest[V];
  load_floats(stats + s.channel, mean);
  load_floats(stats + 2 * channels + s.channel, scale);
  load_floats(stats + 3 * channels + s.channel, shift);
  load_floats(terms + s.channel, of_x);
  load_floats(terms + channels + s.channel, rest);
  UNROLL(2)
  for (Big at = s.first; at < s.end; at += s.step) {
    float v[V], g[V];
    load(x + at, v);
    load(above + at, g);
    for (int i = 0; i < V; ++i) {
      const float z = v[i] * scale[i] + shift[i];
      const float slope = z > low && z < high ? g[i] : 0;
      g[i] = scale[i] * slope + of_x[i] * (v[i] - mean[i]) + rest[i];
    }
    store(to + at, g);
  }
}

// --- depthwise convolution -------------------------------------------------------------------------------------------
// Output pixel y takes tap k from input pixel y S + k dilation − padding. weight: [K K, channels].

struct Geometry {
  int channels, height, width, out_height, out_width, dilation, top, left;
};
enum { kStrip = 4 };  // pixels side by side for which a thread reads each weight once

template <int K, int S>
__device__ __forceinline__ void forward(const Number* x, const float* weight, Number* y, int items, const Geometry& g) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= items) return;
  const int vectors = g.channels / V, strips = (g.out_width + kStrip - 1) / kStrip;
  const int c = i % vectors * V;
  i /= vectors;
  const int first = i % strips * kStrip;
  i /= strips;
  const int row = i % g.out_height, sample = i / g.out_height;
  float sum[kStrip][V] = {};
  UNROLL_ALL
  for (int ky = 0; ky < K; ++ky) {
    const int from_row = row * S + ky * g.dilation - g.top;
    if (from_row < 0 || from_row >= g.height) continue;
    const Number* line = x + (static_cast<Big>(sample) * g.height + from_row) * g.width * g.channels + c;
    UNROLL_ALL
    for (int kx = 0; kx < K; ++kx) {
      float w[V];
      load_floats(weight + (ky * K + kx) * g.channels + c, w);
      UNROLL_ALL
      for (int r = 0; r < kStrip; ++r) {
        const int column = (first + r) * S + kx * g.dilation - g.left;
        if (column < 0 || column >= g.width) continue;
        float v[V];
        load(line + column * g.channels, v);
        for (int k = 0; k < V; ++k) sum[r][k] += v[k] * w[k];
      }
    }
  }
  Number* to = y + ((static_cast<Big>(sample) * g.out_height + row) * g.out_width + first) * g.channels + c;
  UNROLL_ALL
  for (int r = 0; r < kStrip; ++r)
    if (first + r < g.out_width) store(to + r * g.channels, sum[r]);
}

// The output pixel that took `offset` = pixel + padding − k dilation, or −1.
template <int S>
__device__ __forceinline__ int taker(int offset, int count) {
  if (offset < 0 || offset % S != 0) return -1;
  return offset / S < count ? offset / S : -1;
}

template <int K, int S>
__device__ __forceinline__ void backward(const Number* above, const float* weight, Number* to_x, int items,
                                         const Geometry& g) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= items) return;
  const int vectors = g.channels / V, strips = (g.width + kStrip - 1) / kStrip;
  const int c = i % vectors * V;
  i /= vectors;
  const int first = i % strips * kStrip;
  i /= strips;
  const int row = i % g.height, sample = i / g.height;
  float sum[kStrip][V] = {};
  UNROLL_ALL
  for (int ky = 0; ky < K; ++ky) {
    const int to_row = taker<S>(row + g.top - ky * g.dilation, g.out_height);
    if (to_row < 0) continue;
    const Number* line = above + (static_cast<Big>(sample) * g.out_height + to_row) * g.out_width * g.channels + c;
    UNROLL_ALL
    for (int kx = 0; kx < K; ++kx) {
      float w[V];
      load_floats(weight + (ky * K + kx) * g.channels + c, w);
      UNROLL_ALL
      for (int r = 0; r < kStrip; ++r) {
        const int column = taker<S>(first + r + g.left - kx * g.dilation, g.out_width);
        if (column < 0) continue;
        float v[V];
        load(line + column * g.channels, v);
        for (int k = 0; k < V; ++k) sum[r][k] += v[k] * w[k];
      }
    }
  }
  Number* to = to_x + ((static_cast<Big>(sample) * g.height + row) * g.width + first) * g.channels + c;
  UNROLL_ALL
  for (int r = 0; r < kStrip; ++r)
    if (first + r < g.width) store(to + r * g.channels, sum[r]);
}

// Block: (32 pairs of channels, 8 columns of pixels). Grid: (chunks of output rows, groups of pairs).
// partial: [chunks, K K, channels].
template <int K, int S>
__device__ __forceinline__ void weight_sums(const Number* x, const Number* above, float* partial, int rows,
                                            int per_chunk, const Geometry& g) {
  __shared__ float shared[8][64];
  const int c = 2 * (blockIdx.y * 32 + threadIdx.x);
  const bool live = c < g.channels;
  float sum[K * K][2] = {};
  const int begin = blockIdx.x * per_chunk, end = min(rows, begin + per_chunk);
  // Offsets within a picture fit into an int; what a column or a tap adds to them is worked out once.
  const int across = g.dilation * g.channels;
  if (live)
    for (int i = begin; i < end; ++i) {
      const int sample = i / g.out_height, row = i % g.out_height;
      const Number* slopes = above + static_cast<Big>(i) * g.out_width * g.channels + c;
      const Number* picture = x + static_cast<Big>(sample) * g.height * g.width * g.channels + c;
      int lines[K];
      UNROLL_ALL
      for (int ky = 0; ky < K; ++ky) {
        const int from_row = row * S + ky * g.dilation - g.top;
        lines[ky] = from_row < 0 || from_row >= g.height ? -1 : from_row * g.width * g.channels;
      }
      for (int column = threadIdx.y; column < g.out_width; column += 8) {
        float slope[2];
        load_two(slopes + column * g.channels, slope);
        const int from = column * S - g.left, offset = from * g.channels;
        UNROLL_ALL
        for (int kx = 0; kx < K; ++kx) {
          if (from + kx * g.dilation < 0 || from + kx * g.dilation >= g.width) continue;
          UNROLL_ALL
          for (int ky = 0; ky < K; ++ky) {
            if (lines[ky] < 0) continue;
            float v[2];
            load_two(picture + (lines[ky] + offset + kx * across), v);
            sum[ky * K + kx][0] += v[0] * slope[0];
            sum[ky * K + kx][1] += v[1] * slope[1];
          }
        }
      }
    }
  const int me = threadIdx.y * 32 + threadIdx.x;
  UNROLL_ALL
  for (int t = 0; t < K * K; ++t) {
    shared[threadIdx.y][2 * threadIdx.x] = sum[t][0];
    shared[threadIdx.y][2 * threadIdx.x + 1] = sum[t][1];
    __syncthreads();
    if (me < 64) {
      float total = 0;
      for (int row = 0; row < 8; ++row) total += shared[row][me];
      const int channel = blockIdx.y * 64 + me;
      if (channel < g.channels) partial[(static_cast<Big>(blockIdx.x) * K * K + t) * g.channels + channel] = total;
    }
    __syncthreads();
  }
}

// to: [channels, taps].
KERNEL void depthwise_weight_finish(const float* partial, float* to, int chunks, int channels,
                                                   int taps) {
  __shared__ double shared[16][32];
  const int column = blockIdx.x * 32 + threadIdx.x;
  const bool live = column < channels * taps;
  const double sum = sum_chunks(partial, chunks, static_cast<Big>(channels) * taps, column, live, shared);
  if (threadIdx.y == 0 && live) to[column % channels * taps + column / channels] = static_cast<float>(sum);
}

#define DEPTHWISE(K, S)                                                                                            \
  KERNEL void depthwise_forward_##K##_##S(const Number* x, const float* weight, Number* y,          \
                                                         int items, Geometry g) {                                  \
    forward<K, S>(x, weight, y, items, g);                                                                         \
  }                                                                                                                \
  KERNEL void depthwise_backward_##K##_##S(const Number* above, const float* weight, Number* to_x,  \
                                                          int items, Geometry g) {                                 \
    backward<K, S>(above, weight, to_x, items, g);                                                                 \
  }                                                                                                                \
  KERNEL void depthwise_weight_sums_##K##_##S(const Number* x, const Number* above, float* partial, \
                                                             int rows, int per_chunk, Geometry g) {                \
    weight_sums<K, S>(x, above, partial, rows, per_chunk, g);                                                      \
  }
DEPTHWISE(3, 1)
DEPTHWISE(3, 2)
DEPTHWISE(5, 1)
DEPTHWISE(5, 2)
