#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "bramble/eval/evaluation.hpp"

namespace bramble {

/// The whole way once: two worlds → drives → bags → data sets → two models → report.
struct StoryOptions {
  std::filesystem::path home;  ///< folder of scenarios/, config/, assets/ (what ships)
  std::filesystem::path output;
  std::filesystem::path scenario;        ///< the world that the model is for
  std::filesystem::path other_scenario;  ///< the other domain, for comparison
  std::filesystem::path vehicle;
  std::filesystem::path manual_trace;         ///< recorded drive in `scenario`, for validation
  std::filesystem::path weights;              ///< pretrained backbone
  int width = 512, height = 384;              ///< pictures
  int train_width = 256, train_height = 192;  ///< network input
  int sensor_every = 4;                       ///< pictures in every n-th frame of 50 ms
  int train_samples = 300, val_samples = 80, test_samples = 300;
  int other_val_samples = 60;
  int epochs = 10;
  int batch = 8;
  std::uint64_t seed = 1;
  std::string device = "auto";  ///< of the models (model/torch_device.hpp)
};

/// The reference recipe: 1024x768, 1,886 / 405 / 1,827 samples at 20 Hz, 30 epochs.
StoryOptions reference_recipe(StoryOptions options);

struct StoryReport {
  Evaluation evaluation;        ///< model «meadow» and model «other» on the reverse drive
  nlohmann::json figures;       ///< samples, times, accuracies: what --json writes
  std::filesystem::path page;   ///< index.html
  std::filesystem::path sheet;  ///< figures.png
};

/// Runs the steps that are not done yet; each leaves a whole result or none, so that the same call takes an interrupted
/// story up again. Throws Error when the output folder holds a story with other options, and what the steps throw.
StoryReport tell_story(const StoryOptions& options);

}  // namespace bramble
