#include "bramble/train/train_step.hpp"

#include <torch/torch.h>

#include <cmath>

namespace bramble {

namespace F = torch::nn::functional;

TrainStep::TrainStep(AcfNet network, const ModelInfo& info, const TrainStepOptions& options)
    : network_(std::move(network)), options_(options) {
  const auto per_channel = [](const std::array<double, 3>& values) {
    return torch::tensor({values[0], values[1], values[2]}, torch::kFloat).view({1, 3, 1, 1});
  };
  mean_ = per_channel(info.mean);
  stddev_ = per_channel(info.stddev);
  if (!options.class_weights.empty()) class_weights_ = torch::tensor(options.class_weights, torch::kFloat);
  use_channels_last();

  std::vector<torch::Tensor> head, backbone;
  for (const auto& item : network_->named_parameters())
    (item.key().starts_with("backbone.") ? backbone : head).push_back(item.value());
  const auto group = [&](std::vector<torch::Tensor> parameters, double rate) {
    return torch::optim::OptimizerParamGroup(std::move(parameters),
                                             std::make_unique<torch::optim::AdamWOptions>(
                                                 torch::optim::AdamWOptions(rate).weight_decay(options.weight_decay)));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.push_back(group(head, options.learning_rate));
  groups.push_back(group(backbone, options.learning_rate * options.backbone_factor));
  optimizer_ =
      std::make_unique<torch::optim::AdamW>(std::move(groups), torch::optim::AdamWOptions(options.learning_rate));
}

void TrainStep::use_channels_last() {
  for (auto& parameter : network_->parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
}

torch::Tensor TrainStep::normalised(const torch::Tensor& image) const {
  return ((image - mean_) / stddev_).contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor TrainStep::full_size(const torch::Tensor& logits, const torch::Tensor& label) {
  return F::interpolate(logits, F::InterpolateFuncOptions()
                                    .size(std::vector<std::int64_t>{label.size(1), label.size(2)})
                                    .mode(torch::kBilinear)
                                    .align_corners(false));
}

torch::Tensor TrainStep::loss(const AcfNetImpl::Output& out, const torch::Tensor& label) const {
  auto options = F::CrossEntropyFuncOptions().ignore_index(kIgnoreId);
  if (class_weights_.defined()) options.weight(class_weights_);
  // The coarse map's label is the pixel in the middle of each of its cells.
  const auto cell = label.size(1) / out.coarse.size(2);
  const torch::Tensor coarse_label =
      label.slice(1, cell / 2, c10::nullopt, cell).slice(2, cell / 2, c10::nullopt, cell).contiguous();
  // The mean over no pixels at all is not a number: a batch whose labels are all ignored must not stop the training.
  const auto cross_entropy = [&](const torch::Tensor& logits, const torch::Tensor& truth) {
    if (!(truth != static_cast<std::int64_t>(kIgnoreId)).any().item<bool>()) return logits.sum() * 0.0;
    return F::cross_entropy(logits, truth, options);
  };
  return cross_entropy(full_size(out.logits, label), label) +
         options_.aux_weight * cross_entropy(out.coarse, coarse_label);
}

double TrainStep::learn(const Batch& batch, double rate) {
  const double rates[] = {rate, rate * options_.backbone_factor};
  for (std::size_t i = 0; i < 2; ++i)
    static_cast<torch::optim::AdamWOptions&>(optimizer_->param_groups()[i].options()).lr(rates[i]);
  optimizer_->zero_grad();
  torch::Tensor loss = this->loss(network_->forward(normalised(batch.image)), batch.label);
  const double value = loss.item<double>();
  if (!std::isfinite(value)) return value;
  loss.backward();
  optimizer_->step();
  return value;
}

}  // namespace bramble
