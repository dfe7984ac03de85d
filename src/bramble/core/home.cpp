#include "bramble/core/home.hpp"

#include <cstdlib>

namespace bramble {

std::filesystem::path home_folder() {
  if (const char* home = std::getenv("BRAMBLE_HOME")) return home;
  std::error_code error;
  auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (; folder.has_relative_path(); folder = folder.parent_path())
    if (std::filesystem::exists(folder / "ontologies" / "bramble.yaml", error)) return folder;
  return std::filesystem::current_path();
}

}  // namespace bramble
