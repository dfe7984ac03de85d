#include "bramble/train/mixed_precision.hpp"

#include <ATen/autocast_mode.h>
#include <fmt/format.h>
#include <torch/torch.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

void switch_autocast(const torch::Device& device, torch::ScalarType type, bool on) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  if (on) at::autocast::set_autocast_dtype(device.type(), type);
  at::autocast::set_autocast_enabled(device.type(), on);
#else
  if (device.is_cuda()) {
    if (on) at::autocast::set_autocast_gpu_dtype(type);
    at::autocast::set_enabled(on);
  } else {
    if (on) at::autocast::set_autocast_cpu_dtype(type);
    at::autocast::set_cpu_enabled(on);
  }
#endif
}

}  // namespace

const std::vector<std::string>& train_precisions() {
  static const std::vector<std::string> names{"auto", "f32", "bf16", "f16"};
  return names;
}

std::string resolved_precision(const std::string& name, const torch::Device& device) {
  if (name == "auto") return device.is_cuda() ? "bf16" : "f32";
  if (name == "f16" && !device.is_cuda()) fail("precision f16 trains on a GPU only; use bf16 or f32");
  return name;
}

torch::ScalarType scalar_type_of(const std::string& resolved) {
  return resolved == "bf16" ? torch::kBFloat16 : resolved == "f16" ? torch::kHalf : torch::kFloat;
}

MixedPrecision::MixedPrecision(const torch::Device& device, torch::ScalarType type)
    : device_(device), on_(type != torch::kFloat) {
  if (!on_) return;
  switch_autocast(device_, type, true);
  at::autocast::increment_nesting();
}

MixedPrecision::~MixedPrecision() {
  if (!on_) return;
  // Weights are converted once for all that uses them inside; after the step they are others.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  switch_autocast(device_, torch::kFloat, false);
}

bool LossScale::unscale(const std::vector<torch::Tensor>& gradients) {
  if (!on_ || gradients.empty()) return true;
  constexpr int kGrowAfter = 2000;
  const torch::NoGradGuard no_grad;
  torch::_foreach_mul_(gradients, 1 / factor_);
  // A norm is finite only where all of a gradient's numbers are.
  if (!std::isfinite(torch::stack(torch::_foreach_norm(gradients)).sum().item<double>())) {
    factor_ = std::max(1.0, factor_ / 2);
    good_steps_ = 0;
    return false;
  }
  if (++good_steps_ == kGrowAfter) {
    factor_ = std::min(factor_ * 2, 16777216.0);
    good_steps_ = 0;
  }
  return true;
}

}  // namespace bramble
