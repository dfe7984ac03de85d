#pragma once

namespace bramble {

/// The most memory that the process has held so far [MB], as Linux counts it (VmHWM in proc(5)); 0 where the system
/// does not tell.
double peak_memory_mb();

}  // namespace bramble
