#include "bramble/model/norm_rows.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "bramble/model/omp_tasks.hpp"

namespace bramble {
namespace {

// Rows are worked on in pieces that stay in the cache, of a size that depends on the shape alone: so do the sums then.
std::int64_t piece_of(PixelRows rows) { return std::max<std::int64_t>(8192 / rows.channels, 16); }
std::int64_t pieces_of(PixelRows rows) { return (rows.count + piece_of(rows) - 1) / piece_of(rows); }

template <typename Work>
void for_pieces(PixelRows rows, const Work& work) {
  const std::int64_t piece = piece_of(rows), pieces = pieces_of(rows);
  const std::int64_t at_once = std::max<std::int64_t>(1, 32768 / (piece * rows.channels));
  for_tasks((pieces + at_once - 1) / at_once, [&](std::int64_t task) {
    for (std::int64_t i = task * at_once; i < std::min(pieces, (task + 1) * at_once); ++i)
      work(i, i * piece, std::min(rows.count, (i + 1) * piece));
  });
}

// work(begin, end) for pieces of the channels: sums over many parts take long enough for all threads.
template <typename Work>
void for_channels(std::size_t channels, const Work& work) {
  constexpr std::size_t kAtOnce = 64;
  for_tasks(static_cast<std::int64_t>((channels + kAtOnce - 1) / kAtOnce), [&](std::int64_t task) {
    const std::size_t begin = static_cast<std::size_t>(task) * kAtOnce;
    work(begin, std::min(channels, begin + kAtOnce));
  });
}

template <Activation kKind>
void normalise_rows(const float* x, PixelRows rows, const float* scale, const float* shift, const float* added,
                    float* y) {
  for_pieces(rows, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const __restrict from = x + r * rows.channels;
      float* const __restrict to = y + r * rows.channels;
      if (added) {
        const float* const __restrict more = added + r * rows.channels;
        for (std::int64_t c = 0; c < rows.channels; ++c)
          to[c] = activated<kKind>(from[c] * scale[c] + shift[c]) + more[c];
      } else {
        for (std::int64_t c = 0; c < rows.channels; ++c) to[c] = activated<kKind>(from[c] * scale[c] + shift[c]);
      }
    }
  });
}

// kRows pixels: sums and terms of a channel are loaded once for all of them.
template <Activation kKind, int kRows>
void sum_slopes_of(const float* x, const float* slope, std::int64_t channels, const NormTerms& terms, float* plain,
                   float* product) {
  const float *const mean = terms.mean(), *const scale = terms.scale(), *const shift = terms.shift();
  std::int64_t c = 0;
  for (; c + kLane <= channels; c += kLane) {
    const Lane factor = load(scale + c), offset = load(shift + c), middle = load(mean + c);
    Lane sum = load(plain + c), sum_of_products = load(product + c);
    for (int r = 0; r < kRows; ++r) {
      const Lane value = load(x + r * channels + c);
      const Lane g = passed<kKind>(load(slope + r * channels + c), value * factor + offset);
      sum += g;
      sum_of_products += g * (value - middle);
    }
    store(plain + c, sum);
    store(product + c, sum_of_products);
  }
  for (; c < channels; ++c)
    for (int r = 0; r < kRows; ++r) {
      const float value = x[r * channels + c], g = passed<kKind>(slope[r * channels + c], value * scale[c] + shift[c]);
      plain[c] += g;
      product[c] += g * (value - mean[c]);
    }
}
template <Activation kKind>
void sum_slopes(const float* x, const float* slope, PixelRows rows, const NormTerms& terms, std::vector<float>& parts) {
  for_pieces(rows, [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
    float* const plain = parts.data() + 2 * piece * rows.channels;
    float* const product = plain + rows.channels;
    std::int64_t r = begin;
    for (; r + 4 <= end; r += 4)
      sum_slopes_of<kKind, 4>(x + r * rows.channels, slope + r * rows.channels, rows.channels, terms, plain, product);
    for (; r < end; ++r)
      sum_slopes_of<kKind, 1>(x + r * rows.channels, slope + r * rows.channels, rows.channels, terms, plain, product);
  });
}

// Adds kRows pixels to the sums, and to those of the squared differences from the middle.
template <int kRows>
void add_pixels(const float* __restrict x, std::int64_t channels, float* __restrict sums) {
  for (std::int64_t c = 0; c < channels; ++c) {
    float sum = sums[c];
    for (int r = 0; r < kRows; ++r) sum += x[r * channels + c];
    sums[c] = sum;
  }
}
template <int kRows>
void add_squares(const float* __restrict x, std::int64_t channels, const float* __restrict middle,
                 float* __restrict sums) {
  for (std::int64_t c = 0; c < channels; ++c) {
    float sum = sums[c];
    for (int r = 0; r < kRows; ++r) {
      const float apart = x[r * channels + c] - middle[c];
      sum += apart * apart;
    }
    sums[c] = sum;
  }
}

template <Activation kKind>
void slope_through_rows(const float* x, const float* slope, PixelRows rows, const float* scale, const float* shift,
                        const float* of_x, const float* rest, float* to) {
  for_pieces(rows, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const from = x + r * rows.channels;
      const float* const above = slope + r * rows.channels;
      float* const target = to + r * rows.channels;
#pragma GCC ivdep  // `to` may be `slope`, number by number
      for (std::int64_t c = 0; c < rows.channels; ++c)
        target[c] = scale[c] * passed<kKind>(above[c], from[c] * scale[c] + shift[c]) + of_x[c] * from[c] + rest[c];
    }
  });
}

}  // namespace

PixelRows rows_of(const torch::Tensor& x) { return {x.size(0) * x.size(2) * x.size(3), x.size(1)}; }

Moments moments_of(const float* x, PixelRows rows) {
  const auto channels = static_cast<std::size_t>(rows.channels);
  const auto pieces = static_cast<std::size_t>(pieces_of(rows));
  std::vector<float> parts(2 * channels * pieces);
  std::vector<std::int64_t> counts(pieces);
  for_pieces(rows, [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {  // two passes over each
    float* const __restrict middle = parts.data() + 2 * piece * rows.channels;
    float* const __restrict spread = middle + rows.channels;
    counts[static_cast<std::size_t>(piece)] = end - begin;
    const std::int64_t fours = begin + (end - begin) / 4 * 4;
    for (std::int64_t r = begin; r < fours; r += 4) add_pixels<4>(x + r * rows.channels, rows.channels, middle);
    for (std::int64_t r = fours; r < end; ++r) add_pixels<1>(x + r * rows.channels, rows.channels, middle);
    const float share = 1.0F / static_cast<float>(end - begin);
    for (std::int64_t c = 0; c < rows.channels; ++c) middle[c] *= share;
    for (std::int64_t r = begin; r < fours; r += 4)
      add_squares<4>(x + r * rows.channels, rows.channels, middle, spread);
    for (std::int64_t r = fours; r < end; ++r) add_squares<1>(x + r * rows.channels, rows.channels, middle, spread);
  });
  return together(parts, channels, counts);
}

Moments together(const std::vector<float>& parts, std::size_t channels, const std::vector<std::int64_t>& counts) {
  std::vector<double> all(channels, 0.0), squares(channels, 0.0);
  Moments moments{std::vector<float>(channels), std::vector<float>(channels)};
  for_channels(channels, [&](std::size_t begin, std::size_t end) {
    double before = 0;
    for (std::size_t part = 0; part < counts.size(); ++part) {
      const double here = static_cast<double>(counts[part]), sum = before + here, share = here / sum;
      const float* const numbers = parts.data() + 2 * part * channels;
      for (std::size_t c = begin; c < end; ++c) {
        const double apart = numbers[c] - all[c];
        all[c] += apart * share;
        squares[c] += numbers[channels + c] + apart * apart * before * share;
      }
      before = sum;
    }
    for (std::size_t c = begin; c < end; ++c) {
      moments.mean[c] = static_cast<float>(all[c]);
      moments.variance[c] = static_cast<float>(squares[c] / before);
    }
  });
  return moments;
}

NormTerms follow(torch::nn::BatchNorm2dImpl& norm, const Moments& moments, std::int64_t count) {
  const std::size_t channels = moments.mean.size();
  NormTerms terms{torch::empty({4, static_cast<std::int64_t>(channels)})};
  float* const values = terms.values.data_ptr<float>();
  const float *const gamma = norm.weight.data_ptr<float>(), *const beta = norm.bias.data_ptr<float>();
  float *const mean = norm.running_mean.data_ptr<float>(), *const variance = norm.running_var.data_ptr<float>();
  const double momentum = *norm.options.momentum(), epsilon = norm.options.eps();
  const double unbiased = static_cast<double>(count) / std::max(static_cast<double>(count) - 1, 1.0);
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse = 1 / std::sqrt(static_cast<double>(moments.variance[c]) + epsilon);
    values[c] = moments.mean[c];
    values[channels + c] = static_cast<float>(inverse);
    values[2 * channels + c] = gamma[c] * values[channels + c];
    values[3 * channels + c] = beta[c] - moments.mean[c] * values[2 * channels + c];
    mean[c] = static_cast<float>((1 - momentum) * mean[c] + momentum * moments.mean[c]);
    variance[c] = static_cast<float>((1 - momentum) * variance[c] + momentum * moments.variance[c] * unbiased);
  }
  norm.num_batches_tracked += 1;
  return terms;
}

void normalise(Activation kind, const float* x, PixelRows rows, const NormTerms& terms, const float* added, float* to) {
  with_kind(kind,
            [&](auto constant) { normalise_rows<constant.value>(x, rows, terms.scale(), terms.shift(), added, to); });
}

std::vector<double> slope_sums(Activation kind, const float* x, const float* slope, PixelRows rows,
                               const NormTerms& terms) {
  const auto numbers = static_cast<std::size_t>(2 * rows.channels);
  std::vector<float> parts(numbers * static_cast<std::size_t>(pieces_of(rows)));
  with_kind(kind, [&](auto constant) { sum_slopes<constant.value>(x, slope, rows, terms, parts); });
  return sum_of_parts(parts, numbers);
}

std::vector<double> sum_of_parts(const std::vector<float>& parts, std::size_t numbers) {
  std::vector<double> sums(numbers, 0.0);
  for_channels(numbers, [&](std::size_t begin, std::size_t end) {
    for (std::size_t part = 0; part < parts.size(); part += numbers)
      for (std::size_t i = begin; i < end; ++i) sums[i] += parts[part + i];
  });
  return sums;
}

NormGradient norm_gradient(const std::vector<double>& sums, std::int64_t count, const NormTerms& terms) {
  const std::size_t channels = sums.size() / 2;
  const auto size = static_cast<std::int64_t>(channels);
  NormGradient gradient{torch::empty({size}), torch::empty({size}), std::vector<float>(channels),
                        std::vector<float>(channels)};
  float *const to_weight = gradient.to_weight.data_ptr<float>(), *const to_bias = gradient.to_bias.data_ptr<float>();
  for (std::size_t c = 0; c < channels; ++c) {
    const double plain = sums[c], product = sums[channels + c], inverse = terms.inverse()[c], scale = terms.scale()[c];
    to_bias[c] = static_cast<float>(plain);
    to_weight[c] = static_cast<float>(product * inverse);
    const double of_x = -scale * inverse * inverse * product / static_cast<double>(count);
    gradient.of_x[c] = static_cast<float>(of_x);
    gradient.rest[c] = static_cast<float>(-scale * plain / static_cast<double>(count) - of_x * terms.mean()[c]);
  }
  return gradient;
}

void slope_through(Activation kind, const float* x, const float* slope, PixelRows rows, const NormTerms& terms,
                   const NormGradient& gradient, float* to) {
  with_kind(kind, [&](auto constant) {
    slope_through_rows<constant.value>(x, slope, rows, terms.scale(), terms.shift(), gradient.of_x.data(),
                                       gradient.rest.data(), to);
  });
}

}  // namespace bramble
