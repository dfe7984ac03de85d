#include "bramble/model/dropout.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <limits>

#include "bramble/model/omp_tasks.hpp"

namespace bramble {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kPiece = 16384;  // values of a task
constexpr std::int64_t kAtOnce = 4;     // values that share a random number, sixteen of its bits each

std::uint64_t scramble(std::uint64_t x) {  // splitmix64
  x = (x ^ x >> 30U) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ x >> 27U) * 0x94d049bb133111ebULL;
  return x ^ x >> 31U;
}

// By the values' order in memory. A value and its slope are dropped alike.
torch::Tensor dropped(const torch::Tensor& x, double share, std::uint64_t seed) {
  torch::Tensor y = torch::empty_like(x);
  const float* const from = x.data_ptr<float>();
  float* const to = y.data_ptr<float>();
  const auto below = static_cast<std::uint64_t>(share * 65536 + 0.5);
  const auto scale = static_cast<float>(1 / (1 - share));
  const std::int64_t count = x.numel();
  for_tasks((count + kPiece - 1) / kPiece, [&](std::int64_t piece) {
    const std::int64_t end = std::min(count, (piece + 1) * kPiece);
    for (std::int64_t i = piece * kPiece; i < end; i += kAtOnce) {
      std::uint64_t bits = scramble(seed + static_cast<std::uint64_t>(i) * 0x9e3779b97f4a7c15ULL);
      for (std::int64_t k = i; k < std::min(end, i + kAtOnce); ++k, bits >>= 16U)
        to[k] = (bits & 0xffffU) < below ? 0.0F : from[k] * scale;
    }
  });
  return y;
}

class Dropout : public torch::autograd::Function<Dropout> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, double share) {
    const std::int64_t seed =
        torch::randint(std::numeric_limits<std::int64_t>::max(), {1}, torch::kLong).item<std::int64_t>();
    context->saved_data["seed"] = seed;
    context->saved_data["share"] = share;
    context->saved_data["last"] = x.is_contiguous(torch::MemoryFormat::ChannelsLast);
    return dropped(x, share, static_cast<std::uint64_t>(seed));
  }
  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const torch::Tensor slope = gradients[0].contiguous(
        context->saved_data["last"].toBool() ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous);
    return {dropped(slope, context->saved_data["share"].toDouble(),
                    static_cast<std::uint64_t>(context->saved_data["seed"].toInt())),
            {}};
  }
};

}  // namespace

torch::Tensor seeded_dropout(const torch::Tensor& x, double share, bool training) {
  if (!training || share <= 0) return x;
  const bool dense = x.is_contiguous() || (x.dim() == 4 && x.is_contiguous(torch::MemoryFormat::ChannelsLast));
  if (x.device().is_cpu() && x.scalar_type() == torch::kFloat && dense && share < 1) return Dropout::apply(x, share);
  return torch::dropout(x, share, training);
}

}  // namespace bramble
