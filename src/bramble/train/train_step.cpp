#include "bramble/train/train_step.hpp"

#include <spdlog/spdlog.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "bramble/model/recorded_work.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/train/fused_adamw.hpp"

namespace bramble {

// A step on batches of one size. The recording reads the inputs and the numbers and writes the loss.
struct TrainStep::Recording {
  Batch inputs;
  FusedNumbers numbers;
  torch::Tensor loss;
  std::unique_ptr<RecordedWork> work;
};

TrainStep::~TrainStep() = default;

TrainStep::TrainStep(Segmenter network, const ModelInfo& info, const TrainStepOptions& options)
    : network_(std::move(network)), options_(options), loss_scale_(options.precision == torch::kHalf) {
  const auto per_channel = [&](const std::array<double, 3>& values) {
    return on_device(torch::tensor({values[0], values[1], values[2]}, torch::kFloat).view({1, 3, 1, 1}));
  };
  // Every batch has the same shape: what cuDNN tries out at the first one serves all.
  if (options.device.is_cuda()) at::globalContext().setBenchmarkCuDNN(true);
  network_->to(options.device);
  mean_ = per_channel(info.mean);
  stddev_ = per_channel(info.stddev);
  if (!options.class_weights.empty()) class_weights_ = on_device(torch::tensor(options.class_weights, torch::kFloat));
  use_channels_last();

  std::vector<torch::Tensor> head, backbone;
  for (const auto& item : network_->named_parameters())
    (item.key().starts_with("backbone.") ? backbone : head).push_back(item.value());
  const bool sgd = options.optimizer == "sgd";
  const auto group = [&](std::vector<torch::Tensor> parameters, double rate) {
    std::unique_ptr<torch::optim::OptimizerOptions> how;
    if (sgd)
      how = std::make_unique<torch::optim::SGDOptions>(torch::optim::SGDOptions(rate)
                                                           .momentum(options.momentum)
                                                           .nesterov(options.momentum > 0)
                                                           .weight_decay(options.weight_decay));
    else
      how = std::make_unique<torch::optim::AdamWOptions>(
          torch::optim::AdamWOptions(rate).weight_decay(options.weight_decay));
    return torch::optim::OptimizerParamGroup(std::move(parameters), std::move(how));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.push_back(group(head, options.learning_rate));
  groups.push_back(group(backbone, options.learning_rate * options.backbone_factor));
  if (sgd)
    optimizer_ =
        std::make_unique<torch::optim::SGD>(std::move(groups), torch::optim::SGDOptions(options.learning_rate));
  else
    optimizer_ =
        std::make_unique<torch::optim::AdamW>(std::move(groups), torch::optim::AdamWOptions(options.learning_rate));
  if (options.ema > 0)
    for (const auto& tensor : state()) average_.push_back(tensor.detach().clone());
}

void TrainStep::use_channels_last() {
  recording_.reset();  // it knows the tensors that were there before
  for (auto& parameter : network_->parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
}

std::vector<torch::Tensor> TrainStep::state() {
  std::vector<torch::Tensor> tensors = network_->parameters();
  for (const auto& buffer : statistics()) tensors.push_back(buffer);
  return tensors;
}

std::vector<torch::Tensor> TrainStep::statistics() {
  std::vector<torch::Tensor> tensors;
  for (const auto& buffer : network_->buffers())
    if (buffer.scalar_type() == torch::kFloat) tensors.push_back(buffer);
  return tensors;
}

std::vector<torch::Tensor> TrainStep::gradients() {
  std::vector<torch::Tensor> tensors;
  for (auto& parameter : network_->parameters()) {
    // A parameter that took no part has a gradient of zero, so that all processes hold the same list.
    if (!parameter.grad().defined()) parameter.mutable_grad() = torch::zeros_like(parameter);
    tensors.push_back(parameter.grad());
  }
  return tensors;
}

torch::Tensor TrainStep::on_device(const torch::Tensor& tensor) const {
  return tensor.to(options_.device, tensor.scalar_type(), /*non_blocking=*/true);
}

torch::Tensor TrainStep::normalised(const torch::Tensor& image) const {
  return ((on_device(image) - mean_) / stddev_).contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor TrainStep::loss(const SegmenterImpl::Output& out, const torch::Tensor& label) const {
  const torch::Tensor main = segmentation_loss(out.logits.to(torch::kFloat), label, class_weights_, options_.loss);
  if (!out.coarse.defined() || options_.loss.aux_weight == 0) return main;
  // The coarse map's label is the pixel in the middle of each of its cells.
  const auto cell = label.size(1) / out.coarse.size(2);
  const torch::Tensor coarse_label =
      label.slice(1, cell / 2, c10::nullopt, cell).slice(2, cell / 2, c10::nullopt, cell).contiguous();
  return main + options_.loss.aux_weight *
                    segmentation_loss(out.coarse.to(torch::kFloat), coarse_label, class_weights_, options_.loss);
}

void TrainStep::begin() {
  // Not zeroed: the backward pass hands its gradients over then, instead of adding them to what is there.
  for (auto& parameter : network_->parameters()) parameter.mutable_grad().reset();
  statistics_before_.clear();
  statistics_sum_.clear();
}

torch::Tensor TrainStep::loss_of(const Batch& batch) {
  const MixedPrecision mixed(options_.device, options_.precision);
  return loss(network_->forward(normalised(batch.image)), on_device(batch.label));
}

double TrainStep::accumulate(const Batch& batch, double share) {
  if (share < 1) {
    const torch::NoGradGuard no_grad;
    const auto now = statistics();
    if (statistics_before_.empty()) {
      for (const auto& tensor : now) {
        statistics_before_.push_back(tensor.clone());
        statistics_sum_.push_back(torch::zeros_like(tensor));
      }
    } else {
      for (std::size_t i = 0; i < now.size(); ++i) now[i].copy_(statistics_before_[i]);
    }
  }
  const torch::Tensor loss = loss_of(batch);
  // The value is asked for last: a GPU would stand still until the backward pass is known.
  loss_scale_.scaled(share < 1 ? loss * share : loss).backward();
  if (share < 1) {
    const torch::NoGradGuard no_grad;
    const auto now = statistics();
    for (std::size_t i = 0; i < now.size(); ++i) {
      statistics_sum_[i].add_(now[i], share);
      now[i].copy_(statistics_sum_[i]);  // after the last part: the mean over this process's parts, times their share
    }
  }
  return loss.item<double>();
}

void TrainStep::apply(double rate) {
  if (!loss_scale_.unscale(gradients())) return;
  const double rates[] = {rate, rate * options_.backbone_factor};
  for (std::size_t i = 0; i < 2; ++i) {
    auto& how = optimizer_->param_groups()[i].options();
    if (auto* sgd = dynamic_cast<torch::optim::SGDOptions*>(&how))
      sgd->lr(rates[i]);
    else
      static_cast<torch::optim::AdamWOptions&>(how).lr(rates[i]);
  }
  auto* adamw = dynamic_cast<torch::optim::AdamW*>(optimizer_.get());
  if (adamw && has_fused_adamw(options_.device))
    fused_step(*adamw);
  else
    optimizer_->step();
  ++steps_;
  average_weights();
}

void TrainStep::average_weights() {
  if (options_.ema <= 0) return;
  const torch::NoGradGuard no_grad;
  // At the start the average must not remember the random weights: its memory grows with the steps.
  const double decay = std::min(options_.ema, static_cast<double>(steps_) / (10.0 + static_cast<double>(steps_)));
  torch::_foreach_mul_(average_, decay);
  torch::_foreach_add_(average_, state(), 1 - decay);
}

bool TrainStep::is_recorded() const { return recording_ != nullptr; }

bool TrainStep::can_record(const Batch& batch) {
  constexpr int kStepsBefore = 3;  // cuDNN's trials, the moments, autograd's buffers
  same_size_ = last_size_ == batch.image.sizes() ? same_size_ + 1 : 0;
  last_size_ = batch.image.sizes().vec();
  const LossOptions& loss = options_.loss;
  return options_.record && options_.device.is_cuda() && RecordedWork::possible() && has_fused_adamw(options_.device) &&
         options_.optimizer == "adamw" && options_.precision != torch::kHalf && loss.ohem >= 1 && loss.dice == 0 &&
         loss.lovasz == 0 && same_size_ >= kStepsBefore &&
         common_step(static_cast<torch::optim::AdamW&>(*optimizer_)) > 0;
}

void TrainStep::record(const Batch& batch) {
  auto recording = std::make_unique<Recording>();
  const auto number = [&] { return torch::zeros({}, torch::TensorOptions().device(options_.device)); };
  recording->inputs = {torch::empty_like(batch.image, options_.device),
                       torch::empty_like(batch.label, options_.device)};
  recording->numbers = {{number(), number()}, number(), number()};
  auto& adamw = static_cast<torch::optim::AdamW&>(*optimizer_);
  optimizer_->zero_grad();
  try {
    recording->work = std::make_unique<RecordedWork>(options_.device, [&] {
      const torch::Tensor loss = loss_of(recording->inputs);
      loss.backward();
      recording->loss = loss.detach();
      recording->numbers.skip.copy_(recording->loss.isfinite().logical_not());
      fused_step(adamw, recording->numbers);
    });
    recording_ = std::move(recording);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    spdlog::warn("a training step cannot be recorded on this GPU and is started kernel by kernel ({})",
                 text.substr(0, text.find('\n')));
    options_.record = false;
  }
  optimizer_->zero_grad();
}

double TrainStep::repeat(const Batch& batch, double rate) {
  auto& adamw = static_cast<torch::optim::AdamW&>(*optimizer_);
  Recording& recording = *recording_;
  {
    const torch::NoGradGuard no_grad;
    recording.inputs.image.copy_(batch.image, true);
    recording.inputs.label.copy_(batch.label, true);
    recording.numbers.rates[0].fill_(rate);
    recording.numbers.rates[1].fill_(rate * options_.backbone_factor);
    recording.numbers.step.fill_(static_cast<double>(common_step(adamw) + 1));
  }
  recording.work->run();
  const double value = recording.loss.item<double>();
  if (!std::isfinite(value)) return value;  // the recording has seen that too, and changed nothing
  count_step(adamw);
  ++steps_;
  average_weights();
  return value;
}

double TrainStep::learn(const Batch& batch, double rate) {
  if (can_record(batch)) {
    if (recording_ && recording_->inputs.image.sizes() != batch.image.sizes()) recording_.reset();
    if (!recording_) record(batch);
    if (recording_) return repeat(batch, rate);
  }
  begin();
  const double value = accumulate(batch, 1);
  if (std::isfinite(value)) apply(rate);
  return value;
}

void TrainStep::swap_average() {
  if (average_.empty()) return;
  const torch::NoGradGuard no_grad;
  const auto now = state();
  for (std::size_t i = 0; i < now.size(); ++i) {
    const torch::Tensor keep = now[i].detach().clone();
    now[i].copy_(average_[i]);
    average_[i].copy_(keep);
  }
}

}  // namespace bramble
