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

template <Activation kKind>
void sum_slopes(const float* x, const float* slope, PixelRows rows, const NormTerms& terms, std::vector<float>& parts) {
  const float *const mean = terms.mean(), *const scale = terms.scale(), *const shift = terms.shift();
  for_pieces(rows, [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
    float* const __restrict plain = parts.data() + 2 * piece * rows.channels;
    float* const __restrict product = plain + rows.channels;
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const __restrict from = x + r * rows.channels;
      const float* const __restrict above = slope + r * rows.channels;
      std::int64_t c = 0;
      for (; c + kLane <= rows.channels; c += kLane) {
        const Lane value = load(from + c);
        const Lane g = passed<kKind>(load(above + c), value * load(scale + c) + load(shift + c));
        store(plain + c, load(plain + c) + g);
        store(product + c, load(product + c) + g * (value - load(mean + c)));
      }
      for (; c < rows.channels; ++c) {
        const float g = passed<kKind>(above[c], from[c] * scale[c] + shift[c]);
        plain[c] += g;
        product[c] += g * (from[c] - mean[c]);
      }
    }
  });
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
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const __restrict row = x + r * rows.channels;
      for (std::int64_t c = 0; c < rows.channels; ++c) middle[c] += row[c];
    }
    const float share = 1.0F / static_cast<float>(end - begin);
    for (std::int64_t c = 0; c < rows.channels; ++c) middle[c] *= share;
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const __restrict row = x + r * rows.channels;
      for (std::int64_t c = 0; c < rows.channels; ++c) spread[c] += (row[c] - middle[c]) * (row[c] - middle[c]);
    }
  });
  return together(parts, channels, counts);
}

Moments together(const std::vector<float>& parts, std::size_t channels, const std::vector<std::int64_t>& counts) {
  std::vector<double> all(channels, 0.0), squares(channels, 0.0);
  double before = 0;
  for (std::size_t part = 0; part < counts.size(); ++part) {
    const double here = static_cast<double>(counts[part]), sum = before + here, share = here / sum;
    const float* const numbers = parts.data() + 2 * part * channels;
    for (std::size_t c = 0; c < channels; ++c) {
      const double apart = numbers[c] - all[c];
      all[c] += apart * share;
      squares[c] += numbers[channels + c] + apart * apart * before * share;
    }
    before = sum;
  }
  Moments moments{std::vector<float>(channels), std::vector<float>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    moments.mean[c] = static_cast<float>(all[c]);
    moments.variance[c] = static_cast<float>(squares[c] / before);
  }
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
  std::vector<double> sums(numbers, 0.0);
  for (std::size_t part = 0; part < parts.size(); part += numbers)
    for (std::size_t i = 0; i < numbers; ++i) sums[i] += parts[part + i];
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
