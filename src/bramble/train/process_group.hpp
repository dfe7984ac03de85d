#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace at {
class Tensor;
}
namespace c10 {
struct Device;
}

namespace bramble {

/// Where a process stands among those that train together.
struct ProcessPlace {
  int rank = 0, size = 1;
  std::string address;  ///< of rank 0
  int port = 0;
  std::string origin;  ///< who said so: torchrun, mpirun, srun; empty: nobody, one process
};

/// Reads the place from environment variables:
///   torchrun   RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT
///   mpirun     OMPI_COMM_WORLD_RANK and _SIZE (Open MPI) or PMI_RANK and PMI_SIZE (MPICH)
///   srun       SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_STEP_NODELIST
/// MASTER_ADDR and MASTER_PORT win wherever they are set; else the address is this machine where all processes run on
/// it, or the first node of the list, and the port 29500 plus the Slurm job's number modulo 1000. Throws Error when the
/// variables contradict each other or do not say where rank 0 is. `variable` returns the empty text for unset ones.
ProcessPlace process_place(const std::function<std::string(const char*)>& variable);

/// Processes that sum tensors, as PyTorch's DistributedDataParallel does: through c10d with NCCL for tensors on GPUs,
/// with Gloo over TCP for those on processors. All must make the same calls in the same order. A process that ends
/// makes the others' next call throw Error: at once with Gloo, after half an hour at most with NCCL.
class ProcessGroup {
 public:
  /// One process for itself.
  ProcessGroup();
  /// Waits up to five minutes for all to come; a place that nobody gave is one process for itself. `device`: what this
  /// process computes on. Throws Error, also where this build has neither NCCL nor Gloo for that device.
  ProcessGroup(const ProcessPlace& place, const c10::Device& device);
  ~ProcessGroup();
  ProcessGroup(ProcessGroup&&) noexcept;

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  bool alone() const { return !impl_; }
  bool first() const { return place_.rank == 0; }

  /// Replaces every float tensor by its sum over the processes.
  void sum(std::vector<at::Tensor> tensors);
  std::vector<double> sum(const std::vector<double>& values);
  std::vector<std::uint64_t> sum(const std::vector<std::uint64_t>& values);
  /// What the first process holds.
  std::string from_first(const std::string& bytes);

 private:
  struct Impl;
  ProcessPlace place_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
