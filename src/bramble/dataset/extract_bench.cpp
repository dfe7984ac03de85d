#include "bramble/dataset/extract_bench.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/dataset/extract.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

// A scratch folder that goes when it is not needed any more.
struct Scratch {
  fs::path path = fs::temp_directory_path() / fmt::format("bramble_bench_{}", ::getpid());
  Scratch() { fs::remove_all(path); }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

std::string shell_quoted(const fs::path& path) {
  std::string out = "'";
  for (char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

nlohmann::json bench_extract(const ExtractBenchOptions& options) {
  const Scratch scratch;
  double best_s = 1e300;
  std::uint64_t samples = 0;
  // Nothing is deleted before the end: file systems pass over inodes that were just freed, which would be measured too.
  const auto run_ours = [&](const char* name) {
    ExtractOptions extraction;
    extraction.bags = {options.bag};
    extraction.output = scratch.path / name;
    extraction.ontology = options.ontology;
    const auto begin = std::chrono::steady_clock::now();
    samples = extract(extraction).samples;
    best_s = std::min(best_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  };
  run_ours("ours");
  nlohmann::json out = {{"ratio", nullptr}, {"peer_samples_per_s", nullptr}, {"pixels_equal", nullptr}};
  const fs::path peer = scratch.path / "peer", result = scratch.path / "peer.json";
  const std::string command =
      fmt::format("{} {} {} {} > {} 2>/dev/null", shell_quoted(options.python), shell_quoted(options.peer_script),
                  shell_quoted(options.bag), shell_quoted(peer), shell_quoted(result));
  if (std::system(command.c_str()) == 0) {  // NOLINT: a benchmark starts its peer
    const auto figures = nlohmann::json::parse(read_text_file(result), nullptr, false);
    out["peer_samples_per_s"] = figures.at("samples_per_s");
    run_ours("ours_again");
    out["ratio"] = static_cast<double>(samples) / best_s / figures.at("samples_per_s").get<double>();
    // Both name files by stamp: compare every pixel.
    const Dataset ours = Dataset::open(scratch.path / "ours");
    bool equal = figures.at("samples") == samples;
    for (std::size_t i = 0; i < ours.size() && equal; ++i) {
      const auto name = fmt::format("{}.png", ours.samples()[i].stamp_ns);
      equal = ours.load_image(i) == read_image(peer / "images" / name, PixelFormat::kRgb) &&
              ours.load_label(i) == read_image(peer / "labels" / name, PixelFormat::kGrey);
    }
    out["pixels_equal"] = equal;
  } else {
    out["note"] = fmt::format(
        "the peer did not run: {} needs rosbags, numpy and opencv-python-headless (./bramble test installs them)",
        options.python.string());
  }
  out["samples"] = samples;
  out["threads"] = thread_count();
  out["ours_samples_per_s"] = static_cast<double>(samples) / best_s;
  return out;
}

}  // namespace bramble
