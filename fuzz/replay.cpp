// Gives a fuzzer's entry function its kept corpus without a fuzzer: each input as it is, cut, and with bytes changed by
// a seeded generator. Any crash or failed check ends the program, and names the input first.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bramble/core/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc != 2 || !fs::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  constexpr int kCuts = 40, kBent = 160;
  std::size_t inputs = 0, runs = 0;
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<std::uint8_t> whole((std::istreambuf_iterator<char>(file)), {});
    std::printf("%s: %zu bytes\n", entry.path().filename().c_str(), whole.size());
    std::fflush(stdout);
    ++inputs;
    // Of its own size on the heap, so that sanitizers see a step beyond the end.
    const auto run = [&](const std::vector<std::uint8_t>& bytes) {
      const std::vector<std::uint8_t> exact(bytes);
      LLVMFuzzerTestOneInput(exact.data(), exact.size());
      ++runs;
    };
    run(whole);
    if (whole.empty()) continue;
    bramble::Random random(7, inputs);
    const auto size = static_cast<std::uint32_t>(whole.size());
    for (int i = 0; i < kCuts; ++i) run({whole.begin(), whole.begin() + random.below(size)});
    for (int i = 0; i < kBent; ++i) {
      auto bent = whole;
      for (std::uint32_t n = 1 + random.below(6); n > 0; --n)
        bent[random.below(size)] = static_cast<std::uint8_t>(random.below(3) == 0 ? 0xFF : random.below(256));
      run(bent);
    }
  }
  std::printf("%zu inputs, %zu runs\n", inputs, runs);
  return inputs > 0 ? 0 : 1;
}
