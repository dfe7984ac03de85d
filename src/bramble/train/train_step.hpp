#pragma once
#include <torch/optim/adamw.h>

#include <memory>
#include <vector>

#include "bramble/dataset/model_package.hpp"
#include "bramble/model/acfnet.hpp"

namespace bramble {

struct Batch {
  torch::Tensor image;  // [N, 3, H, W] float on 0…1
  torch::Tensor label;  // [N, H, W] int64, 255 ignored
};

struct TrainStepOptions {
  double learning_rate = 1.5e-3;  ///< of the head, at its highest
  double backbone_factor = 0.25;  ///< the backbone's rate is this times the head's
  double weight_decay = 1e-4;
  double aux_weight = 0.4;           ///< of the coarse map's loss
  std::vector<float> class_weights;  ///< of the cross-entropy; empty: all 1
};

/// One step of learning: forward, loss, backward, AdamW. The network is put into channels_last (depthwise convolutions
/// are 30 times slower otherwise).
class TrainStep {
 public:
  TrainStep(AcfNet network, const ModelInfo& info, const TrainStepOptions& options);

  /// Learns from a batch at `rate` (of the head) and returns the loss; one that is not finite changes nothing.
  double learn(const Batch& batch, double rate);
  /// Cross-entropy of the logits at the labels' size, plus aux_weight times that of the coarse map at its own size.
  torch::Tensor loss(const AcfNetImpl::Output& out, const torch::Tensor& label) const;
  /// Logits [N, K, H, W] at the labels' size.
  static torch::Tensor full_size(const torch::Tensor& logits, const torch::Tensor& label);
  /// The network's input out of a batch's image.
  torch::Tensor normalised(const torch::Tensor& image) const;

  AcfNet network() { return network_; }
  torch::optim::AdamW& optimizer() { return *optimizer_; }
  /// To be called again after tensors were loaded.
  void use_channels_last();

 private:
  AcfNet network_;
  TrainStepOptions options_;
  torch::Tensor mean_, stddev_, class_weights_;
  std::unique_ptr<torch::optim::AdamW> optimizer_;
};

}  // namespace bramble
