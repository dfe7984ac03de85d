#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bramble/train/augment.hpp"

namespace bramble {

struct TrainOptions {
  std::filesystem::path train_data, val_data;
  std::filesystem::path output;   ///< model package
  std::filesystem::path weights;  ///< pretrained backbone (.pth); empty: from nothing
  std::string backbone = "efficientnet-lite0";
  std::string decoder = "skip4";
  int epochs = 30;
  int batch = 8;
  int width = 0, height = 0;      ///< network input; 0: the data set's size, cut to a multiple of 16
  double learning_rate = 1.5e-3;  ///< of the head; the backbone learns with backbone_factor of it
  double backbone_factor = 0.25;
  double weight_decay = 1e-4;
  double aux_weight = 0.4;     ///< of the coarse map's loss
  double warm_up = 0.05;       ///< share of all steps
  double class_balance = 0.3;  ///< 0…1: the loss weighs a class by its share of the pixels to the power of minus this
  std::uint64_t seed = 1;
  std::size_t limit = 0;  ///< use only so many samples of each set; 0: all
  bool resume = true;
  AugmentOptions augment;
  std::uint64_t memory_limit_bytes = 0;  ///< for decoded samples; 0: half of the memory that is free, at most 16 GiB
  std::string version;                   ///< of the program, for the package's provenance
  /// Called after each epoch, when its checkpoint is on disk, with the epoch's entry of the history. What it throws
  /// ends the training, which can be taken up again.
  std::function<void(const nlohmann::json& entry)> after_epoch;
};

struct TrainReport {
  nlohmann::json history;  ///< as in the package: list of {epoch, loss, val_accuracy, val_miou, lr, seconds}
  int best_epoch = 0;      ///< 1-based
  double best_miou = 0;    ///< on the validation set, at the network's size
  double best_accuracy = 0;
  double samples_per_s = 0;   ///< of the training steps of this run
  double wait_share = 0;      ///< of that time, waiting for samples
  bool was_complete = false;  ///< nothing to do: the package was already whole
};

/// Trains and leaves the epoch with the best validation mIoU as a model package. After every epoch a checkpoint is
/// written (checkpoint_N.pt, state.json and best_N.safetensors in the package's folder, each atomically; the package
/// itself only at the end); the same options take an unfinished training up again and end with the same weights as an
/// undisturbed one, to the bit on the same machine with the same number of threads. Without `resume` a package that is
/// there stays whole until the new one is. Throws Error for data sets that do not fit each other, Interrupted after
/// Ctrl-C (the last whole epoch is kept), Error when the loss is not a number (the last good checkpoint is kept).
TrainReport train(const TrainOptions& options);

}  // namespace bramble
