#include "bramble/train/fused_adamw.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include "bramble/core/error.hpp"
#include "bramble/model/omp_tasks.hpp"

// at::_fused_adamw_ with a rate that may lie on the GPU
#define BRAMBLE_GPU_ADAMW (TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4))

namespace bramble {
namespace {

using torch::optim::AdamWOptions;
using torch::optim::AdamWParamState;

// One pass, and the GPU's kernel, want equal strides even along sides of one pixel, where they mean nothing.
torch::Tensor laid_out_as(const torch::Tensor& tensor, const torch::Tensor& like) {
  if (tensor.strides() == like.strides()) return tensor;
  for (std::int64_t i = 0; i < like.dim(); ++i)
    if (like.size(i) > 1 && tensor.stride(i) != like.stride(i)) return torch::empty_like(like).copy_(tensor);
  return tensor.as_strided(like.sizes(), like.strides());
}

// By what step() finds a parameter's moments: its address, which libtorch 1 and 2.0 write out as text.
using StateKey = std::decay_t<decltype(std::declval<torch::optim::AdamW>().state())>::key_type;
StateKey key_of(const torch::Tensor& parameter) {
  const auto address = [&](auto kind) {
    if constexpr (std::is_same_v<decltype(kind), std::string>) {
      std::ostringstream text;
      text << parameter.unsafeGetTensorImpl();
      return text.str();
    } else {
      return parameter.unsafeGetTensorImpl();
    }
  };
  return address(StateKey());
}

// Where step() keeps the moments; null before the first step.
AdamWParamState* moments(torch::optim::AdamW& optimizer, const torch::Tensor& parameter) {
  const auto found = optimizer.state().find(key_of(parameter));
  return found == optimizer.state().end() ? nullptr : static_cast<AdamWParamState*>(found->second.get());
}
AdamWParamState& moments_or_zeros(torch::optim::AdamW& optimizer, const torch::Tensor& parameter) {
  if (auto* state = moments(optimizer, parameter)) return *state;
  auto fresh = std::make_unique<AdamWParamState>();
  fresh->step(0);
  fresh->exp_avg(torch::zeros_like(parameter));
  fresh->exp_avg_sq(torch::zeros_like(parameter));
  optimizer.state()[key_of(parameter)] = std::move(fresh);
  return *moments(optimizer, parameter);
}

// A group's tensors, all laid out as the parameters are.
struct Lists {
  std::vector<torch::Tensor> parameters, gradients, means, squares;
  std::vector<std::int64_t> steps;  // how often each has learnt

  void add(const torch::Tensor& parameter, AdamWParamState& state) {
    state.exp_avg(laid_out_as(state.exp_avg(), parameter));
    state.exp_avg_sq(laid_out_as(state.exp_avg_sq(), parameter));
    parameters.push_back(parameter);
    gradients.push_back(laid_out_as(parameter.grad(), parameter));
    means.push_back(state.exp_avg());
    squares.push_back(state.exp_avg_sq());
    steps.push_back(state.step());
  }
};

// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2, as PyTorch orders it.
void step_on_cpu(const Lists& lists, const AdamWOptions& how) {
  constexpr std::int64_t kPiece = 16384;
  struct Piece {
    std::size_t parameter;
    std::int64_t begin, end;
  };
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < lists.parameters.size(); ++i)
    for (std::int64_t begin = 0; begin < lists.parameters[i].numel(); begin += kPiece)
      pieces.push_back({i, begin, std::min(begin + kPiece, lists.parameters[i].numel())});
  const auto [beta1, beta2] = how.betas();
  const auto keep1 = static_cast<float>(beta1), new1 = static_cast<float>(1 - beta1), keep2 = static_cast<float>(beta2),
             new2 = static_cast<float>(1 - beta2), decay = static_cast<float>(1 - how.lr() * how.weight_decay()),
             epsilon = static_cast<float>(how.eps());
  const double beta1_power = beta1, beta2_power = beta2;
  for_tasks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t task) {
    const Piece& piece = pieces[static_cast<std::size_t>(task)];
    const auto steps = static_cast<double>(lists.steps[piece.parameter]);
    const auto rate = static_cast<float>(how.lr() / (1 - std::pow(beta1_power, steps))),
               unbias = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2_power, steps)));
    float* const __restrict parameter = lists.parameters[piece.parameter].data_ptr<float>();
    float* const __restrict mean = lists.means[piece.parameter].data_ptr<float>();
    float* const __restrict square = lists.squares[piece.parameter].data_ptr<float>();
    const float* const __restrict slope = lists.gradients[piece.parameter].data_ptr<float>();
    for (std::int64_t i = piece.begin; i < piece.end; ++i) {
      mean[i] = keep1 * mean[i] + new1 * slope[i];
      square[i] = keep2 * square[i] + new2 * slope[i] * slope[i];
      parameter[i] = decay * parameter[i] - rate * mean[i] / (std::sqrt(square[i]) * unbias + epsilon);
    }
  });
}

void step_on_gpu(const Lists& lists, const AdamWOptions& how) {
#if BRAMBLE_GPU_ADAMW
  std::vector<torch::Tensor> steps;
  for (std::size_t i = 0; i < lists.steps.size(); ++i) {
    // The same counter for all that have learnt as often: as a rule, for the whole group.
    const bool same = i > 0 && lists.steps[i] == lists.steps[i - 1];
    const auto value = static_cast<double>(lists.steps[i]);
    steps.push_back(same ? steps.back() : torch::full({}, value, lists.parameters[i].options()));
  }
  at::_fused_adamw_(lists.parameters, lists.gradients, lists.means, lists.squares, {}, steps, how.lr(),
                    std::get<0>(how.betas()), std::get<1>(how.betas()), how.weight_decay(), how.eps(), false, false);
#else
  fail("this libtorch has no fused AdamW for a GPU");
#endif
}

template <typename Visit>
void for_learning_parameters(torch::optim::AdamW& optimizer, const Visit& visit) {
  for (auto& group : optimizer.param_groups())
    for (const auto& parameter : group.params())
      if (auto* state = moments(optimizer, parameter)) visit(*state);
}

}  // namespace

bool has_fused_adamw(const torch::Device& device) { return device.is_cpu() || (device.is_cuda() && BRAMBLE_GPU_ADAMW); }

void fused_step(torch::optim::AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  for (auto& group : optimizer.param_groups()) {
    Lists lists;
    for (const auto& parameter : group.params()) {
      if (!parameter.grad().defined()) continue;
      auto& state = moments_or_zeros(optimizer, parameter);
      state.step(state.step() + 1);
      lists.add(parameter, state);
    }
    if (lists.parameters.empty()) continue;
    const auto& how = static_cast<const AdamWOptions&>(group.options());
    lists.parameters[0].is_cpu() ? step_on_cpu(lists, how) : step_on_gpu(lists, how);
  }
}

void fused_step(torch::optim::AdamW& optimizer, const FusedNumbers& numbers) {
#if BRAMBLE_GPU_ADAMW
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
#else
  fail("this libtorch has no fused AdamW for a GPU");
#endif
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

}  // namespace bramble
