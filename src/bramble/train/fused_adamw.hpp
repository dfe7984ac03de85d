#pragma once
#include <torch/optim/adamw.h>

namespace bramble {

/// Whether fused_step() is there: libtorch 2.4 or newer.
bool has_fused_adamw();

/// What optimizer.step() does, in a few kernels over all parameters instead of a dozen a parameter, which is what a GPU
/// spends most of a small network's step on. The moments lie where step() keeps them. Throws Error where it is not
/// there.
void fused_step(torch::optim::AdamW& optimizer);

}  // namespace bramble
