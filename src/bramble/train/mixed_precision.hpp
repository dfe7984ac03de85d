#pragma once
#include <torch/types.h>

#include <string>
#include <vector>

namespace bramble {

/// Number formats of training: «f32», «bf16», «f16» (on a GPU only), and «auto»: bf16 on a GPU, f32 elsewhere.
const std::vector<std::string>& train_precisions();
/// The format that «auto» stands for on a device; other names stay. Throws Error for one the device does not train in.
std::string resolved_precision(const std::string& name, const torch::Device& device);
torch::ScalarType scalar_type_of(const std::string& resolved);

/// While it lives, this thread's convolutions and matrix products are computed in `type`, and what needs the range or
/// the digits stays float (libtorch's autocast). Nothing for float.
class MixedPrecision {
 public:
  MixedPrecision(const torch::Device& device, torch::ScalarType type);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  torch::Device device_;
  bool on_;
};

/// Keeps small gradients above what f16 can hold: the loss is multiplied before the backward pass, the gradients are
/// divided before the step; a step whose gradients overflowed is left out and the factor halved, and after many good
/// ones doubled (Micikevicius et al., "Mixed Precision Training", ICLR 2018).
class LossScale {
 public:
  explicit LossScale(bool on) : factor_(on ? 65536 : 1), on_(on) {}
  torch::Tensor scaled(const torch::Tensor& loss) const { return on_ ? loss * factor_ : loss; }
  /// Divides the gradients; false: they overflowed, the step must be left out.
  bool unscale(const std::vector<torch::Tensor>& gradients);
  double factor() const { return factor_; }
  void set_factor(double factor) { factor_ = factor; }

 private:
  double factor_;
  int good_steps_ = 0;
  bool on_;
};

}  // namespace bramble
