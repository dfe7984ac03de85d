#include "bramble/model/gpu_kernels.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#ifdef BRAMBLE_CUDA_HEADERS
#include <c10/cuda/CUDAStream.h>
#endif

#include "bramble/core/error.hpp"

namespace bramble {

#ifdef BRAMBLE_CUDA_HEADERS
namespace {

// The compiler and the driver, as far as they are needed: both hang on one small library of PyTorch's. Their C
// interfaces do not change; the headers would be two more packages to install.
struct Driver {
  int (*nvrtcCreateProgram)(void**, const char*, const char*, int, const char* const*, const char* const*);
  int (*nvrtcCompileProgram)(void*, int, const char* const*);
  int (*nvrtcDestroyProgram)(void**);
  int (*nvrtcGetProgramLogSize)(void*, std::size_t*);
  int (*nvrtcGetProgramLog)(void*, char*);
  int (*nvrtcGetCUBINSize)(void*, std::size_t*);
  int (*nvrtcGetCUBIN)(void*, char*);
  int (*cuCtxGetCurrent)(void**);
  int (*cuCtxSetCurrent)(void*);
  int (*cuCtxGetDevice)(int*);
  int (*cuDeviceGetAttribute)(int*, int, int);
  int (*cuModuleLoadData)(void**, const void*);
  int (*cuModuleGetFunction)(void**, void*, const char*);
  int (*cuLaunchKernel)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, cudaStream_t,
                        void**, void**);

  Driver() {
    constexpr const char* kLibrary = "libcaffe2_nvrtc.so";
    void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail("{}", dlerror());
    const auto find = [&](auto& function, const char* name) {
      void* const address = dlsym(library, name);
      if (!address) fail("{} has no {}", kLibrary, name);
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
    };
#define BRAMBLE_FIND(name) find(name, #name)
    BRAMBLE_FIND(nvrtcCreateProgram);
    BRAMBLE_FIND(nvrtcCompileProgram);
    BRAMBLE_FIND(nvrtcDestroyProgram);
    BRAMBLE_FIND(nvrtcGetProgramLogSize);
    BRAMBLE_FIND(nvrtcGetProgramLog);
    BRAMBLE_FIND(nvrtcGetCUBINSize);
    BRAMBLE_FIND(nvrtcGetCUBIN);
    BRAMBLE_FIND(cuCtxGetCurrent);
    BRAMBLE_FIND(cuCtxSetCurrent);
    BRAMBLE_FIND(cuCtxGetDevice);
    BRAMBLE_FIND(cuDeviceGetAttribute);
    BRAMBLE_FIND(cuModuleLoadData);
    BRAMBLE_FIND(cuModuleGetFunction);
    BRAMBLE_FIND(cuLaunchKernel);
#undef BRAMBLE_FIND
  }
};

const Driver& driver() {
  static const Driver instance;
  return instance;
}

void check(int status, const char* what) {
  if (status != 0) fail("{} failed with status {}", what, status);
}

std::vector<char> compiled(const std::string& architecture, bool bfloat16) {
  const Driver& cuda = driver();
  void* program = nullptr;
  check(cuda.nvrtcCreateProgram(&program, kGpuKernelsSource, "bramble.cu", 0, nullptr, nullptr), "NVRTC");
  const std::string target = "--gpu-architecture=" + architecture;
  const char* const options[] = {target.c_str(), bfloat16 ? "-DBF16=1" : "-DBF16=0", "--std=c++17", "-default-device"};
  const int status = cuda.nvrtcCompileProgram(program, 4, options);
  std::size_t size = 0;
  if (status != 0) {
    cuda.nvrtcGetProgramLogSize(program, &size);
    std::string log(size, ' ');
    cuda.nvrtcGetProgramLog(program, log.data());
    cuda.nvrtcDestroyProgram(&program);
    fail("NVRTC for {}: {}", architecture, log.substr(0, log.find('\n')));
  }
  check(cuda.nvrtcGetCUBINSize(program, &size), "NVRTC");
  std::vector<char> code(size);
  check(cuda.nvrtcGetCUBIN(program, code.data()), "NVRTC");
  cuda.nvrtcDestroyProgram(&program);
  return code;
}

}  // namespace

GpuKernels::GpuKernels(int device, bool bfloat16) : device_(device) {
  constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
  const Driver& cuda = driver();
  check(cuda.cuCtxGetCurrent(&context_), "cuCtxGetCurrent");
  int handle = 0, major = 0, minor = 0;
  check(cuda.cuCtxGetDevice(&handle), "cuCtxGetDevice");
  check(cuda.cuDeviceGetAttribute(&major, kMajor, handle), "cuDeviceGetAttribute");
  check(cuda.cuDeviceGetAttribute(&minor, kMinor, handle), "cuDeviceGetAttribute");
  const std::vector<char> code = compiled(fmt::format("sm_{}{}", major, minor), bfloat16);
  void* module = nullptr;
  check(cuda.cuModuleLoadData(&module, code.data()), "cuModuleLoadData");
  std::vector<std::string> names{"norm_sums",
                                 "norm_finish",
                                 "norm_apply",
                                 "norm_slope_sums",
                                 "norm_slope_finish",
                                 "norm_slope_apply",
                                 "depthwise_weight_finish"};
  for (const char* shape : {"3_1", "3_2", "5_1", "5_2"})
    for (const char* what : {"forward", "backward", "weight_sums"})
      names.push_back(fmt::format("depthwise_{}_{}", what, shape));
  for (const std::string& name : names)
    check(cuda.cuModuleGetFunction(&functions_[name], module, name.c_str()), name.c_str());
}

const GpuKernels* GpuKernels::of(const torch::Tensor& tensor) {
  const auto type = tensor.scalar_type();
  if (!tensor.is_cuda() || (type != torch::kFloat && type != torch::kBFloat16)) return nullptr;
  static std::mutex mutex;
  static std::map<std::pair<int, bool>, std::unique_ptr<const GpuKernels>> all;
  static bool failed = false;
  const std::lock_guard lock(mutex);
  if (failed) return nullptr;
  const std::pair<int, bool> key{tensor.get_device(), type == torch::kBFloat16};
  const auto found = all.find(key);
  if (found != all.end()) return found->second.get();
  try {
    return (all[key] = std::unique_ptr<const GpuKernels>(new GpuKernels(key.first, key.second))).get();
  } catch (const Error& error) {
    failed = true;
    spdlog::warn("the GPU trains with libtorch's kernels alone, which is slower ({})", error.what());
    return nullptr;
  }
}

void GpuKernels::launch(const char* kernel, Size grid, Size block, void** arguments) const {
  const Driver& cuda = driver();
  void* current = nullptr;
  check(cuda.cuCtxGetCurrent(&current), "cuCtxGetCurrent");
  if (!current) check(cuda.cuCtxSetCurrent(context_), "cuCtxSetCurrent");  // a thread of autograd's, at its first work
  const auto stream = c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_)).stream();
  check(cuda.cuLaunchKernel(functions_.at(kernel), grid[0], grid[1], 1, block[0], block[1], 1, 0, stream, arguments,
                            nullptr),
        kernel);
}

#else

const GpuKernels* GpuKernels::of(const torch::Tensor&) { return nullptr; }
void GpuKernels::launch(const char*, Size, Size, void**) const { fail("this build has no CUDA"); }

#endif

}  // namespace bramble
