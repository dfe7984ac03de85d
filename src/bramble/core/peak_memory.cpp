#include "bramble/core/peak_memory.hpp"

#include <fstream>
#include <string>

namespace bramble {

double peak_memory_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024e-6;
  return 0;
}

}  // namespace bramble
