#pragma once
#include <torch/types.h>

#include <functional>
#include <memory>

namespace bramble {

/// Work of a GPU that is recorded once and afterwards started with one call (a CUDA graph): a training step of a small
/// network is thousands of kernels of some microseconds each, and starting them one by one takes longer than they do.
/// What is recorded reads and writes the same memory each time: inputs are copied into the tensors it was recorded
/// with, results are read from those it made then.
class RecordedWork {
 public:
  /// Whether this build can record: one against a libtorch with CUDA, with the CUDA runtime's headers beside it.
  static bool possible();

  /// Calls `work`, whose kernels are recorded and do not run. It must not ask the GPU for a value, and all that it does
  /// must have been done once before (cuDNN chooses its algorithms by trying them). Throws c10::Error where something
  /// in it cannot be recorded; the GPU is as before then.
  RecordedWork(const torch::Device& device, const std::function<void()>& work);
  ~RecordedWork();
  RecordedWork(const RecordedWork&) = delete;
  RecordedWork& operator=(const RecordedWork&) = delete;

  /// Starts it on the current stream; random numbers go on from the device's generator.
  void run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
