#if defined(BRAMBLE_GLOO) && !defined(USE_C10D_GLOO)
#define USE_C10D_GLOO
#endif
#if defined(BRAMBLE_NCCL) && !defined(USE_C10D_NCCL)
#define USE_C10D_NCCL
#endif
#include "bramble/train/process_group.hpp"

#include <torch/torch.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#if TORCH_VERSION_MAJOR >= 2
#include <torch/csrc/distributed/c10d/Backend.hpp>
#endif
#ifdef BRAMBLE_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef BRAMBLE_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

using Lookup = std::function<std::string(const char*)>;

int whole(const Lookup& variable, const char* name, int low, int high) {
  const std::string text = variable(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    fail("environment variable {}='{}' is not a whole number from {} to {}", name, text, low, high);
  return value;
}

// «node[03-07,11],login» → «node03».
std::string first_node(const std::string& list) {
  std::string name;
  for (std::size_t i = 0; i < list.size() && list[i] != ','; ++i) {
    if (list[i] != '[') {
      name += list[i];
      continue;
    }
    for (++i; i < list.size() && std::isdigit(static_cast<unsigned char>(list[i])); ++i) name += list[i];
    const std::size_t close = list.find(']', i);
    if (close == std::string::npos) break;
    i = close;
  }
  return name;
}

std::string first_line(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = torch_error ? torch_error->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace

ProcessPlace process_place(const Lookup& variable) {
  ProcessPlace place;
  const auto set = [&](const char* name) { return !variable(name).empty(); };
  const auto take = [&](const char* origin, const char* rank, const char* size) {
    place.origin = origin;
    place.size = whole(variable, size, 1, 65536);
    place.rank = whole(variable, rank, 0, 65535);
    if (place.rank >= place.size) fail("{}={} is not below {}={}", rank, place.rank, size, place.size);
  };
  bool one_machine = false;
  if (set("RANK") && set("WORLD_SIZE")) {
    take("torchrun", "RANK", "WORLD_SIZE");
  } else if (set("OMPI_COMM_WORLD_SIZE")) {
    take("mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
    one_machine = variable("OMPI_COMM_WORLD_LOCAL_SIZE") == variable("OMPI_COMM_WORLD_SIZE");
  } else if (set("PMI_SIZE") && set("PMI_RANK")) {
    take("mpirun", "PMI_RANK", "PMI_SIZE");
    one_machine = variable("MPI_LOCALNRANKS") == variable("PMI_SIZE");
  } else if (set("SLURM_STEP_NUM_TASKS")) {  // set by srun only, not in a batch script
    take("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS");
  }
  if (place.size == 1) return {};
  place.address = variable("MASTER_ADDR");
  if (place.address.empty() && place.origin == "srun") place.address = first_node(variable("SLURM_STEP_NODELIST"));
  if (place.address.empty() && one_machine) place.address = "127.0.0.1";
  if (place.address.empty())
    fail("{} started {} processes, but none is told where the first one is; set MASTER_ADDR to its machine",
         place.origin, place.size);
  if (set("MASTER_PORT")) {
    place.port = whole(variable, "MASTER_PORT", 1, 65535);
  } else {
    place.port = 29500;
    if (place.origin == "srun" && set("SLURM_JOB_ID"))
      place.port += whole(variable, "SLURM_JOB_ID", 0, INT32_MAX) % 1000;
  }
  return place;
}

struct ProcessGroup::Impl {
#if TORCH_VERSION_MAJOR >= 2
  using Backend = c10d::Backend;
#else
  using Backend = c10d::ProcessGroup;
#endif
  c10::intrusive_ptr<Backend> backend;
  torch::Device device;  // where it takes tensors

  Impl(const ProcessPlace& place, const torch::Device& wanted) : device(wanted) {
    c10d::TCPStoreOptions store_options;
    store_options.port = static_cast<std::uint16_t>(place.port);
    store_options.isServer = place.rank == 0;
    store_options.numWorkers = static_cast<std::size_t>(place.size);
    store_options.timeout = std::chrono::minutes(5);
    [[maybe_unused]] const auto store = [&]() -> c10::intrusive_ptr<c10d::Store> {
      return c10::make_intrusive<c10d::TCPStore>(place.address, store_options);
    };
#ifdef BRAMBLE_NCCL
    if (wanted.is_cuda()) {
      // wait() shall throw where a process is lost. Without this a watchdog ends our process with a dump of the stack.
      ::setenv("TORCH_NCCL_BLOCKING_WAIT", "1", 0);
      auto options = c10d::ProcessGroupNCCL::Options::create();
      options->timeout = kPatience;
      backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store(), place.rank, place.size, options);
      return;
    }
#endif
#ifdef BRAMBLE_GLOO
    device = torch::kCPU;
    auto options = c10d::ProcessGroupGloo::Options::create(kPatience);
    // A machine's own name need not resolve to an address that others reach; on one machine the loopback always works.
    const bool local = place.address == "127.0.0.1" || place.address == "localhost";
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    options->devices.push_back(interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                               : local   ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                         : c10d::ProcessGroupGloo::createDefaultDevice());
    backend = c10::make_intrusive<c10d::ProcessGroupGloo>(store(), place.rank, place.size, options);
#endif
    if (!backend)
      fail("this build has no {}", wanted.is_cuda() ? "NCCL; its headers (nccl.h) are in the wheel that PyTorch brings"
                                                    : "Gloo; install libgloo-dev and build with Debian's libtorch");
  }

  ~Impl() {
#ifdef BRAMBLE_NCCL
    if (device.is_cuda()) backend->shutdown();  // else it warns
#endif
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void sum(std::vector<at::Tensor> list) const {
    work([&] { backend->allreduce(list, {})->wait(); });
  }
  void broadcast(std::vector<at::Tensor> list) const {
    work([&] { backend->broadcast(list, {})->wait(); });
  }

 private:
  static constexpr std::chrono::milliseconds kPatience = std::chrono::minutes(30);

  template <typename Work>
  static void work(const Work& body) {
    try {
      body();
    } catch (const std::exception& error) {
      fail(
          "lost contact with another process of this training; the last whole epoch is kept, start all processes again "
          "to go on ({})",
          first_line(error));
    }
  }
};

namespace {

// Numbers as a tensor of their own, and back.
template <typename T>
torch::Tensor tensor_of(const std::vector<T>& values, torch::Dtype type) {
  torch::Tensor tensor = torch::empty({static_cast<std::int64_t>(values.size())}, type);
  std::memcpy(tensor.data_ptr(), values.data(), sizeof(T) * values.size());
  return tensor;
}
template <typename T>
std::vector<T> values_of(const torch::Tensor& tensor) {
  const torch::Tensor here = tensor.cpu();
  const T* first = static_cast<const T*>(here.data_ptr());
  return {first, first + here.numel()};
}

}  // namespace

ProcessGroup::ProcessGroup(const ProcessPlace& place, const c10::Device& device) : place_(place) {
  if (place.origin.empty()) return;
  try {
    impl_ = std::make_unique<Impl>(place, device);
  } catch (const std::exception& error) {
    fail("process {} of {}, started by {}, cannot meet the others at {}:{}: {}", place.rank, place.size, place.origin,
         place.address, place.port, first_line(error));
  }
}

void ProcessGroup::sum(std::vector<at::Tensor> tensors) {
  if (alone() || tensors.empty()) return;
  // One message instead of hundreds.
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> flat;
  for (const auto& tensor : tensors) flat.push_back(tensor.detach().reshape({-1}));
  const torch::Tensor all = torch::cat(flat).to(impl_->device);
  impl_->sum({all});
  std::int64_t at = 0;
  for (auto& tensor : tensors) {
    tensor.detach().copy_(all.slice(0, at, at + tensor.numel()).view(tensor.sizes()));
    at += tensor.numel();
  }
}

std::vector<double> ProcessGroup::sum(const std::vector<double>& values) {
  if (alone()) return values;
  const torch::Tensor tensor = tensor_of(values, torch::kDouble).to(impl_->device);
  impl_->sum({tensor});
  return values_of<double>(tensor);
}

std::vector<std::uint64_t> ProcessGroup::sum(const std::vector<std::uint64_t>& values) {
  if (alone()) return values;
  const torch::Tensor tensor = tensor_of(values, torch::kLong).to(impl_->device);
  impl_->sum({tensor});
  return values_of<std::uint64_t>(tensor);
}

std::string ProcessGroup::from_first(const std::string& bytes) {
  if (alone()) return bytes;
  const auto size = sum(std::vector<std::uint64_t>{first() ? bytes.size() : 0})[0];
  if (size == 0) return {};
  torch::Tensor tensor = torch::empty({static_cast<std::int64_t>(size)}, torch::kByte);
  if (first()) std::memcpy(tensor.data_ptr(), bytes.data(), size);
  tensor = tensor.to(impl_->device);
  impl_->broadcast({tensor});
  const torch::Tensor here = tensor.cpu();
  return {static_cast<const char*>(here.data_ptr()), size};
}

ProcessGroup::ProcessGroup() = default;
ProcessGroup::~ProcessGroup() = default;
ProcessGroup::ProcessGroup(ProcessGroup&&) noexcept = default;

}  // namespace bramble
