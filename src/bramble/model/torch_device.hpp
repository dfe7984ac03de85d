#pragma once
#include <torch/types.h>

#include <string>

namespace bramble {

/// Where libtorch computes: «cpu», «cuda» (GPU 0; where torchrun, mpirun or srun started several processes, each
/// machine's n-th takes GPU n), «cuda:N», or «auto»: cuda where this libtorch finds a GPU, else cpu. Throws Error
/// saying what is missing.
torch::Device torch_device(const std::string& name);

/// Waits for what the GPU still has to do; nothing on the processor. To be called before a clock is read.
void wait_for(const torch::Device& device);

/// «NVIDIA GPU 0» or «2 threads», with libtorch's version.
std::string describe(const torch::Device& device);

}  // namespace bramble
