#include "bramble/model/norm_activate.hpp"

#include <torch/torch.h>

#include "bramble/model/channels_last.hpp"
#include "bramble/model/gpu_layers.hpp"
#include "bramble/model/norm_rows.hpp"

namespace bramble {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

class NormActivate : public torch::autograd::Function<NormActivate> {
 public:
  // The norm's weight and bias stand for their gradients.
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor&,
                               const torch::Tensor&, const c10::optional<torch::Tensor>& added,
                               torch::nn::BatchNorm2dImpl* norm, Activation kind) {
    const torch::Tensor input = channels_last(x), more = added ? channels_last(*added) : torch::Tensor();
    const PixelRows rows = rows_of(input);
    const float* const from = input.data_ptr<float>();
    const NormTerms terms = follow(*norm, moments_of(from, rows), rows.count);
    torch::Tensor y = torch::empty_like(input);
    normalise(kind, from, rows, terms, more.defined() ? more.data_ptr<float>() : nullptr, y.data_ptr<float>());
    context->save_for_backward({input, terms.values});
    context->saved_data["kind"] = static_cast<std::int64_t>(kind);
    context->saved_data["adds"] = added.has_value();
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto kind = static_cast<Activation>(context->saved_data["kind"].toInt());
    const torch::Tensor slope = channels_last(gradients[0]);
    const PixelRows rows = rows_of(saved[0]);
    const NormTerms terms{saved[1]};
    const float *const x = saved[0].data_ptr<float>(), *const above = slope.data_ptr<float>();
    const NormGradient gradient = norm_gradient(slope_sums(kind, x, above, rows, terms), rows.count, terms);
    torch::Tensor to_input;
    if (context->needs_input_grad(0)) {
      to_input = torch::empty_like(saved[0]);
      slope_through(kind, x, above, rows, terms, gradient, to_input.data_ptr<float>());
    }
    const bool adds = context->saved_data["adds"].toBool();
    return {to_input, gradient.to_weight, gradient.to_bias, adds ? gradients[0] : torch::Tensor(), {}, {}};
  }
};

bool trains(torch::nn::BatchNorm2dImpl& norm) {
  return norm.is_training() && torch::GradMode::is_enabled() && norm.options.momentum().has_value() &&
         norm.running_mean.defined();
}

torch::Tensor plus(const torch::Tensor& y, const torch::Tensor& added) { return added.defined() ? y + added : y; }

}  // namespace

bool trains_on_cpu(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x) {
  // A convolution under autocast gives bfloat16; sums and what follows are float.
  const bool readable = x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16;
  return trains(norm) && x.device().is_cpu() && readable;
}

torch::Tensor norm_activate(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x, Activation activation,
                            const torch::Tensor& added) {
  if (trains(norm) && x.numel() > x.size(1) && can_use_gpu_layers(x)) {
    norm.num_batches_tracked += 1;
    return plus(gpu_norm_activate(norm, x, activation), added);
  }
  if (trains_on_cpu(norm, x)) {
    const auto more = added.defined() ? c10::optional<torch::Tensor>(added.to(torch::kFloat)) : c10::nullopt;
    return NormActivate::apply(x.to(torch::kFloat), norm.weight, norm.bias, more, &norm, activation);
  }
  // In place: nobody else holds what a batch norm returns. Not clamp(): its gradient takes four passes.
  torch::Tensor y = norm.forward(x);
  if (activation == Activation::kRelu) return y.relu_();
  if (activation == Activation::kRelu6) return torch::hardtanh_(y, 0, 6);
  return plus(y, added);
}

}  // namespace bramble
