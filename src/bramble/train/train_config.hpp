#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bramble/train/augment.hpp"

namespace bramble {

/// What a step learns from. The loss of logits is cross-entropy + dice · Dice + lovasz · Lovász-softmax.
struct LossOptions {
  double aux_weight = 0.4;     ///< of the same loss on the coarse map, where the network has one
  double label_smoothing = 0;  ///< share of each pixel's truth that is spread evenly over the classes, 0…1
  double ohem = 1;             ///< share of the pixels, hardest first, that the cross-entropy is the mean of, 0…1
  double dice = 0;             ///< weight of the Dice loss
  double lovasz = 0;           ///< weight of the Lovász-softmax loss
};

/// Everything that shapes the weights besides the data: what a file train.yaml holds (docs/guide/training.md).
struct TrainConfig {
  // model
  std::string architecture = "acfnet";          ///< acfnet, deeplabv3plus or lraspp
  std::string backbone = "efficientnet-lite0";  ///< -lite0 … -lite4, -b0 … -b7
  std::string decoder;                          ///< empty: the architecture's own (acfnet: skip2)
  int output_stride = 16;                       ///< 8 or 16
  int width = 0, height = 0;                    ///< network input; 0: the data set's size, cut to a multiple of 16
  std::string precision = "auto";               ///< of convolutions and products while training: train_precisions()
  // course
  int epochs = 30;
  int batch = 8;          ///< samples a step, over all processes
  int micro_batches = 0;  ///< parts of a batch that pass the network one after the other, each with batch norms of its
                          ///< own; 0: as many as there are processes. The result depends on them, not on the processes
  int patience = 0;       ///< end after so many epochs without a better validation mIoU; 0: never
  std::uint64_t seed = 1;
  std::size_t limit = 0;  ///< use only so many samples of each set; 0: all
  // optimizer and schedule
  std::string optimizer = "adamw";  ///< adamw or sgd (Nesterov)
  double learning_rate = 1.5e-3;    ///< of the head; the backbone learns with backbone_factor of it
  double backbone_factor = 0.25;
  double weight_decay = 1e-4;
  double momentum = 0.9;          ///< of sgd
  std::string schedule = "poly";  ///< poly (power 0.9) or cosine, down to 0
  double warm_up = 0.05;          ///< share of all steps in which the rate grows linearly
  double ema = 0;                 ///< decay of the average of the weights that is validated and kept; 0: none
  // loss
  LossOptions loss;
  std::string class_weighting = "power";  ///< power: share^−class_balance; log: 1 / ln(1.02 + share) (ENet); median:
                                          ///< median share / share (Eigen and Fergus); none
  double class_balance = 0.3;             ///< 0…1, of power
  AugmentOptions augment;

  /// Throws Error naming key, value and allowed range of the first mistake.
  void validate() const;
};

/// Reads train.yaml on top of `defaults`; unknown keys and values out of range are errors with file and line.
TrainConfig load_train_config(const std::filesystem::path& file, const TrainConfig& defaults = {});
/// Every field, in one object: the recipe of a model. Equal configurations give equal text.
nlohmann::json to_json(const TrainConfig& config);

/// Weights of the classes in the loss out of their pixel counts: mean 1 over the pixels, at most 20, 1 for a class
/// without pixels. Empty for «none».
std::vector<float> class_weights(const std::vector<double>& pixels, const TrainConfig& config);

/// Learning rate of the head at a step of 0 … steps − 1.
double rate_at(const TrainConfig& config, std::size_t step, std::size_t steps);

}  // namespace bramble
