#include "bramble/infer/infer_bench.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/latency.hpp"
#include "bramble/infer/made_up_model.hpp"
#include "bramble/infer/openvino_export.hpp"

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

struct Candidate {
  std::unique_ptr<Engine> engine;
  Latency total, prepare, network, label;
};
using Candidates = std::map<std::string, Candidate>;  // by precision, and «libtorch»

/// All in turns, so that whatever else the machine does meets them alike; `runs` times, or fewer (5 at least) when that
/// takes longer than 15 s.
void measure(Candidates& candidates, const ImageU8& picture, int runs) {
  const auto begin = std::chrono::steady_clock::now();
  for (auto& [name, candidate] : candidates) candidate.engine->segment(picture);  // compiles, allocates
  for (int i = 0; i < runs; ++i) {
    if (i >= 5 && std::chrono::steady_clock::now() - begin > std::chrono::seconds(15)) return;
    for (auto& [name, candidate] : candidates) {
      candidate.engine->segment(picture);  // each follows another's caches
      candidate.engine->segment(picture);
      const EngineTiming& timing = candidate.engine->last_timing();
      candidate.total.add(timing.total_ms());
      candidate.prepare.add(timing.prepare_ms);
      candidate.network.add(timing.network_ms);
      candidate.label.add(timing.label_ms);
    }
  }
}

/// Pictures a second when many are there at once.
double throughput(const fs::path& model, Precision precision, int threads, const ImageU8& picture, int pictures) {
  const auto engine = Engine::open(model, {.threads = threads, .precision = precision, .streams = threads});
  const PictureView view{picture.width, picture.height, 3, static_cast<std::size_t>(picture.width) * 3, picture.data};
  engine->segment_all(std::vector<PictureView>(static_cast<std::size_t>(threads) * 2, view));
  const std::vector<PictureView> views(static_cast<std::size_t>(pictures), view);
  const auto begin = std::chrono::steady_clock::now();
  engine->segment_all(views);
  return pictures / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double agreement(const ImageU8& labels, std::span<const std::uint8_t> others) {
  std::size_t same = 0;
  for (std::size_t i = 0; i < labels.data.size(); ++i) same += labels.data[i] == others[i] ? 1 : 0;
  return static_cast<double>(same) / static_cast<double>(labels.data.size());
}

std::string quoted(const fs::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// What these peers (names with commas between) measured in a Python, or an object with «error».
nlohmann::json run_peers_in(const fs::path& python, const std::string& peers, const InferBenchOptions& options,
                            const fs::path& model, const fs::path& work, const ImageU8& picture, int threads) {
  const fs::path result = work / "peers.json";
  const fs::path onnx = options.onnx.empty() ? model / "model.onnx" : options.onnx;
  std::string command = fmt::format(
      "{} {} --peers {} --model {} --picture {} --width {} --height {} --runs {} --threads {} --labels {} --json {} "
      "--openvino-ir "
      "{}",
      quoted(python), quoted(options.peer_script), peers, quoted(model), quoted(work / "picture.rgb"), picture.width,
      picture.height, options.runs, threads, quoted(work / "labels"), quoted(result), quoted(work / "network.xml"));
  if (!options.openvino_folder.empty()) command += " --openvino-folder " + quoted(options.openvino_folder);
  if (fs::exists(onnx)) command += " --onnx " + quoted(onnx);
  command += fmt::format(" > {} 2>&1", quoted(work / "peer.log"));
  const int status = std::system(command.c_str());  // NOLINT: arguments are quoted
  if (status != 0 || !fs::exists(result)) {
    std::string log = fs::exists(work / "peer.log") ? read_text_file(work / "peer.log") : "";
    while (!log.empty() && log.back() == '\n') log.pop_back();
    return {{"error", log.empty() ? "the peer script failed" : log.substr(log.find_last_of('\n') + 1)}};
  }
  auto figures = nlohmann::json::parse(read_text_file(result), nullptr, false);
  fs::remove(result);
  return figures;
}

/// What the peers measured, or an object with «error».
nlohmann::json run_peers(const InferBenchOptions& options, const fs::path& model, const fs::path& work,
                         const ImageU8& picture, int threads) {
  if (options.peer_script.empty() || !fs::exists(options.peer_script))
    return {{"error", "the peer script is not there"}};
  write_file_atomically(work / "picture.rgb", picture.data);
  export_openvino(model, work / "network.xml");
  const auto run = [&](const fs::path& python, const std::string& peers) {
    return run_peers_in(python, peers, options, model, work, picture, threads);
  };
  if (options.torch_python.empty() || options.torch_python == options.python)
    return run(options.python, "torch_eager,openvino_python,onnxruntime");
  auto figures = run(options.python, "openvino_python,onnxruntime");
  const auto torch = run(options.torch_python, "torch_eager");
  if (!figures.is_object() || figures.contains("error")) return torch;
  figures["torch_eager"] = torch.is_object() && torch.contains("torch_eager")
                               ? torch["torch_eager"]
                               : nlohmann::json{{"ms", nullptr}, {"network_ms", nullptr}, {"why", "it did not run"}};
  return figures;
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
  Candidates candidates;
  std::map<std::string, Precision> precisions{{"f32", Precision::kFloat32}};
  if (Engine::open(model, {.threads = threads, .precision = Precision::kAuto})->describe().find("bf16") !=
      std::string::npos)
    precisions["bf16"] = Precision::kBfloat16;
  if (fs::exists(model / "quantization.json")) precisions["int8"] = Precision::kInt8;
  for (const auto& [name, precision] : precisions)
    candidates[name].engine = Engine::open(model, {.threads = threads, .precision = precision});
  candidates["libtorch"].engine = Engine::open(model, {.threads = threads, .device = Device::kCpuTorch});
  const ModelInfo& info = candidates["f32"].engine->info();
  const ImageU8 picture = made_up_picture(info.width, info.height);

  measure(candidates, picture, (options.runs + 1) / 2);
  const nlohmann::json peers = run_peers(options, model, work.path, picture, threads);
  measure(candidates, picture, (options.runs + 1) / 2);

  std::string fastest = "f32";
  for (const auto& [name, precision] : precisions)
    if (candidates[name].total.median() < candidates[fastest].total.median()) fastest = name;
  const Candidate& ours = candidates[fastest];
  const Candidate& float32 = candidates["f32"];
  const Candidate& eager = candidates["libtorch"];
  const ImageU8 labels = float32.engine->segment(picture);
  nlohmann::json figures{{"width", picture.width},
                         {"height", picture.height},
                         {"threads", threads},
                         {"engine", ours.engine->describe()},
                         {"ours_ms", ours.total.median()},
                         {"ours_p95_ms", ours.total.quantile(0.95)},
                         {"prepare_ms", ours.prepare.median()},
                         {"network_ms", ours.network.median()},
                         {"label_ms", ours.label.median()},
                         {"streams", threads},
                         {"pictures_per_s", throughput(model, precisions[fastest], threads, picture, options.runs)},
                         {"libtorch_eager_ms", eager.total.median()},
                         {"ratio_libtorch", eager.total.median() / ours.total.median()},
                         {"ratio_libtorch_f32", eager.total.median() / float32.total.median()},
                         {"agreement_libtorch", agreement(labels, eager.engine->segment(picture).data)},
                         {"peers", nlohmann::json::object()},
                         {"note", ""}};
  for (const char* key : {"eager_ms", "ratio_eager", "ratio_eager_f32", "agreement", "ratio_openvino_f32",
                          "ratio_openvino_bf16", "ratio_onnxruntime", "agreement_openvino"})
    figures[key] = nullptr;
  for (const char* name : {"f32", "bf16", "int8"}) {
    const auto found = candidates.find(name);
    figures[std::string(name) + "_ms"] =
        found == candidates.end() ? nlohmann::json(nullptr) : nlohmann::json(found->second.total.median());
    figures[std::string(name) + "_network_ms"] =
        found == candidates.end() ? nlohmann::json(nullptr) : nlohmann::json(found->second.network.median());
  }
  if (!peers.is_object() || peers.contains("error")) {
    const std::string reason = peers.is_object() ? peers["error"].get<std::string>() : "the peer wrote no JSON";
    figures["note"] = fmt::format("no comparison with Python: {}", reason);
    spdlog::warn("inference benchmark: {}", figures["note"].get<std::string>());
    return figures;
  }
  figures["peers"] = peers;
  const auto peer_ms = [&](const char* name, const char* key) -> std::optional<double> {
    if (!peers.contains(name) || !peers[name].contains(key) || !peers[name][key].is_number()) return std::nullopt;
    return peers[name][key].get<double>();
  };
  const auto ratio = [&](const char* figure, const std::optional<double>& theirs, const char* candidate) {
    const auto found = candidates.find(candidate);
    if (theirs && found != candidates.end()) figures[figure] = *theirs / found->second.network.median();
  };
  ratio("ratio_openvino_f32", peer_ms("openvino_python", "f32_network_ms"), "f32");
  ratio("ratio_openvino_bf16", peer_ms("openvino_python", "bf16_network_ms"), "bf16");
  ratio("ratio_onnxruntime", peer_ms("onnxruntime", "network_ms"), "f32");
  if (const auto eager_ms = peer_ms("torch_eager", "ms")) {
    figures["eager_ms"] = *eager_ms;
    figures["ratio_eager"] = *eager_ms / ours.total.median();
    figures["ratio_eager_f32"] = *eager_ms / float32.total.median();
  }
  for (const auto& [figure, extension] : {std::pair("agreement", ".torch"), {"agreement_openvino", ".openvino"}}) {
    const fs::path file = (work.path / "labels").string() + extension;
    if (!fs::exists(file)) continue;
    const auto others = read_file(file);
    if (others.size() == labels.data.size()) figures[figure] = agreement(labels, others);
  }
  for (const auto& [name, peer] : peers.items())
    if (peer.contains("why"))
      figures["note"] =
          fmt::format("{}{}{}: {}", figures["note"].get<std::string>(),
                      figures["note"].get<std::string>().empty() ? "" : "; ", name, peer["why"].get<std::string>());
  return figures;
}

std::string bench_to_text(const nlohmann::json& figures) {
  const auto number = [](const nlohmann::json& value, const char* unit) {
    return value.is_number() ? fmt::format("{:9.2f}{}", value.get<double>(), unit) : fmt::format("{:>9}", "–");
  };
  std::string text = fmt::format("{}x{}, {} threads; ms, medians\n{:<28}{:>9}{:>9}\n", figures["width"].get<int>(),
                                 figures["height"].get<int>(), figures["threads"].get<int>(), "", "whole", "network");
  for (const char* name : {"f32", "bf16", "int8"})
    text += fmt::format("{:<28}{}{}\n", fmt::format("engine {}", name), number(figures[std::string(name) + "_ms"], ""),
                        number(figures[std::string(name) + "_network_ms"], ""));
  text += fmt::format("{:<28}{}\n", "libtorch eager (C++) f32", number(figures["libtorch_eager_ms"], ""));
  const auto peer = [&](const char* title, const char* name, const char* whole, const char* network) {
    const auto& peers = figures["peers"];
    const auto value = [&](const char* key) {
      return peers.contains(name) ? peers[name].value(key, nlohmann::json(nullptr)) : nlohmann::json(nullptr);
    };
    text += fmt::format("{:<28}{}{}\n", title, number(value(whole), ""), number(value(network), ""));
  };
  peer("PyTorch eager f32", "torch_eager", "ms", "network_ms");
  peer("OpenVINO from Python f32", "openvino_python", "ms", "f32_network_ms");
  peer("OpenVINO from Python bf16", "openvino_python", "ms", "bf16_network_ms");
  peer("ONNX Runtime f32", "onnxruntime", "ms", "network_ms");
  text += fmt::format("fastest: {}; {:.1f} times libtorch eager; {:.1f} pictures a second with {} streams\n",
                      figures["engine"].get<std::string>(), figures["ratio_libtorch"].get<double>(),
                      figures["pictures_per_s"].get<double>(), figures["streams"].get<int>());
  text += fmt::format("same class as f32: libtorch {:.4f} of the pixels", figures["agreement_libtorch"].get<double>());
  if (figures["agreement_openvino"].is_number())
    text += fmt::format(", OpenVINO from Python {:.4f}", figures["agreement_openvino"].get<double>());
  text += "\n";
  if (const auto note = figures["note"].get<std::string>(); !note.empty()) text += "not measured: " + note + "\n";
  return text;
}

}  // namespace bramble
