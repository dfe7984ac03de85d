#include "bramble/story/story.hpp"

#include <fmt/chrono.h>

#include <chrono>
#include <map>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/extract.hpp"
#include "bramble/eval/report.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/network.hpp"
#include "bramble/infer/node.hpp"
#include "bramble/record/recorder.hpp"
#include "bramble/sim/simulation.hpp"
#include "bramble/train/trainer.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

const std::string kImageTopic = "/carla/hero/rgb_front/image";
const std::string kLabelTopic = "/carla/hero/semantic_segmentation_front/image";

struct Drive {
  std::string name;
  bool other_world;
  std::string driver;
  int samples;
};

class Story {
 public:
  explicit Story(const StoryOptions& options) : options_(options), begin_(std::chrono::steady_clock::now()) {
    drives_ = {{"train", false, "autopilot", options.train_samples},
               {"val", false, "trace:" + options.manual_trace.string(), options.val_samples},
               {"test", false, "reverse", options.test_samples},
               {"other_train", true, "autopilot", options.train_samples},
               {"other_val", true, "manual-like", options.other_val_samples}};
  }

  StoryReport tell() {
    claim_output();
    for (const Drive& drive : drives_) record(drive);
    worlds_.clear();
    for (const Drive& drive : drives_) extract_drive(drive);
    train_model("meadow", "train", "val");
    train_model("other", "other_train", "other_val");
    StoryReport report = judge();
    drive_live(report);
    report.figures["seconds"] = elapsed();
    return report;
  }

 private:
  double elapsed() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  void title(const std::string& text) {
    spdlog::info("[{:02}:{:02}] step {}/{}: {}", static_cast<int>(elapsed()) / 60, static_cast<int>(elapsed()) % 60,
                 ++step_, kSteps, text);
  }

  // The folder belongs to one set of options: other ones would mix results.
  void claim_output() {
    const nlohmann::json mine = {
        {"scenario", read_text_file(options_.scenario)},
        {"other", read_text_file(options_.other_scenario)},
        {"size", {options_.width, options_.height}},
        {"input", {options_.train_width, options_.train_height}},
        {"every", options_.sensor_every},
        {"samples", {options_.train_samples, options_.val_samples, options_.test_samples, options_.other_val_samples}},
        {"epochs", options_.epochs},
        {"batch", options_.batch},
        {"seed", options_.seed}};
    const fs::path file = options_.output / "story.json";
    if (fs::exists(file)) {
      if (nlohmann::json::parse(read_text_file(file), nullptr, false) != mine)
        fail("{} holds results of other options or scenarios; choose another folder with -o, or remove it",
             options_.output.string());
      return;
    }
    const double frames =
        2.0 * options_.train_samples + options_.val_samples + options_.test_samples + options_.other_val_samples;
    require_free_space(options_.output,
                       static_cast<std::uint64_t>(frames * options_.width * options_.height * 8) + (1ULL << 30),
                       "bags and data sets");
    write_file_atomically(file, mine.dump(1) + "\n");
  }

  const OpenWorld& world(bool other) {
    OpenWorld& entry = worlds_[other];
    if (!entry.world) {
      entry =
          OpenWorld::open(load_scenario(other ? options_.other_scenario : options_.scenario, options_.home), 0, true);
      spdlog::info("world «{}»: {} things, {:.0f} million triangles as seen", entry.world->name,
                   entry.world->instances.size(), static_cast<double>(entry.world->effective_triangles()) * 1e-6);
    }
    return entry;
  }
  std::unique_ptr<Simulation> simulation(const Drive& drive, std::int64_t first_frame = 0, bool continued = false) {
    SimulationOptions simulation;
    simulation.driver = drive.driver;
    simulation.topics = {kImageTopic, kLabelTopic};
    simulation.frames = static_cast<std::int64_t>(drive.samples) * options_.sensor_every - first_frame;
    simulation.first_frame = first_frame;
    simulation.continued = continued;
    simulation.width = options_.width;
    simulation.height = options_.height;
    simulation.sensor_every = options_.sensor_every;
    return world(drive.other_world).simulation(options_.vehicle, simulation);
  }

  EngineOptions engine_options() const {
    const bool gpu = options_.device == "auto" ? cuda_is_there() : options_.device != "cpu";
    return {.device = gpu ? Device::kCuda : Device::kCpu};
  }

  void record(const Drive& drive) {
    title(fmt::format("drive «{}» ({})", drive.name,
                      drive.driver.starts_with("trace:") ? "recorded manual drive" : drive.driver));
    record_drive(
        options_.output / "bags" / drive.name,
        [&](std::int64_t first_frame, bool continued) { return simulation(drive, first_frame, continued); },
        drive.samples, options_.sensor_every, kSamplesPerFile);
  }

  void extract_drive(const Drive& drive) {
    title(fmt::format("data set «{}»", drive.name));
    const fs::path data = options_.output / "data" / drive.name;
    if (!fs::exists(data / "index.csv")) {
      ExtractOptions extraction;
      extraction.bags = {options_.output / "bags" / drive.name};
      extraction.output = data;
      extraction.image_topic = kImageTopic;
      extraction.label_topic = kLabelTopic;
      extraction.ontology = Ontology::load(load_scenario(options_.scenario, options_.home).ontology);
      extraction.split = drive.name.ends_with("train") ? "train" : drive.name.ends_with("val") ? "val" : "test";
      extraction.resume = fs::exists(data);
      const ExtractReport report = extract(extraction);
      spdlog::info("{} samples of {} images and {} labels", report.samples, report.images, report.labels);
    }
    figures_["samples"][drive.name] = Dataset::open(data).size();
  }

  void train_model(const std::string& name, const std::string& train_drive, const std::string& val_drive) {
    title(fmt::format("training «{}», {} epochs", name, options_.epochs));
    TrainOptions training;
    training.train_data = options_.output / "data" / train_drive;
    training.val_data = options_.output / "data" / val_drive;
    training.output = options_.output / "models" / name;
    training.weights = options_.weights;
    training.width = options_.train_width;
    training.height = options_.train_height;
    training.epochs = options_.epochs;
    training.batch = options_.batch;
    training.seed = options_.seed;
    training.device = options_.device;
    const TrainReport report = train(training);
    figures_["training"][name] = {{"best_epoch", report.best_epoch},
                                  {"val_accuracy", report.best_accuracy},
                                  {"val_miou", report.best_miou},
                                  {"history", report.history}};
    if (!report.was_complete) figures_["training"][name]["samples_per_s"] = report.samples_per_s;
  }

  StoryReport judge() {
    title("evaluation on the reverse drive");
    const Dataset data = Dataset::open(options_.output / "data" / "test");
    std::vector<std::unique_ptr<Engine>> engines;
    std::vector<Predictor> predictors;
    for (const char* name : {"meadow", "other"}) {
      engines.push_back(Engine::open(options_.output / "models" / name, engine_options()));
      Engine* engine = engines.back().get();
      predictors.push_back({name, engine->ontology(), [engine](const ImageU8& rgb) { return engine->segment(rgb); },
                            engine->info().history});
    }
    StoryReport report;
    report.evaluation = evaluate(predictors, data);
    const fs::path folder = options_.output / "report";
    write_report(folder, report.evaluation, predictors, data);
    report.page = folder / "index.html";
    report.sheet = folder / "figures.png";
    for (const auto& model : report.evaluation.models) {
      figures_["test_accuracy"][model.name] = model.total.accuracy().value_or(0);
      figures_["test_miou"][model.name] = model.total.mean_iou().value_or(0);
    }
    report.figures = figures_;
    return report;
  }

  // The model at work on the simulation's own stream, scored against the ground truth as it drives.
  void drive_live(StoryReport& report) {
    title("live inference on the simulation");
    const auto engine = Engine::open(options_.output / "models" / "meadow", engine_options());
    NodeOptions node_options;
    node_options.image_topic = kImageTopic;
    node_options.label_topic = kLabelTopic;
    SegmentationNode node(*engine, node_options);
    constexpr int kFrames = 20;
    const auto sim = simulation({"live", false, "reverse", kFrames});
    Progress progress("driving", kFrames);
    while (const auto message = sim->next()) {
      throw_if_interrupted();
      node.write(*message);
      if (message->topic.name == kLabelTopic) progress.advance(1, node.to_text());
    }
    report.figures["live"] = node.to_json();
  }

  static constexpr int kSteps = 14;
  static constexpr std::int64_t kSamplesPerFile = 100;  // an interrupted drive loses at most these
  const StoryOptions options_;
  std::chrono::steady_clock::time_point begin_;
  std::vector<Drive> drives_;
  std::map<bool, OpenWorld> worlds_;
  nlohmann::json figures_;
  int step_ = 0;
};

}  // namespace

StoryOptions reference_recipe(StoryOptions options) {
  options.width = options.train_width = 1024;
  options.height = options.train_height = 768;
  options.sensor_every = 1;
  options.train_samples = 1886;
  options.val_samples = 405;
  options.test_samples = 1827;
  options.other_val_samples = 405;
  options.epochs = 30;
  options.batch = 4;
  return options;
}

StoryReport tell_story(const StoryOptions& options) { return Story(options).tell(); }

}  // namespace bramble
