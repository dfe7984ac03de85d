// bramble infer: label pictures, a bag, the simulation or live ROS 2 topics with a model.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/eval/evaluation.hpp"
#include "bramble/eval/run_report.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/infer_bench.hpp"
#include "bramble/infer/live_inference.hpp"
#include "bramble/infer/mask_writer.hpp"
#include "bramble/infer/node.hpp"
#include "bramble/infer/picture_message.hpp"
#include "bramble/live/ros_sink.hpp"
#include "command.hpp"
#include "drive_options.hpp"
#include "peer_python.hpp"
#include "ros_options.hpp"

namespace bramble {

namespace {

struct InferOptions {
  std::filesystem::path model;
  std::vector<std::filesystem::path> images;
  std::filesystem::path bag;
  std::string source;
  bool bench = false;
  std::string python;
  std::filesystem::path output, record, report;
  std::string precision = "auto", device = "cpu";
  EngineOptions engine;
  NodeOptions node;
  std::vector<std::string> probability_of;
  std::string label_topic = "/carla/hero/semantic_segmentation_front/image";
  bool no_score = false;
  bool ros_output = false;  // publish for a bag or simulation, too
  RosNodeOptions ros;
  LiveInferenceOptions live;
  DriveOptions drive;
};

void print_latency(const std::string& what, const Latency& latency) {
  fmt::print("{:<10} median {:6.1f} ms   p95 {:6.1f} ms   max {:6.1f} ms\n", what, latency.median(),
             latency.quantile(0.95), latency.maximum());
}

nlohmann::json infer_images(const InferOptions& options, Engine& engine) {
  const auto files = list_pictures(options.images);
  const MaskWriter writer(options.output, engine.ontology());
  const auto begin = std::chrono::steady_clock::now();
  Latency latency;
  Latency network;
  // One by one for the shortest way of each; in handfuls when streams or batches shall be busy.
  const bool in_handfuls = options.engine.streams * options.engine.batch > 1;
  const std::size_t handful =
      in_handfuls ? 4 * static_cast<std::size_t>(options.engine.streams) * options.engine.batch : 1;
  {
    Progress progress("infer", files.size());
    for (std::size_t first = 0; first < files.size(); first += handful) {
      throw_if_interrupted();
      const std::size_t count = std::min(handful, files.size() - first);
      std::vector<ImageU8> pictures(count), labels;
      parallel_for(count, [&](std::size_t i) { pictures[i] = read_image(files[first + i], PixelFormat::kRgb); });
      if (in_handfuls) {
        std::vector<PictureView> views;
        for (const ImageU8& picture : pictures)
          views.push_back(
              {picture.width, picture.height, 3, static_cast<std::size_t>(picture.width) * 3, picture.data});
        labels = engine.segment_all(views);
      } else {
        labels.push_back(engine.segment(pictures.front()));
        latency.add(engine.last_timing().total_ms());
        network.add(engine.last_timing().network_ms);
      }
      if (!options.output.empty())
        for (std::size_t i = 0; i < count; ++i) writer.write(files[first + i].stem().string(), pictures[i], labels[i]);
      progress.advance(count);
    }
  }
  const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double rate = static_cast<double>(files.size()) / elapsed_s;
  fmt::print("{} pictures, {:.1f} a second{}\n", files.size(), rate,
             options.output.empty() ? "" : " with reading and writing");
  if (in_handfuls) return {{"frames", files.size()}, {"pictures_per_s", rate}};
  print_latency("latency", latency);
  print_latency("network", network);
  return {{"frames", files.size()},
          {"pictures_per_s", rate},
          {"latency", latency.to_json()},
          {"network_latency", network.to_json()}};
}

void print_score(const SegmentationNode& node) {
  if (node.frames_scored() == 0) return;
  const auto percent_of = [](const std::optional<double>& value) { return 100 * value.value_or(0.0); };
  fmt::print("accuracy   {:.2f} %   mIoU {:.2f} %   over {} frames with true labels\n",
             percent_of(node.score().accuracy()), percent_of(node.score().mean_iou()), node.frames_scored());
}

// What a stream of pictures is labelled into: pictures in a folder, a bag, live topics, a report.
class Outputs {
 public:
  Outputs(const InferOptions& options, Engine& engine, const std::string& source_name, bool live)
      : options_(options), writer_(options.output, engine.ontology()) {
    std::vector<Sink*> sinks;
    if (live || options.ros_output) {
      ros_ = std::make_unique<RosNode>(options.ros);
      for (const TopicInfo& topic : topics_of(options.node, engine.ontology())) ros_->advertise(topic);
      ros_sink_.emplace(*ros_);
      sinks.push_back(&*ros_sink_);
    }
    if (!options.record.empty()) {
      bag_ = std::make_unique<BagWriter>(options.record);
      sinks.push_back(bag_.get());
    }
    if (!sinks.empty()) all_.emplace(sinks);
    if (!options.report.empty())
      report_.emplace(options.report, engine.ontology(),
                      RunReportOptions{.title = source_name,
                                       .facts = {{"model", options.model.string()}, {"engine", engine.describe()}}});
  }

  Sink* sink() { return all_ ? &*all_ : nullptr; }
  RosNode& ros() { return *ros_; }

  void listen(SegmentationNode& node, const Simulation* drive) {
    const auto report_frame = [this, drive](const SegmentedFrame& frame, const ImageU8* truth) {
      if (!report_) return;
      PictureMessage picture(*frame.message);
      RunFrame entry{.stamp_ns = frame.stamp_ns,
                     .picture = &picture.rgb(),
                     .truth = truth,
                     .estimate = frame.labels,
                     .confidence = frame.confidence,
                     .latency_ms = frame.latency_ms};
      if (drive) entry.values.emplace_back("Speed, m/s", drive->frame().state.speed_mps());
      report_->add(entry);
    };
    node.on_frame([this, report_frame](const SegmentedFrame& frame) {
      if (!options_.output.empty())
        writer_.write(fmt::format("frame_{:06d}", frame.index), PictureMessage(*frame.message).rgb(), *frame.labels);
      if (options_.node.label_topic.empty()) report_frame(frame, nullptr);
    });
    node.on_scored([report_frame](const SegmentedFrame& frame, const ImageU8& truth) { report_frame(frame, &truth); });
  }

  void close() {
    if (all_) all_->close();
    if (report_ && report_->frames() > 0) {
      report_->finish();
      fmt::print("report: {}\n", (options_.report / "index.html").string());
    }
  }

 private:
  const InferOptions& options_;
  MaskWriter writer_;
  std::unique_ptr<RosNode> ros_;
  std::optional<RosSink> ros_sink_;
  std::unique_ptr<BagWriter> bag_;
  std::optional<FanOut> all_;
  std::optional<RunReport> report_;
};

nlohmann::json infer_live(InferOptions& options, Engine& engine) {
  if (!options.no_score) options.node.label_topic = options.label_topic;
  options.live.frames = options.node.max_frames = static_cast<std::uint64_t>(options.drive.simulation.frames);
  options.ros.queue = options.live.every_frame ? 4000 : 100;
  Outputs outputs(options, engine, "live " + options.node.image_topic, true);
  SegmentationNode node(engine, options.node, outputs.sink());
  outputs.listen(node, nullptr);
  LiveInferenceResult result;
  {
    Progress progress("infer", options.live.frames);
    result = run_live_inference(outputs.ros(), node, options.node, options.live,
                                [&] { progress.advance(1, node.to_text()); });
  }
  outputs.close();
  fmt::print("{} frames, {} skipped for newer ones{}{}\n", node.frames(), result.skipped,
             result.unreadable > 0 ? fmt::format(", {} unreadable", result.unreadable) : "",
             result.dropped > 0 ? fmt::format(", {} messages lost to a full queue", result.dropped) : "");
  if (node.frames() > 0) {
    print_latency("latency", node.latency());
    print_latency("network", node.network_latency());
  }
  print_score(node);
  nlohmann::json figures = node.to_json();
  figures["unreadable"] = result.unreadable;
  figures["dropped"] = result.dropped;
  return figures;
}

nlohmann::json infer_stream(InferOptions& options, Engine& engine) {
  std::unique_ptr<Source> source;
  std::string source_name;
  const Simulation* simulation_source = nullptr;
  if (!options.bag.empty()) {
    source_name = options.bag.string();
    source = std::make_unique<BagReader>(options.bag);
  } else {
    if (!options.source.starts_with("sim:"))
      fail("there is no source '{}'; sources: sim:SCENARIO (for example sim:meadow), ros, or --bag", options.source);
    source_name = options.source;
    auto& simulation = options.drive.simulation;
    simulation.topics = {options.node.image_topic};
    if (!options.no_score) simulation.topics.push_back(options.label_topic);
    if (simulation.frames == 0 && !simulation.driver.starts_with("trace:")) simulation.frames = 200;
    auto drive = start_drive(options.source.substr(4), options.drive);
    if (!options.no_score)
      require_same_classes(options.model.string(), engine.ontology(), "the world of " + options.source,
                           drive->world().ontology);
    simulation_source = drive.get();
    source = std::move(drive);
  }
  const auto topics = source->topics();
  require_topics(topics, {options.node.image_topic}, source_name);
  std::vector<std::string> wanted{options.node.image_topic};
  for (const TopicInfo& topic : topics)
    if (!options.no_score && topic.name == options.label_topic) {
      options.node.label_topic = topic.name;
      wanted.push_back(topic.name);
    }
  if (!options.bag.empty()) source = std::make_unique<BagReader>(options.bag, wanted);

  const auto limit = static_cast<std::uint64_t>(options.drive.simulation.frames);
  options.node.max_frames = limit;
  Outputs outputs(options, engine, source_name, false);
  SegmentationNode node(engine, options.node, outputs.sink());
  outputs.listen(node, simulation_source);
  {
    Progress progress("infer", limit);
    Sink* const sinks[] = {&node};
    // After the last picture its true label may still come, within the next two messages.
    int after = 0;
    pump(*source, sinks, [&](const Message& message) {
      if (message.topic.name == options.node.image_topic) progress.advance(1, node.to_text());
      if (limit == 0 || node.frames() < limit) return true;
      return !options.node.label_topic.empty() && node.frames_scored() < limit && after++ < 2;
    });
  }
  if (node.frames() == 0) fail("{}: topic {} held no pictures", source_name, options.node.image_topic);
  outputs.close();
  fmt::print("{} frames\n", node.frames());
  print_latency("latency", node.latency());
  print_latency("network", node.network_latency());
  print_score(node);
  return node.to_json();
}

nlohmann::json infer_bench(const InferOptions& options, const CommonOptions& common) {
  InferBenchOptions bench;
  bench.model = find_model(options.model);
  bench.threads = common.threads;
  bench.python = peer_python(options.python);
  bench.torch_python = peer_python(options.python, "perceptionmetrics");
  bench.peer_script = home_folder() / "bench" / "infer_peer.py";
  bench.openvino_folder = home_folder() / ".deps" / "openvino";
  nlohmann::json figures = bench_infer(bench);
  fmt::print("{}", bench_to_text(figures));
  return figures;
}

}  // namespace

void add_infer_command(CLI::App& app, CommonOptions& common) {
  auto options = std::make_shared<InferOptions>();
  auto* cmd = app.add_subcommand("infer", "Label pictures, a bag or a running simulation with a model");
  cmd->add_option("--model", options->model, "model package, or default: the one that ships")->required();
  auto* input = cmd->add_option_group("input", "what to label");
  input->add_option("--image", options->images, "pictures (PNG, JPEG) or folders of them");
  input->add_option("--bag", options->bag, "rosbag2 bag");
  input->add_option("--source", options->source, "running source: sim:SCENARIO, or ros for live topics");
  input->add_flag("--bench", options->bench, "latency and throughput of the model here, beside other runtimes");
  input->require_option(1);
  cmd->add_option("-o,--output", options->output, "folder for masks/, color/ and overlay/");
  cmd->add_option("--record", options->record, "also record the masks as topics in this new bag");
  cmd->add_option("--report", options->report, "also write a report of the run into this folder: page with video");
  cmd->add_option("--topic", options->node.image_topic, "pictures of a bag or source")->capture_default_str();
  cmd->add_option("--label-topic", options->label_topic, "true labels to score against, when there")
      ->capture_default_str();
  cmd->add_flag("--no-score", options->no_score, "leave true labels alone");
  cmd->add_option("--probability", options->probability_of, "also give each pixel's probability of these classes");
  cmd->add_option("--precision", options->precision, "f32, bf16, int8, or auto: bf16 where the processor has it")
      ->capture_default_str();
  cmd->add_option("--device", options->device, "cpu (OpenVINO), cuda or cpu-torch (libtorch)")->capture_default_str();
  cmd->add_option("--streams", options->engine.streams, "with --image: so many pictures side by side")
      ->check(CLI::Range(1, 256));
  cmd->add_option("--batch", options->engine.batch, "with --image: so many pictures at once")
      ->check(CLI::Range(1, 256));
  cmd->add_flag("--ros", options->ros_output, "publish the masks of a bag or simulation as live topics, too");
  cmd->add_flag("--every-frame", options->live.every_frame,
                "with --source ros: label every picture in turn instead of the newest");
  cmd->add_option("--duration", options->live.duration_s, "with --source ros: end after so many seconds")
      ->check(CLI::PositiveNumber);
  cmd->add_option("--python", options->python, "with --bench: Python of the peers (default: the tests' own)");
  options->ros.name = "bramble_segmentation";
  add_ros_options(*cmd, options->ros);
  add_drive_options(*cmd, options->drive);
  cmd->footer(
      "With --source ros the newest picture is labelled and older ones are skipped, until --frames, --duration or\n"
      "Ctrl-C; masks, confidence and score go out as topics under /bramble/segmentation.\n"
      "Examples:\n"
      "  bramble infer --model models/forward --source ros --topic /camera/image/compressed --no-score\n"
      "  bramble infer --model models/forward --source sim:meadow --driver reverse --frames 100 --report report");
  cmd->callback([options, &common] {
    if (options->bench) return write_json(common, infer_bench(*options, common));
    options->engine.precision = parse_precision(options->precision);
    options->engine.device = parse_device(options->device);
    if (options->images.empty()) options->engine.streams = options->engine.batch = 1;
    const auto engine = Engine::open(find_model(options->model), options->engine);
    fmt::print("{}: {}\n", options->model.string(), engine->describe());
    for (const std::string& name : options->probability_of)
      options->node.probability_of.push_back(engine->ontology().require(name));
    options->node.keep_confidence = !options->report.empty();
    nlohmann::json figures = !options->images.empty()   ? infer_images(*options, *engine)
                             : options->source == "ros" ? infer_live(*options, *engine)
                                                        : infer_stream(*options, *engine);
    figures["engine"] = engine->describe();
    if (!options->output.empty()) fmt::print("pictures: {}\n", options->output.string());
    write_json(common, figures);
  });
}

}  // namespace bramble
