#include "bramble/core/parallel.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>

#include <memory>

namespace bramble {
namespace {
std::unique_ptr<tbb::global_control> g_limit;  // NOLINT: TBB's own process-wide limit
}

void set_thread_count(int threads) {
  g_limit.reset();
  if (threads > 0)
    g_limit = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, threads);
}

int thread_count() {
  return static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

}  // namespace bramble
