#pragma once

namespace bramble {

/// How many threads libtorch computes with, from here on and in the whole process. Where it multiplies matrices with
/// OpenBLAS, that gets one thread: the networks' products are small, and threads of OpenBLAS's own pool, which wait by
/// spinning, would take a tenth of the processor from libtorch's.
void set_torch_threads(int threads);

}  // namespace bramble
