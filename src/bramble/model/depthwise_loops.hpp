#pragma once
#include <cstdint>
#include <vector>

#include "bramble/model/activation.hpp"
#include "bramble/model/depthwise_conv.hpp"
#include "bramble/model/norm_rows.hpp"

namespace bramble {

// The loops of depthwise_conv.hpp on the processor, on channels-last pictures: what lies around the convolution is done
// to pixels while they are copied for it, and to results while they are in the cache.

struct PictureShape {
  std::int64_t samples, channels, height, width;
};

/// Channels that a thread works on at once.
inline constexpr std::int64_t kDepthwiseBlock = 32;

/// What a convolution reads: activation(scale x + shift) where there are terms, otherwise x.
struct DepthwiseInput {
  const float* x;
  const float* more =
      nullptr;             ///< the channels from `split` on, where they lie in a picture of their own (without norm)
  std::int64_t split = 0;  ///< a multiple of kDepthwiseBlock
  const NormTerms* norm = nullptr;
  Activation activation = Activation::kNone;
};
/// Where its slope is put; null: it is not wanted.
struct DepthwiseInputSlope {
  float* x = nullptr;
  float* more = nullptr;
};

/// y = the convolution, into `y` of shape `out`; taps: [k, k, C]. Returns y's moments where they are wanted.
Moments depthwise_forward(const DepthwiseInput& input, PictureShape in, const float* taps, std::int64_t kernel,
                          const DepthwiseGeometry& geometry, float* y, PictureShape out, bool wants_moments);

/// The slope of y: as it is, or, where y goes through a norm and an activation, that of their result.
struct DepthwiseSlope {
  const float* slope;
  const float* y = nullptr;
  const NormTerms* norm = nullptr;
  const NormGradient* gradient = nullptr;
  Activation activation = Activation::kNone;
};

struct DepthwiseGradient {
  std::vector<float> to_taps;      ///< [k, k, C]; empty where it is not wanted
  std::vector<double> slope_sums;  ///< as of slope_sums() of the norm in front, where there is one: [2][C]
};
/// to_input: the slope of what the convolution read, and where a norm and an activation lie in
/// front, as much of it as the activation lets through: still to go through the norm.
DepthwiseGradient depthwise_backward(const DepthwiseInput& input, PictureShape in, const float* taps,
                                     std::int64_t kernel, const DepthwiseGeometry& geometry,
                                     const DepthwiseSlope& slope, PictureShape out, const DepthwiseInputSlope& to_input,
                                     bool wants_taps);

}  // namespace bramble
