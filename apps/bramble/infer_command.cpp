#include <fmt/format.h>

#include <memory>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/decode.hpp"
#include "bramble/eval/evaluation.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/mask_writer.hpp"
#include "bramble/infer/node.hpp"
#include "command.hpp"
#include "drive_options.hpp"

namespace bramble {

namespace {

struct InferOptions {
  std::filesystem::path model;
  std::vector<std::filesystem::path> images;
  std::filesystem::path bag;
  std::string source;
  std::filesystem::path output;
  std::filesystem::path record;
  std::string precision = "auto";
  NodeOptions node;
  std::string label_topic = "/carla/hero/semantic_segmentation_front/image";
  bool no_score = false;
  DriveOptions drive;
};

void print_latency(const std::string& what, const Latency& latency) {
  fmt::print("{:<10} median {:6.1f} ms   p95 {:6.1f} ms   max {:6.1f} ms\n", what, latency.median(),
             latency.quantile(0.95), latency.maximum());
}

nlohmann::json infer_images(const InferOptions& options, Engine& engine) {
  const auto files = list_pictures(options.images);
  const MaskWriter writer(options.output, engine.ontology());
  Latency latency;
  Latency network;
  {
    Progress progress("infer", files.size());
    for (const auto& file : files) {
      throw_if_interrupted();
      const ImageU8 picture = read_image(file, PixelFormat::kRgb);
      const ImageU8 labels = engine.segment(picture);
      latency.add(engine.last_timing().total_ms());
      network.add(engine.last_timing().network_ms);
      if (!options.output.empty()) writer.write(file.stem().string(), picture, labels);
      progress.advance(1, fmt::format("{:.1f} ms", latency.median()));
    }
  }
  fmt::print("{} pictures\n", files.size());
  print_latency("latency", latency);
  print_latency("network", network);
  return {{"frames", files.size()}, {"latency", latency.to_json()}, {"network_latency", network.to_json()}};
}

nlohmann::json infer_stream(InferOptions& options, Engine& engine) {
  std::unique_ptr<Source> source;
  std::string source_name;
  if (!options.bag.empty()) {
    source_name = options.bag.string();
    source = std::make_unique<BagReader>(options.bag);
  } else {
    if (!options.source.starts_with("sim:"))
      fail("there is no source '{}'; sources: sim:SCENARIO (for example sim:meadow), or --bag", options.source);
    source_name = options.source;
    auto& simulation = options.drive.simulation;
    simulation.topics = {options.node.image_topic};
    if (!options.no_score) simulation.topics.push_back(options.label_topic);
    if (simulation.frames == 0 && !simulation.driver.starts_with("trace:")) simulation.frames = 200;
    auto drive = start_drive(options.source.substr(4), options.drive);
    if (!options.no_score)
      require_same_classes(options.model.string(), engine.ontology(), "the world of " + options.source,
                           drive->world().ontology);
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

  std::unique_ptr<BagWriter> bag;
  if (!options.record.empty()) bag = std::make_unique<BagWriter>(options.record);
  const auto limit = static_cast<std::uint64_t>(options.drive.simulation.frames);
  options.node.max_frames = limit;
  SegmentationNode node(engine, options.node, bag.get());
  const MaskWriter writer(options.output, engine.ontology());
  {
    Progress progress("infer", limit);
    node.on_frame([&](const SegmentedFrame& frame) {
      if (!options.output.empty())
        writer.write(fmt::format("frame_{:06d}", frame.index), decode_picture(ImageView::parse(*frame.message->cdr)),
                     *frame.labels);
      progress.advance(1, node.to_text());
    });
    Sink* const sinks[] = {&node};
    // After the last picture its true label may still come, within the next two messages.
    int after = 0;
    pump(*source, sinks, [&](const Message&) {
      if (limit == 0 || node.frames() < limit) return true;
      return !options.node.label_topic.empty() && node.frames_scored() < limit && after++ < 2;
    });
  }
  if (bag) bag->close();
  if (node.frames() == 0) fail("{}: topic {} held no pictures", source_name, options.node.image_topic);
  fmt::print("{} frames\n", node.frames());
  print_latency("latency", node.latency());
  print_latency("network", node.network_latency());
  if (node.frames_scored() > 0) {
    const auto percent_of = [](const std::optional<double>& value) { return 100 * value.value_or(0.0); };
    fmt::print("accuracy   {:.2f} %   mIoU {:.2f} %   over {} frames with true labels\n",
               percent_of(node.score().accuracy()), percent_of(node.score().mean_iou()), node.frames_scored());
  }
  return node.to_json();
}

}  // namespace

void add_infer_command(CLI::App& app, CommonOptions& common) {
  auto options = std::make_shared<InferOptions>();
  auto* cmd = app.add_subcommand("infer", "Label pictures, a bag or a running simulation with a model");
  cmd->add_option("--model", options->model, "model package")->required();
  auto* input = cmd->add_option_group("input", "what to label");
  input->add_option("--image", options->images, "pictures (PNG, JPEG) or folders of them");
  input->add_option("--bag", options->bag, "rosbag2 bag");
  input->add_option("--source", options->source, "running source: sim:SCENARIO");
  input->require_option(1);
  cmd->add_option("-o,--output", options->output, "folder for masks/, color/ and overlay/");
  cmd->add_option("--record", options->record, "also record the masks as topics in this new bag");
  cmd->add_option("--topic", options->node.image_topic, "pictures of a bag or source")->capture_default_str();
  cmd->add_option("--label-topic", options->label_topic, "true labels to score against, when there")
      ->capture_default_str();
  cmd->add_flag("--no-score", options->no_score, "leave true labels alone");
  cmd->add_option("--precision", options->precision, "f32, bf16, or auto: bf16 where the processor has it")
      ->capture_default_str();
  add_drive_options(*cmd, options->drive);
  cmd->footer(
      "Examples:\n"
      "  bramble infer --model models/forward --image photos -o masks\n"
      "  bramble infer --model models/forward --source sim:meadow --driver reverse --frames 100");
  cmd->callback([options, &common] {
    const auto engine = Engine::open(options->model, {.precision = parse_precision(options->precision)});
    fmt::print("{}: {}\n", options->model.string(), engine->describe());
    nlohmann::json figures =
        options->images.empty() ? infer_stream(*options, *engine) : infer_images(*options, *engine);
    figures["engine"] = engine->describe();
    if (!options->output.empty()) fmt::print("pictures: {}\n", options->output.string());
    write_json(common, figures);
  });
}

}  // namespace bramble
