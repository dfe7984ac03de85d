#pragma once
#include <ATen/Parallel.h>

#include <cstdint>
#include <exception>

namespace bramble {

/// work(space, i) for every i in [0, count), on the threads of at::parallel_for; each takes the next task when it is
/// done with one, so that a thread which the system keeps waiting does not hold up the others (at::parallel_for gives
/// every thread its share beforehand). `make_space()`: what a thread needs for its tasks, made once. The first
/// exception is thrown again at the end. Not for use within a parallel region's work.
template <typename MakeSpace, typename Work>
void for_tasks(std::int64_t count, const MakeSpace& make_space, const Work& work) {
  std::exception_ptr failure;
  const auto some = [&](auto&& loop) {
    try {
      auto space = make_space();
      loop(space);
    } catch (...) {
#pragma omp critical(bramble_for_tasks)
      if (!failure) failure = std::current_exception();
    }
  };
  if (count <= 1 || at::get_num_threads() <= 1 || at::in_parallel_region()) {
    some([&](auto& space) {
      for (std::int64_t i = 0; i < count; ++i) work(space, i);
    });
  } else {
    std::int64_t next = 0;
#pragma omp parallel
    some([&](auto& space) {
      while (true) {
        std::int64_t i;
#pragma omp atomic capture
        i = next++;
        if (i >= count) return;
        work(space, i);
      }
    });
  }
  if (failure) std::rethrow_exception(failure);
}

/// The same without a space.
template <typename Work>
void for_tasks(std::int64_t count, const Work& work) {
  struct None {};
  for_tasks(
      count, [] { return None{}; }, [&](None&, std::int64_t i) { work(i); });
}

}  // namespace bramble
