#include "bramble/model/torch_device.hpp"

#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <charconv>
#include <cstdlib>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {
namespace {

constexpr const char* kHow = "see «With a GPU» in docs/guide/training.md";

// Which of this machine's processes we are, for torchrun, Open MPI, MPICH and Slurm; empty where nobody started
// several.
std::string local_rank() {
  for (const char* name : {"LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"})
    if (const char* value = std::getenv(name)) return value;
  return {};
}

// Of "cuda", "cuda:3".
int gpu_index(const std::string& name) {
  std::string number = name.size() > 5 ? name.substr(5) : "";
  if (name == "cuda") number = local_rank();
  if (name != "cuda" && (name.size() < 6 || name[4] != ':')) return -1;
  if (number.empty()) return 0;
  int index = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  return error == std::errc() && end == number.data() + number.size() ? index : -1;
}

}  // namespace

torch::Device torch_device(const std::string& name) {
  if (name == "cpu" || (name == "auto" && !torch::cuda::is_available())) return torch::kCPU;
  const int index = name == "auto" ? gpu_index("cuda") : name.starts_with("cuda") ? gpu_index(name) : -1;
  if (index < 0) fail("device «{}» is unknown; there are auto, cpu, cuda and cuda:N", name);
  if (!torch::cuda::is_available())
    fail("device {}: this libtorch ({}) finds no CUDA GPU; {}, or use --device cpu", name, TORCH_VERSION, kHow);
  const int count = static_cast<int>(torch::cuda::device_count());
  if (index >= count) fail("device {}: there are {} GPUs here, the first is cuda:0", name, count);
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

void wait_for(const torch::Device& device) {
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
}

std::string describe(const torch::Device& device) {
  if (device.is_cuda()) return fmt::format("libtorch {}, GPU {}", TORCH_VERSION, static_cast<int>(device.index()));
  return fmt::format("libtorch {}, {} thread{}", TORCH_VERSION, thread_count(), thread_count() == 1 ? "" : "s");
}

}  // namespace bramble
