#pragma once
#include <torch/nn.h>

#include <cstdint>
#include <vector>

#include "bramble/model/activation.hpp"

namespace bramble {

// A batch norm in training, and the activation behind it, as passes over a channels-last picture in the processor's
// memory: what norm_activate() and the convolutions with norms in front and behind (depthwise_conv.hpp) are put
// together from. Sums are made in one order, whatever the number of threads.

/// A picture as a list of pixels with all their channels.
struct PixelRows {
  std::int64_t count, channels;
};
PixelRows rows_of(const torch::Tensor& x);

/// Mean and biased variance of every channel.
struct Moments {
  std::vector<float> mean, variance;
};
Moments moments_of(const float* x, PixelRows rows);

/// The same from parts of a picture. parts: [part][2][C], mean and sum of squared differences from it; counts: pixels
/// of each part. (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
/// 1979.)
Moments together(const std::vector<float>& parts, std::size_t channels, const std::vector<std::int64_t>& counts);

/// What a norm does with a batch: z = scale x + shift. A tensor, so that it can be kept for the gradient.
struct NormTerms {
  torch::Tensor values;  ///< [4, C]
  const float* mean() const { return row(0); }
  const float* inverse() const { return row(1); }  ///< of the standard deviation
  const float* scale() const { return row(2); }
  const float* shift() const { return row(3); }

 private:
  const float* row(std::int64_t i) const { return values.data_ptr<float>() + i * values.size(1); }
};
/// The terms of `norm` for a batch of these moments over `count` pixels; its running mean and variance (unbiased, as
/// PyTorch's) follow them, and it has seen one more batch.
NormTerms follow(torch::nn::BatchNorm2dImpl& norm, const Moments& moments, std::int64_t count);

/// to = activation(scale x + shift) (+ added, if there is one)
void normalise(Activation kind, const float* x, PixelRows rows, const NormTerms& terms, const float* added, float* to);

/// Sums over all pixels of g and of g (x − mean): [2][C]. g is the slope where the activation lets it through.
std::vector<double> slope_sums(Activation kind, const float* x, const float* slope, PixelRows rows,
                               const NormTerms& terms);

/// The sum of lists of so many numbers each.
std::vector<double> sum_of_parts(const std::vector<float>& parts, std::size_t numbers);

/// The gradient of a norm, out of these sums: that of its input is scale g + of_x x + rest.
struct NormGradient {
  torch::Tensor to_weight, to_bias;  ///< [C]
  std::vector<float> of_x, rest;
};
NormGradient norm_gradient(const std::vector<double>& sums, std::int64_t count, const NormTerms& terms);

/// to = the gradient of the norm's input; `to` may be `slope`.
void slope_through(Activation kind, const float* x, const float* slope, PixelRows rows, const NormTerms& terms,
                   const NormGradient& gradient, float* to);

}  // namespace bramble
