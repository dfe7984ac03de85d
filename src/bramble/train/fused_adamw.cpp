#include "bramble/train/fused_adamw.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include "bramble/core/error.hpp"

namespace bramble {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)

namespace {

using torch::optim::AdamWOptions;
using torch::optim::AdamWParamState;

// The kernel wants equal strides even along sides of one pixel, where they mean nothing.
torch::Tensor laid_out_as(const torch::Tensor& tensor, const torch::Tensor& like) {
  if (tensor.strides() == like.strides()) return tensor;
  for (std::int64_t i = 0; i < like.dim(); ++i)
    if (like.size(i) > 1 && tensor.stride(i) != like.stride(i)) return torch::empty_like(like).copy_(tensor);
  return tensor.as_strided(like.sizes(), like.strides());
}

// Where step() keeps the moments; null before the first step.
AdamWParamState* moments(torch::optim::AdamW& optimizer, const torch::Tensor& parameter) {
  const auto found = optimizer.state().find(parameter.unsafeGetTensorImpl());
  return found == optimizer.state().end() ? nullptr : static_cast<AdamWParamState*>(found->second.get());
}

// A group's tensors, as the kernel takes them.
struct Lists {
  std::vector<torch::Tensor> parameters, gradients, means, squares;

  void add(const torch::Tensor& parameter, AdamWParamState& state) {
    state.exp_avg(laid_out_as(state.exp_avg(), parameter));
    state.exp_avg_sq(laid_out_as(state.exp_avg_sq(), parameter));
    parameters.push_back(parameter);
    gradients.push_back(laid_out_as(parameter.grad(), parameter));
    means.push_back(state.exp_avg());
    squares.push_back(state.exp_avg_sq());
  }
};

template <typename Visit>
void for_learning_parameters(torch::optim::AdamW& optimizer, const Visit& visit) {
  for (auto& group : optimizer.param_groups())
    for (const auto& parameter : group.params())
      if (auto* state = moments(optimizer, parameter)) visit(*state);
}

}  // namespace

bool has_fused_adamw() { return true; }

void fused_step(torch::optim::AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  for (auto& group : optimizer.param_groups()) {
    const auto& how = static_cast<const AdamWOptions&>(group.options());
    Lists lists;
    std::vector<torch::Tensor> steps;
    std::int64_t last = 0;
    for (const auto& parameter : group.params()) {
      if (!parameter.grad().defined()) continue;
      if (!moments(optimizer, parameter)) {
        auto fresh = std::make_unique<AdamWParamState>();
        fresh->step(0);
        fresh->exp_avg(torch::zeros_like(parameter));
        fresh->exp_avg_sq(torch::zeros_like(parameter));
        optimizer.state()[parameter.unsafeGetTensorImpl()] = std::move(fresh);
      }
      auto& state = *moments(optimizer, parameter);
      state.step(state.step() + 1);
      lists.add(parameter, state);
      // The same counter for all that have learnt as often: as a rule, for the whole group.
      if (steps.empty() || state.step() != last) {
        last = state.step();
        steps.push_back(torch::full({}, static_cast<double>(last), parameter.options()));
      } else {
        steps.push_back(steps.back());
      }
    }
    if (lists.parameters.empty()) continue;
    at::_fused_adamw_(lists.parameters, lists.gradients, lists.means, lists.squares, {}, steps, how.lr(),
                      std::get<0>(how.betas()), std::get<1>(how.betas()), how.weight_decay(), how.eps(), false, false);
  }
}

void fused_step(torch::optim::AdamW& optimizer, const FusedNumbers& numbers) {
  const torch::NoGradGuard no_grad;
  for (std::size_t g = 0; g < optimizer.param_groups().size(); ++g) {
    auto& group = optimizer.param_groups()[g];
    const auto& how = static_cast<const AdamWOptions&>(group.options());
    Lists lists;
    for (const auto& parameter : group.params())
      if (auto* state = moments(optimizer, parameter); state && parameter.grad().defined())
        lists.add(parameter, *state);
    if (lists.parameters.empty()) continue;
    const std::vector<torch::Tensor> steps(lists.parameters.size(), numbers.step);
    at::_fused_adamw_(lists.parameters, lists.gradients, lists.means, lists.squares, {}, steps, numbers.rates.at(g),
                      std::get<0>(how.betas()), std::get<1>(how.betas()), how.weight_decay(), how.eps(), false, false,
                      {}, numbers.skip);
  }
}

std::int64_t common_step(torch::optim::AdamW& optimizer) {
  std::int64_t common = -1;
  for_learning_parameters(optimizer, [&](const AdamWParamState& state) {
    common = common < 0 || common == state.step() ? state.step() : 0;
  });
  return std::max<std::int64_t>(common, 0);
}

void count_step(torch::optim::AdamW& optimizer) {
  for_learning_parameters(optimizer, [](AdamWParamState& state) { state.step(state.step() + 1); });
}

#else

bool has_fused_adamw() { return false; }
void fused_step(torch::optim::AdamW&) { fail("this libtorch has no fused AdamW"); }
void fused_step(torch::optim::AdamW&, const FusedNumbers&) { fail("this libtorch has no fused AdamW"); }
std::int64_t common_step(torch::optim::AdamW&) { return 0; }
void count_step(torch::optim::AdamW&) {}

#endif

}  // namespace bramble
