#include "bramble/train/fused_adamw.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include "bramble/core/error.hpp"

namespace bramble {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)

namespace {

// The kernel wants equal strides even along sides of one pixel, where they mean nothing.
torch::Tensor laid_out_as(const torch::Tensor& tensor, const torch::Tensor& like) {
  if (tensor.strides() == like.strides()) return tensor;
  for (std::int64_t i = 0; i < like.dim(); ++i)
    if (like.size(i) > 1 && tensor.stride(i) != like.stride(i)) return torch::empty_like(like).copy_(tensor);
  return tensor.as_strided(like.sizes(), like.strides());
}

}  // namespace

bool has_fused_adamw() { return true; }

void fused_step(torch::optim::AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  for (auto& group : optimizer.param_groups()) {
    const auto& how = static_cast<const torch::optim::AdamWOptions&>(group.options());
    std::vector<torch::Tensor> parameters, gradients, means, squares, steps;
    std::int64_t last = 0;
    for (const auto& parameter : group.params()) {
      if (!parameter.grad().defined()) continue;
      auto& slot = optimizer.state()[parameter.unsafeGetTensorImpl()];
      if (!slot) {
        auto fresh = std::make_unique<torch::optim::AdamWParamState>();
        fresh->step(0);
        fresh->exp_avg(torch::zeros_like(parameter));
        fresh->exp_avg_sq(torch::zeros_like(parameter));
        slot = std::move(fresh);
      }
      auto& state = static_cast<torch::optim::AdamWParamState&>(*slot);
      state.exp_avg(laid_out_as(state.exp_avg(), parameter));
      state.exp_avg_sq(laid_out_as(state.exp_avg_sq(), parameter));
      state.step(state.step() + 1);
      parameters.push_back(parameter);
      gradients.push_back(laid_out_as(parameter.grad(), parameter));
      means.push_back(state.exp_avg());
      squares.push_back(state.exp_avg_sq());
      // The same counter for all that have learnt as often: as a rule, for the whole group.
      if (steps.empty() || state.step() != last) {
        last = state.step();
        steps.push_back(torch::full({}, static_cast<double>(last), parameter.options()));
      } else {
        steps.push_back(steps.back());
      }
    }
    if (parameters.empty()) continue;
    at::_fused_adamw_(parameters, gradients, means, squares, {}, steps, how.lr(), std::get<0>(how.betas()),
                      std::get<1>(how.betas()), how.weight_decay(), how.eps(), false, false);
  }
}

#else

bool has_fused_adamw() { return false; }
void fused_step(torch::optim::AdamW&) { fail("this libtorch has no fused AdamW"); }

#endif

}  // namespace bramble
