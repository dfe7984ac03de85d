#include "bramble/infer/infer_bench.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/latency.hpp"
#include "bramble/infer/made_up_model.hpp"

namespace bramble {

namespace {

namespace fs = std::filesystem;

/// A folder that goes away with the object.
struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / fmt::format("bramble-bench-{}", getpid());
  TemporaryFolder() { fs::create_directories(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// A picture with areas and texture, so that labels are not one colour.
ImageU8 made_up_picture(int width, int height) {
  ImageU8 coarse(16, 12, 3);
  Random random(2, stream_of("bench picture"));
  for (std::uint8_t& byte : coarse.data) byte = static_cast<std::uint8_t>(random.below(256));
  ImageU8 picture = resize_picture(coarse, width, height);
  for (std::uint8_t& byte : picture.data) byte = static_cast<std::uint8_t>((byte * 7 + random.below(256)) / 8);
  return picture;
}

struct Timings {
  Latency total, prepare, network, label;
};

void measure(Engine& engine, const ImageU8& picture, int runs, Timings& timings) {
  for (int i = 0; i < 3; ++i) engine.segment(picture);  // warm caches, buffers and clock
  for (int i = 0; i < runs; ++i) {
    engine.segment(picture);
    const EngineTiming& timing = engine.last_timing();
    timings.total.add(timing.total_ms());
    timings.prepare.add(timing.prepare_ms);
    timings.network.add(timing.network_ms);
    timings.label.add(timing.label_ms);
  }
}

std::string quoted(const fs::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// What the peers measured, or an object with «error».
nlohmann::json run_peers(const InferBenchOptions& options, const fs::path& model, const fs::path& work,
                         const ImageU8& picture, int threads) {
  if (options.peer_script.empty() || !fs::exists(options.peer_script))
    return {{"error", "the peer script is not there"}};
  write_file_atomically(work / "picture.rgb", picture.data);
  const fs::path result = work / "peers.json";
  const std::string command = fmt::format(
      "{} {} --model {} --picture {} --width {} --height {} --runs {} --threads {} --labels {} --json {} > {} 2>&1",
      quoted(options.python), quoted(options.peer_script), quoted(model), quoted(work / "picture.rgb"), picture.width,
      picture.height, options.runs, threads, quoted(work / "labels.bin"), quoted(result), quoted(work / "peer.log"));
  const int status = std::system(command.c_str());  // NOLINT: arguments are quoted
  if (status != 0 || !fs::exists(result)) {
    std::string log = fs::exists(work / "peer.log") ? read_text_file(work / "peer.log") : "";
    while (!log.empty() && log.back() == '\n') log.pop_back();
    return {{"error", log.empty() ? "the peer script failed" : log.substr(log.find_last_of('\n') + 1)}};
  }
  return nlohmann::json::parse(read_text_file(result), nullptr, false);
}

}  // namespace

nlohmann::json bench_infer(const InferBenchOptions& options) {
  const TemporaryFolder work;
  fs::path model = options.model;
  if (model.empty()) {
    model = work.path / "model";
    ModelInfo info;
    info.width = options.width;
    info.height = options.height;
    info.history = nlohmann::json::array();
    std::vector<SemanticClass> classes;
    for (int k = 0; k < 7; ++k)
      classes.push_back({static_cast<ClassId>(k), fmt::format("class{}", k), {static_cast<std::uint8_t>(k), 0, 0}, k});
    info.ontology = Ontology("made up", std::move(classes));
    write_made_up_model(model, info);
  }
  const int threads = options.threads > 0 ? options.threads : thread_count();
  const auto float32 = Engine::open(model, {.threads = threads, .precision = Precision::kFloat32});
  auto fastest = Engine::open(model, {.threads = threads, .precision = Precision::kAuto});
  const bool has_bfloat16 = fastest->describe() != float32->describe();
  const ImageU8 picture = made_up_picture(float32->info().width, float32->info().height);

  Timings f32;
  Timings bf16;
  const auto measure_ours = [&] {
    measure(*float32, picture, options.runs, f32);
    if (has_bfloat16) measure(*fastest, picture, options.runs, bf16);
  };
  measure_ours();
  nlohmann::json peers = run_peers(options, model, work.path, picture, threads);
  measure_ours();

  const bool take_bf16 = has_bfloat16 && bf16.total.median() < f32.total.median();
  const Timings& ours = take_bf16 ? bf16 : f32;
  nlohmann::json figures{{"width", picture.width},
                         {"height", picture.height},
                         {"threads", threads},
                         {"engine", take_bf16 ? fastest->describe() : float32->describe()},
                         {"ours_ms", ours.total.median()},
                         {"ours_p95_ms", ours.total.quantile(0.95)},
                         {"prepare_ms", ours.prepare.median()},
                         {"network_ms", ours.network.median()},
                         {"label_ms", ours.label.median()},
                         {"f32_ms", f32.total.median()},
                         {"bf16_ms", has_bfloat16 ? nlohmann::json(bf16.total.median()) : nlohmann::json(nullptr)},
                         {"eager_ms", nullptr},
                         {"ratio_eager", nullptr},
                         {"ratio_eager_f32", nullptr},
                         {"agreement", nullptr},
                         {"peers", nlohmann::json::object()},
                         {"note", ""}};
  if (!peers.is_object() || peers.contains("error")) {
    const std::string reason = peers.is_object() ? peers["error"].get<std::string>() : "the peer wrote no JSON";
    figures["note"] = fmt::format("no comparison with PyTorch: {}", reason);
    spdlog::warn("inference benchmark: {}", figures["note"].get<std::string>());
    return figures;
  }
  figures["peers"] = peers;
  const double eager_ms = peers.at("torch_eager").at("ms");
  figures["eager_ms"] = eager_ms;
  figures["ratio_eager"] = eager_ms / ours.total.median();
  figures["ratio_eager_f32"] = eager_ms / f32.total.median();
  const auto labels = read_file(work.path / "labels.bin");
  const ImageU8 estimate = float32->segment(picture);
  if (labels.size() == estimate.data.size()) {
    std::size_t same = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) same += labels[i] == estimate.data[i];
    figures["agreement"] = static_cast<double>(same) / static_cast<double>(labels.size());
  }
  return figures;
}

}  // namespace bramble
