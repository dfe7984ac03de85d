#pragma once
#include <c10/core/Device.h>
#include <torch/optim/adamw.h>

#include <cstdint>
#include <vector>

namespace bramble {

/// Whether fused_step() is there: on the CPU always, on a GPU with libtorch 2.4 or newer.
bool has_fused_adamw(const torch::Device& device);

/// What optimizer.step() does (without amsgrad), on float parameters: on a GPU in a few kernels over all of them
/// instead of a dozen a parameter, which is what it spends most of a small network's step on; on the CPU in one pass
/// over a parameter and its moments instead of a dozen. The moments lie where step() keeps them. Throws Error where it
/// is not there.
void fused_step(torch::optim::AdamW& optimizer);

/// The same with numbers that lie on the GPU, for work that is recorded: `rates` (one a group), `step` (how often the
/// parameters have learnt, this time included) and `skip` (1: nothing is changed) are float scalars. The moments must
/// be there (fused_step() made them), and the optimizer's own count is left to count_step().
struct FusedNumbers {
  std::vector<torch::Tensor> rates;
  torch::Tensor step, skip;
};
void fused_step(torch::optim::AdamW& optimizer, const FusedNumbers& numbers);
/// How often the parameters have learnt when all have as often, else 0: they cannot share FusedNumbers::step then.
std::int64_t common_step(torch::optim::AdamW& optimizer);
/// Counts a step that FusedNumbers did.
void count_step(torch::optim::AdamW& optimizer);

}  // namespace bramble
