#pragma once
#include <torch/types.h>

#include <array>
#include <map>
#include <string>

namespace bramble {

/// The text of gpu_kernels.cu.
extern const char* const kGpuKernelsSource;

/// Kernels of our own for one GPU and one number format, compiled when they are first asked for by the NVRTC that
/// PyTorch's wheel brings: no CUDA toolkit, no compiled code for GPUs that nobody has.
class GpuKernels {
 public:
  using Size = std::array<unsigned, 2>;

  /// Those for a tensor's GPU and format (float or bfloat16). Null where they cannot be had: no CUDA in this build,
  /// another format, or a compiler that fails, which is said once.
  static const GpuKernels* of(const torch::Tensor& tensor);

  /// Starts a kernel on the current stream. The arguments must have the very types of the kernel's parameters. Throws
  /// Error when the GPU refuses.
  template <typename... Arguments>
  void start(const char* kernel, Size grid, Size block, Arguments... arguments) const {
    void* pointers[] = {static_cast<void*>(&arguments)...};
    launch(kernel, grid, block, pointers);
  }

 private:
  GpuKernels(int device, bool bfloat16);
  void launch(const char* kernel, Size grid, Size block, void** arguments) const;

  int device_;
  void* context_ = nullptr;
  std::map<std::string, void*> functions_;
};

}  // namespace bramble
