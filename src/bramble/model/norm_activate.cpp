#include "bramble/model/norm_activate.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bramble/model/channels_last.hpp"
#include "bramble/model/gpu_layers.hpp"
#include "bramble/model/omp_tasks.hpp"

namespace bramble {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// The picture as rows of pixels with all their channels; rows are worked on in pieces that stay in the cache, of a size
// that depends on the shape alone: so do the sums then.
struct Rows {
  std::int64_t count, channels, piece;
  std::int64_t pieces() const { return (count + piece - 1) / piece; }
};
Rows rows_of(const torch::Tensor& x) {
  const std::int64_t channels = x.size(1);
  return {x.size(0) * x.size(2) * x.size(3), channels, std::max<std::int64_t>(8192 / channels, 16)};
}

template <typename Work>
void for_pieces(const Rows& rows, const Work& work) {
  const std::int64_t at_once = std::max<std::int64_t>(1, 32768 / (rows.piece * rows.channels));
  for_tasks((rows.pieces() + at_once - 1) / at_once, [&](std::int64_t task) {
    for (std::int64_t i = task * at_once; i < std::min(rows.pieces(), (task + 1) * at_once); ++i)
      work(i, i * rows.piece, std::min(rows.count, (i + 1) * rows.piece));
  });
}

// What the gradient lets through. The bounds themselves are cut off, as in PyTorch.
template <Activation kKind>
bool passes(float z) {
  if constexpr (kKind == Activation::kRelu) return z > 0;
  if constexpr (kKind == Activation::kRelu6) return (z > 0) & (z < 6);  // no branch
  return true;
}
template <Activation kKind>
float activated(float z) {
  if constexpr (kKind == Activation::kRelu) return std::max(z, 0.0F);
  if constexpr (kKind == Activation::kRelu6) return std::min(std::max(z, 0.0F), 6.0F);
  return z;
}

// Eight channels. Memory need not be aligned to it.
typedef float Lane
    __attribute__((vector_size(32), aligned(4), may_alias));  // NOLINT: no alias template with attributes
constexpr std::int64_t kLane = 8;
Lane load(const float* from) { return *reinterpret_cast<const Lane*>(from); }

// Mean and biased variance of every channel: of each piece by two passes over it, then together (Chan, Golub and
// LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
void statistics(const float* x, const Rows& rows, std::vector<float>& mean, std::vector<float>& variance) {
  const auto channels = static_cast<std::size_t>(rows.channels);
  std::vector<float> parts(2 * channels * static_cast<std::size_t>(rows.pieces()));
  for_pieces(rows, [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
    float* const __restrict middle = parts.data() + 2 * piece * rows.channels;
    float* const __restrict spread = middle + rows.channels;
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
  std::vector<double> all(channels, 0.0), squares(channels, 0.0);
  double before = 0;
  for (std::int64_t piece = 0; piece < rows.pieces(); ++piece) {
    const double here = static_cast<double>(std::min(rows.piece, rows.count - piece * rows.piece)), sum = before + here;
    const double share = here / sum;
    const float* const part = parts.data() + 2 * piece * rows.channels;
    for (std::size_t c = 0; c < channels; ++c) {
      const double apart = part[c] - all[c];
      all[c] += apart * share;
      squares[c] += part[channels + c] + apart * apart * before * share;
    }
    before = sum;
  }
  for (std::size_t c = 0; c < channels; ++c) {
    mean[c] = static_cast<float>(all[c]);
    variance[c] = static_cast<float>(squares[c] / before);
  }
}

template <Activation kKind>
void forward_rows(const float* x, const Rows& rows, const float* scale, const float* shift, float* y) {
  for_pieces(rows, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const __restrict from = x + r * rows.channels;
      float* const __restrict to = y + r * rows.channels;
      for (std::int64_t c = 0; c < rows.channels; ++c) to[c] = activated<kKind>(from[c] * scale[c] + shift[c]);
    }
  });
}

// Sums over all pixels of g and of g (x − mean) with g = slope where the activation lets it through: [2][C].
template <Activation kKind>
std::vector<double> slope_sums(const float* x, const float* slope, const Rows& rows, const float* mean,
                               const float* scale, const float* shift) {
  const auto channels = static_cast<std::size_t>(rows.channels);
  std::vector<float> parts(2 * channels * static_cast<std::size_t>(rows.pieces()));
  for_pieces(rows, [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
    float* const __restrict plain = parts.data() + 2 * piece * rows.channels;
    float* const __restrict product = plain + rows.channels;
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const __restrict from = x + r * rows.channels;
      const float* const __restrict above = slope + r * rows.channels;
      std::int64_t c = 0;
      for (; c + kLane <= rows.channels; c += kLane) {  // by hand: compilers make branches of the choice
        const Lane value = load(from + c), z = value * load(scale + c) + load(shift + c), none = {};
        Lane g = load(above + c);
        if constexpr (kKind != Activation::kNone) g = z > 0.0F ? g : none;
        if constexpr (kKind == Activation::kRelu6) g = z < 6.0F ? g : none;
        *reinterpret_cast<Lane*>(plain + c) += g;
        *reinterpret_cast<Lane*>(product + c) += g * (value - load(mean + c));
      }
      for (; c < rows.channels; ++c) {
        const float g = passes<kKind>(from[c] * scale[c] + shift[c]) ? above[c] : 0.0F;
        plain[c] += g;
        product[c] += g * (from[c] - mean[c]);
      }
    }
  });
  std::vector<double> sums(2 * channels, 0.0);
  for (std::int64_t piece = 0; piece < rows.pieces(); ++piece)
    for (std::size_t c = 0; c < 2 * channels; ++c) sums[c] += parts[2 * piece * rows.channels + c];
  return sums;
}

// to = scale (g − a − b (x − mean)) = scale g + slope_of_x x + rest
template <Activation kKind>
void backward_rows(const float* x, const float* slope, const Rows& rows, const float* scale, const float* shift,
                   const float* slope_of_x, const float* rest, float* to) {
  for_pieces(rows, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const __restrict from = x + r * rows.channels;
      const float* const __restrict above = slope + r * rows.channels;
      float* const __restrict target = to + r * rows.channels;
      for (std::int64_t c = 0; c < rows.channels; ++c) {
        const float g = passes<kKind>(from[c] * scale[c] + shift[c]) ? above[c] : 0.0F;
        target[c] = scale[c] * g + slope_of_x[c] * from[c] + rest[c];
      }
    }
  });
}

// Calls work with the activation as a constant.
template <typename Work>
auto with_kind(Activation kind, const Work& work) {
  switch (kind) {
    case Activation::kRelu:
      return work(std::integral_constant<Activation, Activation::kRelu>());
    case Activation::kRelu6:
      return work(std::integral_constant<Activation, Activation::kRelu6>());
    default:
      return work(std::integral_constant<Activation, Activation::kNone>());
  }
}

torch::Tensor as_tensor(const std::vector<float>& values) {
  return torch::tensor(values, torch::TensorOptions().dtype(torch::kFloat));
}

class NormActivate : public torch::autograd::Function<NormActivate> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, torch::Tensor running_mean, torch::Tensor running_var,
                               double momentum, double epsilon, Activation kind) {
    const torch::Tensor input = channels_last(x);
    const Rows rows = rows_of(input);
    const auto channels = static_cast<std::size_t>(rows.channels);
    const float* const from = input.data_ptr<float>();
    std::vector<float> mean(channels), variance(channels), scale(channels), shift(channels), inverse(channels);
    statistics(from, rows, mean, variance);
    const float *const gamma = weight.data_ptr<float>(), *const beta = bias.data_ptr<float>();
    float *const tracked_mean = running_mean.data_ptr<float>(), *const tracked_var = running_var.data_ptr<float>();
    const double unbiased = static_cast<double>(rows.count) / std::max<double>(static_cast<double>(rows.count) - 1, 1);
    for (std::size_t c = 0; c < channels; ++c) {
      inverse[c] = static_cast<float>(1 / std::sqrt(static_cast<double>(variance[c]) + epsilon));
      scale[c] = gamma[c] * inverse[c];
      shift[c] = beta[c] - mean[c] * scale[c];
      tracked_mean[c] = static_cast<float>((1 - momentum) * tracked_mean[c] + momentum * mean[c]);
      tracked_var[c] = static_cast<float>((1 - momentum) * tracked_var[c] + momentum * variance[c] * unbiased);
    }
    torch::Tensor y = torch::empty_like(input);
    with_kind(kind, [&](auto constant) {
      forward_rows<constant.value>(from, rows, scale.data(), shift.data(), y.data_ptr<float>());
    });
    context->save_for_backward({input, as_tensor(mean), as_tensor(inverse), as_tensor(scale), as_tensor(shift)});
    context->saved_data["kind"] = static_cast<std::int64_t>(kind);
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto kind = static_cast<Activation>(context->saved_data["kind"].toInt());
    const torch::Tensor slope = channels_last(gradients[0]);
    const Rows rows = rows_of(saved[0]);
    const auto channels = static_cast<std::size_t>(rows.channels);
    const float *const x = saved[0].data_ptr<float>(), *const mean = saved[1].data_ptr<float>(),
                       *const inverse = saved[2].data_ptr<float>(), *const scale = saved[3].data_ptr<float>(),
                       *const shift = saved[4].data_ptr<float>(), *const above = slope.data_ptr<float>();
    const auto sums =
        with_kind(kind, [&](auto constant) { return slope_sums<constant.value>(x, above, rows, mean, scale, shift); });
    torch::Tensor to_weight = torch::empty({rows.channels}), to_bias = torch::empty({rows.channels});
    std::vector<float> slope_of_x(channels), rest(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const double plain = sums[c], product = sums[channels + c], count = static_cast<double>(rows.count);
      to_bias.data_ptr<float>()[c] = static_cast<float>(plain);
      to_weight.data_ptr<float>()[c] = static_cast<float>(product * inverse[c]);
      const double of_x = -static_cast<double>(scale[c]) * inverse[c] * inverse[c] * product / count;
      slope_of_x[c] = static_cast<float>(of_x);
      rest[c] = static_cast<float>(-scale[c] * plain / count - of_x * mean[c]);
    }
    torch::Tensor to_input;
    if (context->needs_input_grad(0)) {
      to_input = torch::empty_like(saved[0]);
      with_kind(kind, [&](auto constant) {
        backward_rows<constant.value>(x, above, rows, scale, shift, slope_of_x.data(), rest.data(),
                                      to_input.data_ptr<float>());
      });
    }
    const torch::Tensor none;
    return {to_input, to_weight, to_bias, none, none, none, none, none};
  }
};

}  // namespace

torch::Tensor norm_activate(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x, Activation activation) {
  const bool trains = norm.is_training() && torch::GradMode::is_enabled() && norm.options.momentum().has_value() &&
                      norm.running_mean.defined();
  if (trains && x.numel() > x.size(1) && can_use_gpu_layers(x)) {
    norm.num_batches_tracked += 1;
    return gpu_norm_activate(norm, x, activation);
  }
  // A convolution under autocast gives bfloat16; sums and what follows are float.
  const bool readable = x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16;
  if (trains && x.device().is_cpu() && readable) {
    norm.num_batches_tracked += 1;
    return NormActivate::apply(x.to(torch::kFloat), norm.weight, norm.bias, norm.running_mean, norm.running_var,
                               *norm.options.momentum(), norm.options.eps(), activation);
  }
  // In place: nobody else holds what a batch norm returns. Not clamp(): its gradient takes four passes.
  torch::Tensor y = norm.forward(x);
  if (activation == Activation::kRelu) return y.relu_();
  if (activation == Activation::kRelu6) return torch::hardtanh_(y, 0, 6);
  return y;
}

}  // namespace bramble
