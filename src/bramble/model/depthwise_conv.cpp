#include "bramble/model/depthwise_conv.hpp"

#include <torch/torch.h>

#include <vector>

#include "bramble/model/channels_last.hpp"
#include "bramble/model/depthwise_loops.hpp"
#include "bramble/model/gpu_layers.hpp"
#include "bramble/model/norm_activate.hpp"
#include "bramble/model/norm_rows.hpp"

namespace bramble {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

PictureShape shape_of(const torch::Tensor& x) { return {x.size(0), x.size(1), x.size(2), x.size(3)}; }

torch::Tensor new_picture(PictureShape shape) {
  return torch::empty({shape.samples, shape.channels, shape.height, shape.width},
                      torch::TensorOptions().dtype(torch::kFloat).memory_format(torch::MemoryFormat::ChannelsLast));
}
// [C, 1, k, k] → [k, k, C]
torch::Tensor taps_first(const torch::Tensor& weight) {
  return weight.detach().view({weight.size(0), -1}).t().contiguous();
}

using Norm = torch::nn::BatchNorm2dImpl;
using Optional = c10::optional<torch::Tensor>;

DepthwiseInput input_of(const torch::Tensor& x, const torch::Tensor& more, const NormTerms& norm,
                        Activation activation) {
  DepthwiseInput input{x.data_ptr<float>()};
  if (more.defined()) {
    input.more = more.data_ptr<float>();
    input.split = x.size(1);
  }
  if (norm.values.defined()) {
    input.norm = &norm;
    input.activation = activation;
  }
  return input;
}

// With a norm on either side, on one, or on none.
class DepthwiseConv : public torch::autograd::Function<DepthwiseConv> {
 public:
  // The norms' weights and biases stand for their gradients.
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const Optional&, const Optional&, const Optional&, const Optional&,
                               const Optional& channels_behind, Norm* before, Norm* after,
                               const DepthwiseGeometry& geometry, Activation activation) {
    const torch::Tensor input = channels_last(x), taps = taps_first(weight),
                        more = channels_behind ? channels_last(*channels_behind) : torch::Tensor();
    const PictureShape in{x.size(0), weight.size(0), x.size(2), x.size(3)},
        out{in.samples, in.channels, geometry.out_height, geometry.out_width};
    NormTerms before_terms, after_terms;
    if (before) {
      const PixelRows rows = rows_of(input);
      before_terms = follow(*before, moments_of(input.data_ptr<float>(), rows), rows.count);
    }
    torch::Tensor y = new_picture(out), result = y;
    const Moments moments =
        depthwise_forward(input_of(input, more, before_terms, activation), in, taps.data_ptr<float>(), weight.size(2),
                          geometry, y.data_ptr<float>(), out, after != nullptr);
    if (after) {
      const PixelRows rows = rows_of(y);
      after_terms = follow(*after, moments, rows.count);
      result = torch::empty_like(y);
      normalise(activation, y.data_ptr<float>(), rows, after_terms, nullptr, result.data_ptr<float>());
    }
    context->save_for_backward(
        {input, weight, more, before_terms.values, after ? y : torch::Tensor(), after_terms.values});
    context->saved_data["geometry"] =
        std::vector<std::int64_t>{geometry.stride,       geometry.dilation,   geometry.padding_top,
                                  geometry.padding_left, geometry.out_height, geometry.out_width};
    context->saved_data["activation"] = static_cast<std::int64_t>(activation);
    return result;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto numbers = context->saved_data["geometry"].toIntVector();
    const DepthwiseGeometry geometry{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    const torch::Tensor &x = saved[0], &weight = saved[1], &more = saved[2], &y = saved[4],
                        slope = channels_last(gradients[0]), taps = taps_first(weight);
    const NormTerms before{saved[3]}, after{saved[5]};
    const bool has_before = before.values.defined();
    const PictureShape in{x.size(0), weight.size(0), x.size(2), x.size(3)}, out = shape_of(slope);
    NormGradient to_before, to_after;
    DepthwiseSlope above{slope.data_ptr<float>()};
    if (after.values.defined()) {
      const PixelRows rows = rows_of(slope);
      above = {above.slope, y.data_ptr<float>(), &after, &to_after, activation};
      to_after = norm_gradient(slope_sums(activation, above.y, above.slope, rows, after), rows.count, after);
    }
    torch::Tensor to_input, to_more, to_weight;
    DepthwiseInputSlope target;
    if (has_before || more.defined() || context->needs_input_grad(0)) {
      to_input = torch::empty_like(x);
      target.x = to_input.data_ptr<float>();
    }
    if (more.defined()) {
      to_more = torch::empty_like(more);
      target.more = to_more.data_ptr<float>();
    }
    const DepthwiseGradient gradient =
        depthwise_backward(input_of(x, more, before, activation), in, taps.data_ptr<float>(), weight.size(2), geometry,
                           above, out, target, context->needs_input_grad(1));
    if (!gradient.to_taps.empty()) {
      to_weight = torch::empty({weight.size(0), 1, weight.size(2), weight.size(3)});
      const std::size_t channels = static_cast<std::size_t>(in.channels), count = gradient.to_taps.size() / channels;
      for (std::size_t k = 0; k < count; ++k)
        for (std::size_t c = 0; c < channels; ++c)
          to_weight.data_ptr<float>()[c * count + k] = gradient.to_taps[k * channels + c];
    }
    if (has_before) {
      const PixelRows rows = rows_of(x);
      to_before = norm_gradient(gradient.slope_sums, rows.count, before);
      slope_through(Activation::kNone, x.data_ptr<float>(), target.x, rows, before, to_before, target.x);
    }
    return {to_input,
            to_weight,
            to_before.to_weight,
            to_before.to_bias,
            to_after.to_weight,
            to_after.to_bias,
            to_more,
            {},
            {},
            {},
            {}};
  }
};

torch::Tensor apply_depthwise(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& more,
                              Norm* before, Norm* after, const DepthwiseGeometry& geometry, Activation activation) {
  const auto of = [](Norm* norm, torch::Tensor Norm::*tensor) { return norm ? Optional(norm->*tensor) : c10::nullopt; };
  return DepthwiseConv::apply(x, weight, of(before, &Norm::weight), of(before, &Norm::bias), of(after, &Norm::weight),
                              of(after, &Norm::bias), more.defined() ? Optional(more) : c10::nullopt, before, after,
                              geometry, activation);
}

bool is_kernel(const torch::Tensor& weight) {
  return weight.scalar_type() == torch::kFloat && weight.size(1) == 1 && weight.size(0) % kLane == 0 &&
         weight.size(2) == weight.size(3) && (weight.size(2) == 3 || weight.size(2) == 5);
}
bool is_float_on_cpu(const torch::Tensor& x) { return x.device().is_cpu() && x.scalar_type() == torch::kFloat; }

}  // namespace

bool can_depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight) {
  return is_kernel(weight) && weight.size(0) == x.size(1) && (is_float_on_cpu(x) || can_use_gpu_layers(x));
}

bool can_depthwise_conv(const torch::Tensor& x, const torch::Tensor& more, const torch::Tensor& weight) {
  return is_kernel(weight) && weight.size(0) == x.size(1) + more.size(1) && is_float_on_cpu(x) &&
         is_float_on_cpu(more) && x.size(1) % kDepthwiseBlock == 0;
}

torch::Tensor depthwise_conv(const torch::Tensor& x, const torch::Tensor& weight, const DepthwiseGeometry& geometry) {
  if (x.is_cuda()) return gpu_depthwise_conv(x, weight, geometry);
  return apply_depthwise(x, weight, {}, nullptr, nullptr, geometry, Activation::kNone);
}

torch::Tensor depthwise_conv_between(Norm* before, const torch::Tensor& x, const torch::Tensor& weight,
                                     const DepthwiseGeometry& geometry, Norm& after, Activation activation,
                                     const torch::Tensor& more) {
  if (trains_on_cpu(after, x) && (!before || trains_on_cpu(*before, x)))
    return apply_depthwise(x.to(torch::kFloat), weight, more, before, &after, geometry, activation);
  const torch::Tensor read = before ? norm_activate(*before, x, activation) : x;
  return norm_activate(after, depthwise_conv(read, weight, geometry), activation);
}

}  // namespace bramble
