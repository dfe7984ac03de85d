#pragma once
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include <cstddef>

namespace bramble {

/// Limits every parallel_for of the process to this many threads (0: all the machine's). Call once, from main().
void set_thread_count(int threads);
/// How many threads parallel_for uses now.
int thread_count();

/// Runs body(i) for i in [0, count) on the pool. Results must not depend on the order or the number of threads.
template <typename Body>
void parallel_for(std::size_t count, const Body& body, std::size_t grain = 1) {
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count, grain),
                    [&](const tbb::blocked_range<std::size_t>& range) {
                      for (std::size_t i = range.begin(); i != range.end(); ++i) body(i);
                    });
}

}  // namespace bramble
