#include "bramble/dataset/manifest.hpp"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/row_sorter.hpp"
#include "bramble/ros/sha256.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr const char* kName = "SHA256SUMS";
constexpr std::size_t kBlock = 4096;

// Every file below a folder in order of its path, folder after folder; names with a leading dot are the system's.
template <typename Take>
void walk(const fs::path& root, const fs::path& folder, const Take& take) {
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(root / folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    if (name.string().starts_with('.') || name.string().ends_with(".partial") || (folder.empty() && name == kName))
      continue;
    if (fs::is_directory(root / folder / name))
      walk(root, folder / name, take);
    else
      take(folder / name);
  }
}

}  // namespace

std::uint64_t write_manifest(const fs::path& folder) {
  LineFile file(folder / kName);
  std::vector<fs::path> block;
  std::uint64_t count = 0;
  Progress progress("computing checksums", 0);
  const auto flush = [&] {
    std::vector<std::string> digests(block.size());
    throw_if_interrupted();
    parallel_for(block.size(), [&](std::size_t i) { digests[i] = sha256_hex(read_file(folder / block[i])); });
    for (std::size_t i = 0; i < block.size(); ++i) file.line(digests[i] + "  " + block[i].string());
    count += block.size();
    progress.advance(block.size());
    block.clear();
  };
  walk(folder, {}, [&](const fs::path& path) {
    block.push_back(path);
    if (block.size() == kBlock) flush();
  });
  flush();
  file.finish();
  return count;
}

std::uint64_t check_manifest(const fs::path& folder, Problems& problems) {
  std::ifstream file(folder / kName);
  if (!file) return 0;
  struct Line {
    std::string digest, path, problem;
  };
  std::vector<Line> block;
  std::vector<std::size_t> named;  // hashes of the paths
  std::uint64_t number = 0;
  Progress progress("checking checksums", 0);
  const auto flush = [&] {
    throw_if_interrupted();
    parallel_for(block.size(), [&](std::size_t i) {
      std::error_code error;
      if (!fs::is_regular_file(folder / block[i].path, error))
        block[i].problem = "missing file";
      else if (sha256_hex(read_file(folder / block[i].path)) != block[i].digest)
        block[i].problem = "changed file";
    });
    for (const auto& line : block)
      if (!line.problem.empty()) problems.add(line.problem, fmt::format("{}: not as {} says", line.path, kName));
    progress.advance(block.size());
    block.clear();
  };
  for (std::string text; std::getline(file, text);) {
    ++number;
    if (text.size() < 67 || text.compare(64, 2, "  ") != 0) {
      problems.add("malformed list", fmt::format("{}:{}: expected «digest  path»", kName, number));
      continue;
    }
    block.push_back({text.substr(0, 64), text.substr(66), {}});
    named.push_back(std::hash<std::string>{}(block.back().path));
    if (block.size() == kBlock) flush();
  }
  flush();
  std::sort(named.begin(), named.end());
  walk(folder, {}, [&](const fs::path& path) {
    if (!std::binary_search(named.begin(), named.end(), std::hash<std::string>{}(path.string())))
      problems.add("unlisted file", fmt::format("{}: {} does not name it", path.string(), kName));
  });
  return number;
}

}  // namespace bramble
