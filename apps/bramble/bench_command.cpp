// bramble bench: figures beside a peer or a limit, measured in the same run.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "bramble/bag/bag_bench.hpp"
#include "bramble/core/error.hpp"
#include "bramble/dataset/extract_bench.hpp"
#include "bramble/infer/infer_bench.hpp"
#include "bramble/live/latency_bench.hpp"
#include "bramble/render/render_bench.hpp"
#include "bramble/sim/simulation.hpp"
#include "bramble/train/train_bench.hpp"
#include "command.hpp"
#include "peer_python.hpp"
#include "sizes.hpp"

namespace bramble {

namespace {

void show(const nlohmann::json& figures, const CommonOptions& common) {
  for (const auto& [key, value] : figures.items())
    fmt::print("{:<24} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  write_json(common, figures);
}

// Time of a frame's physics and driver, nothing rendered.
double vehicle_step_ms(const OpenWorld& open) {
  constexpr int kFrames = 600;
  SimulationOptions options;
  options.topics = {"/clock"};
  const auto simulation = open.simulation(find_shipped("jeep", "config/vehicles", ".yaml"), options);
  simulation->advance();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kFrames; ++i) simulation->advance();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count() / kFrames;
}

}  // namespace

void add_bench_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::string scenario = "meadow", size = "1024x768", python;
    int frames = 12;
    std::filesystem::path bag, model;
    std::string network_size;
    int batch = 8;
    std::string device = "cpu", precision = "auto";
    bool record = true;
    BagBenchOptions bags;
    double megabytes = 400;
    LatencyBenchOptions latency;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("bench", "Figures beside a peer or a limit, measured in the same run");
  command->require_subcommand(1);
  command->footer("Examples:\n  bramble bench render --json render.json\n  bramble bench infer --model models/mine");

  auto* render = command->add_subcommand("render", "the labelled frame beside raw Embree traversal of the same rays");
  render->add_option("--scenario", options->scenario)->capture_default_str();
  render->add_option("--size", options->size)->capture_default_str();
  render->add_option("--frames", options->frames)->check(CLI::PositiveNumber)->capture_default_str();
  render->footer("Examples:\n  bramble bench render\n  bramble bench render --size 512x384 --frames 30");
  render->callback([options, &common] {
    CameraModel camera;
    std::tie(camera.width, camera.height) = parse_size(options->size);
    const Scenario scenario = load_scenario(find_shipped(options->scenario, "scenarios", ".yaml"), home_folder());
    const OpenWorld open = OpenWorld::open(scenario, 0, false);
    nlohmann::json figures = bench_render(*open.world, camera, options->frames);
    const double step_ms = vehicle_step_ms(open);
    figures["vehicle_step_ms"] = step_ms;
    figures["vehicle_over_frame"] = step_ms / figures.at("frame_ms").get<double>();
    show(figures, common);
  });

  auto* extract = command->add_subcommand("extract", "extraction beside Python rosbags + OpenCV on the same bag");
  extract->add_option("--bag", options->bag, "bag with pictures and labels")->required();
  extract->add_option("--python", options->python, "Python with rosbags, numpy and opencv (default: the tests' own)");
  extract->footer(
      "Examples:\n  bramble bench extract --bag bags/train\n  bramble bench extract --bag bags/train --json "
      "extract.json");
  extract->callback([options, &common] {
    ExtractBenchOptions bench;
    bench.bag = options->bag;
    bench.ontology = Ontology::load(find_shipped("bramble", "ontologies", ".yaml"));
    bench.python = peer_python(options->python);
    bench.peer_script = home_folder() / "bench" / "extract_peer.py";
    show(bench_extract(bench), common);
  });

  auto* bags = command->add_subcommand("bag", "writing and reading bags beside write(2), read(2) and Python rosbags");
  bags->add_option("--megabytes", options->megabytes, "of messages")->check(CLI::Range(1., 1e6))->capture_default_str();
  bags->add_option("--folder", options->bags.folder, "where the files go meanwhile (default: the temporary folder)");
  bags->add_option("--rounds", options->bags.rounds, "the best of so many counts")->check(CLI::PositiveNumber);
  bags->add_option("--python", options->python, "Python with rosbags (default: the tests' own)");
  bags->footer("Examples:\n  bramble bench bag\n  bramble bench bag --megabytes 2000 --folder /data --json bag.json");
  bags->callback([options, &common] {
    options->bags.bytes = static_cast<std::uint64_t>(options->megabytes * 1e6);
    options->bags.small_messages = static_cast<std::size_t>(options->megabytes * 500);
    options->bags.python = peer_python(options->python);
    options->bags.peer_script = home_folder() / "bench" / "bag_peer.py";
    show(bench_bag(options->bags), common);
  });

  auto* latency = command->add_subcommand("latency", "a picture of 3 MB to another process, beside CycloneDDS");
  latency->add_option("--messages", options->latency.messages)->check(CLI::PositiveNumber)->capture_default_str();
  latency->add_option("--rate", options->latency.rate_hz, "pictures a second")
      ->check(CLI::Range(0.1, 1e4))
      ->capture_default_str();
  latency->add_option("--python", options->python, "Python with cyclonedds (default: the tests' own)");
  latency->footer("Examples:\n  bramble bench latency\n  bramble bench latency --messages 1000 --rate 50");
  latency->callback([options, &common] {
    options->latency.python = peer_python(options->python);
    options->latency.peer_script = home_folder() / "bench" / "latency_peer.py";
    show(bench_latency(options->latency), common);
  });

  auto* train = command->add_subcommand("train", "training samples/s beside Python PyTorch on the same network");
  train->add_option("--size", options->network_size, "network input (default: 256x192)");
  train->add_option("--batch", options->batch)->check(CLI::PositiveNumber)->capture_default_str();
  train->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  train->add_option("--precision", options->precision, "f32, bf16, f16 (GPU), or auto: bf16 on a GPU, f32 elsewhere")
      ->capture_default_str();
  train->add_flag("!--no-recording", options->record, "start a GPU's kernels one by one instead of recording the step");
  train->add_option("--python", options->python, "Python with torch (default: the tests' own)");
  train->footer(
      "Examples:\n  bramble bench train\n  bramble bench train --size 512x384 --batch 4 --python venv/bin/python");
  train->callback([options, &common] {
    TrainBenchOptions bench;
    if (!options->network_size.empty()) std::tie(bench.width, bench.height) = parse_size(options->network_size);
    bench.batch = options->batch;
    bench.device = options->device;
    bench.precision = options->precision;
    bench.record = options->record;
    bench.python = peer_python(options->python, "perceptionmetrics");
    bench.peer_script = home_folder() / "bench" / "train_peer.py";
    show(bench_train(bench), common);
  });

  auto* infer =
      command->add_subcommand("infer", "latency of one picture beside libtorch, OpenVINO and PyTorch from Python");
  infer->add_option("--model", options->model, "model package (default: made-up weights)");
  infer->add_option("--python", options->python, "Python of the peers (default: the tests' own)");
  infer->footer("Examples:\n  bramble bench infer\n  bramble bench infer --model models/mine --python venv/bin/python");
  infer->callback([options, &common] {
    InferBenchOptions bench;
    if (!options->model.empty()) bench.model = find_model(options->model);
    bench.python = peer_python(options->python);
    bench.torch_python = peer_python(options->python, "perceptionmetrics");
    bench.peer_script = home_folder() / "bench" / "infer_peer.py";
    bench.openvino_folder = home_folder() / ".deps" / "openvino";
    show(bench_infer(bench), common);
  });
}

}  // namespace bramble
