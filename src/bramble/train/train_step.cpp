#include "bramble/train/train_step.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "bramble/ontology/ontology.hpp"
#include "bramble/train/fused_adamw.hpp"

namespace bramble {

namespace F = torch::nn::functional;

TrainStep::TrainStep(Segmenter network, const ModelInfo& info, const TrainStepOptions& options)
    : network_(std::move(network)), options_(options), loss_scale_(options.precision == torch::kHalf) {
  const auto per_channel = [&](const std::array<double, 3>& values) {
    return on_device(torch::tensor({values[0], values[1], values[2]}, torch::kFloat).view({1, 3, 1, 1}));
  };
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

torch::Tensor TrainStep::full_size(const torch::Tensor& logits, const torch::Tensor& label) {
  return F::interpolate(logits, F::InterpolateFuncOptions()
                                    .size(std::vector<std::int64_t>{label.size(1), label.size(2)})
                                    .mode(torch::kBilinear)
                                    .align_corners(false));
}

torch::Tensor TrainStep::loss(const SegmenterImpl::Output& out, const torch::Tensor& label) const {
  const torch::Tensor main =
      segmentation_loss(full_size(out.logits.to(torch::kFloat), label), label, class_weights_, options_.loss);
  if (!out.coarse.defined() || options_.loss.aux_weight == 0) return main;
  // The coarse map's label is the pixel in the middle of each of its cells.
  const auto cell = label.size(1) / out.coarse.size(2);
  const torch::Tensor coarse_label =
      label.slice(1, cell / 2, c10::nullopt, cell).slice(2, cell / 2, c10::nullopt, cell).contiguous();
  return main + options_.loss.aux_weight *
                    segmentation_loss(out.coarse.to(torch::kFloat), coarse_label, class_weights_, options_.loss);
}

void TrainStep::begin() {
  optimizer_->zero_grad();
  statistics_before_.clear();
  statistics_sum_.clear();
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
  torch::Tensor loss;
  {
    const MixedPrecision mixed(options_.device, options_.precision);
    loss = this->loss(network_->forward(normalised(batch.image)), on_device(batch.label));
  }
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
  if (adamw && options_.device.is_cuda() && has_fused_adamw())
    fused_step(*adamw);
  else
    optimizer_->step();
  ++steps_;
  if (options_.ema > 0) {
    const torch::NoGradGuard no_grad;
    // At the start the average must not remember the random weights: its memory grows with the steps.
    const double decay = std::min(options_.ema, static_cast<double>(steps_) / (10.0 + static_cast<double>(steps_)));
    torch::_foreach_mul_(average_, decay);
    torch::_foreach_add_(average_, state(), 1 - decay);
  }
}

double TrainStep::learn(const Batch& batch, double rate) {
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
