#include "bramble/model/recorded_work.hpp"

#ifdef BRAMBLE_CUDA_HEADERS
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/StreamGuard.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include "bramble/core/error.hpp"
#include "bramble/model/torch_device.hpp"

namespace bramble {

#ifdef BRAMBLE_CUDA_HEADERS

bool RecordedWork::possible() { return true; }

struct RecordedWork::Impl {
  at::cuda::CUDAGraph graph;
};

RecordedWork::RecordedWork(const torch::Device& device, const std::function<void()>& work)
    : impl_(std::make_unique<Impl>()) {
  wait_for(device);
  // The recording has memory of its own: what the same work took before is given back first.
  c10::cuda::CUDACachingAllocator::emptyCache();
  // The default stream cannot be recorded.
  const c10::StreamGuard guard(c10::cuda::getStreamFromPool(false, device.index()).unwrap());
  // Other threads, which load the next batch, may go on asking CUDA for memory.
  impl_->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  try {
    work();
  } catch (...) {
    try {
      impl_->graph.capture_end();
    } catch (const c10::Error&) {  // the first error says more
    }
    throw;
  }
  impl_->graph.capture_end();
  wait_for(device);
}

void RecordedWork::run() { impl_->graph.replay(); }

#else

bool RecordedWork::possible() { return false; }
struct RecordedWork::Impl {};
RecordedWork::RecordedWork(const torch::Device&, const std::function<void()>&) {
  fail("this build cannot record a GPU's work");
}
void RecordedWork::run() {}

#endif

RecordedWork::~RecordedWork() = default;

}  // namespace bramble
