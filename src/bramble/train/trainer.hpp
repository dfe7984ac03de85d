#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bramble/train/process_group.hpp"
#include "bramble/train/train_config.hpp"

namespace bramble {

struct TrainOptions : TrainConfig {
  std::filesystem::path train_data, val_data;
  std::filesystem::path output;   ///< model package
  std::filesystem::path weights;  ///< pretrained backbone (model/pretrained.hpp); empty: from nothing
  std::string device = "auto";    ///< model/torch_device.hpp
  bool resume = true;
  std::uint64_t memory_limit_bytes = 0;  ///< for decoded samples; 0: half of the memory that is free, at most 16 GiB
  std::string version;                   ///< of the program, for the package's provenance
  ProcessPlace processes;                ///< several processes that share every batch; default: this one alone
  /// Called after each epoch, when its checkpoint is on disk, with the epoch's entry of the history. What it throws
  /// ends the training, which can be taken up again.
  std::function<void(const nlohmann::json& entry)> after_epoch;
};

struct TrainReport {
  nlohmann::json history;  ///< as in the package: list of {epoch, loss, val_accuracy, val_miou, val_iou, lr, seconds}
  int best_epoch = 0;      ///< 1-based
  double best_miou = 0;    ///< on the validation set, at the network's size
  double best_accuracy = 0;
  double samples_per_s = 0;    ///< of the training steps of this run
  double wait_share = 0;       ///< of that time, waiting for samples
  bool was_complete = false;   ///< nothing to do: the package was already whole
  bool stopped_early = false;  ///< no better epoch came for `patience` epochs
};

/// Trains and leaves the epoch with the best validation mIoU as a model package. After every epoch a checkpoint is
/// written (checkpoint_N.pt, state.json and best_N.safetensors in the package's folder, each atomically; the package
/// itself only at the end); the same options take an unfinished training up again and end with the same weights as an
/// undisturbed one, to the bit on the same machine with the same number of threads (on a GPU up to rounding: some of
/// libtorch's gradients are sums in no fixed order there). training.html in the same folder
/// shows the course while it lasts and after. Several processes (`processes`) share every batch; the first one writes,
/// and the result depends on `micro_batches` but not on their number, up to rounding. Without `resume` a package that
/// is there stays whole until the new one is. Throws Error for data sets that do not fit each other, Interrupted after
/// Ctrl-C (the last whole epoch is kept), Error when the loss is not a number (the last good checkpoint is kept).
TrainReport train(const TrainOptions& options);

}  // namespace bramble
