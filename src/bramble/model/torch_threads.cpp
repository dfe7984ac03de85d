#include "bramble/model/torch_threads.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace bramble {

void set_torch_threads(int threads) {
  at::set_num_threads(threads);
  // There when libtorch's BLAS is OpenBLAS.
  if (auto* set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(1);
}

}  // namespace bramble
