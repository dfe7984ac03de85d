#pragma once
#include <torch/optim/optimizer.h>

#include <memory>
#include <string>
#include <vector>

#include "bramble/dataset/model_package.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/train/losses.hpp"
#include "bramble/train/mixed_precision.hpp"

namespace bramble {

struct Batch {
  torch::Tensor image;  // [N, 3, H, W] float on 0…1
  torch::Tensor label;  // [N, H, W] int64, 255 ignored
};

struct TrainStepOptions {
  std::string optimizer = "adamw";  ///< adamw or sgd (Nesterov)
  double learning_rate = 1.5e-3;    ///< of the head, at its highest
  double backbone_factor = 0.25;    ///< the backbone's rate is this times the head's
  double weight_decay = 1e-4;
  double momentum = 0.9;  ///< of sgd
  double ema = 0;         ///< decay of the average of the weights; 0: none
  LossOptions loss{};
  std::vector<float> class_weights{};  ///< of the cross-entropy; empty: all 1
  torch::Device device = torch::kCPU;
  torch::ScalarType precision = torch::kFloat;  ///< of convolutions and products; bfloat16, or half on a GPU
  /// On a GPU, learn() records its fourth step of a batch of one size and repeats the recording from then on
  /// (RecordedWork), where it can: with AdamW, in float or bfloat16, with a loss that is the cross-entropy alone.
  bool record = true;
};

/// Steps of learning: forward, loss, backward, optimizer. The network is put onto the device and into channels_last
/// (depthwise convolutions are 30 times slower otherwise). Batches may lie in the processor's memory.
class TrainStep {
 public:
  TrainStep(Segmenter network, const ModelInfo& info, const TrainStepOptions& options);

  ~TrainStep();

  /// Learns from a batch at `rate` (of the head) and returns the loss; one that is not finite changes no weight.
  double learn(const Batch& batch, double rate);
  /// Whether learn() repeats a recording by now.
  bool is_recorded() const;

  // The same in parts, for batches that come in micro-batches or are shared by processes:
  //   begin(); for each part: accumulate(part, 1.0 / parts); (exchange gradients and buffers); apply(rate)
  void begin();
  /// Adds share · gradient. Every part starts from the running means that begin() found; they end as the mean over the
  /// parts. Returns the part's loss; when it is not finite, the gradients are not either and must not be applied.
  double accumulate(const Batch& batch, double share);
  /// In f16, a step whose gradients overflowed changes nothing (LossScale).
  void apply(double rate);
  /// Gradients of all parameters, and the running means and variances; both in a fixed order. What is written into them
  /// between accumulate() and apply() is used.
  std::vector<torch::Tensor> gradients();
  std::vector<torch::Tensor> statistics();

  /// The loss of the logits at the labels' size, plus aux_weight times that of the coarse map at its own size.
  torch::Tensor loss(const SegmenterImpl::Output& out, const torch::Tensor& label) const;
  /// The network's input out of a batch's image; on the device.
  torch::Tensor normalised(const torch::Tensor& image) const;
  torch::Tensor on_device(const torch::Tensor& tensor) const;

  Segmenter network() { return network_; }
  const torch::Device& device() const { return options_.device; }
  LossScale& loss_scale() { return loss_scale_; }
  torch::optim::Optimizer& optimizer() { return *optimizer_; }
  /// To be called again after tensors were loaded.
  void use_channels_last();

  /// Puts the averaged weights into the network and, at the end of the scope, the learning ones back. Without `ema` it
  /// does nothing.
  class Averaged {
   public:
    explicit Averaged(TrainStep& step) : step_(step) { step_.swap_average(); }
    ~Averaged() { step_.swap_average(); }
    Averaged(const Averaged&) = delete;
    Averaged& operator=(const Averaged&) = delete;

   private:
    TrainStep& step_;
  };
  /// The averaged weights (empty without `ema`), in the order of the network's float parameters and buffers.
  std::vector<torch::Tensor>& average() { return average_; }
  std::int64_t steps_done() const { return steps_; }
  void set_steps_done(std::int64_t steps) { steps_ = steps; }

 private:
  struct Recording;

  torch::Tensor loss_of(const Batch& batch);
  bool can_record(const Batch& batch);
  void record(const Batch& batch);
  double repeat(const Batch& batch, double rate);
  void average_weights();
  void swap_average();
  std::vector<torch::Tensor> state();  // float parameters and buffers

  Segmenter network_;
  TrainStepOptions options_;
  torch::Tensor mean_, stddev_, class_weights_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<torch::Tensor> average_, statistics_before_, statistics_sum_;
  std::int64_t steps_ = 0;
  LossScale loss_scale_;
  std::unique_ptr<Recording> recording_;
  std::vector<std::int64_t> last_size_;  // of the batches that learn() saw last, and how many of them in a row
  int same_size_ = 0;
};

}  // namespace bramble
