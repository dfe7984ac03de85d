#include "bramble/train/train_config.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"
#include "bramble/model/efficientnet.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/train/mixed_precision.hpp"

namespace bramble {
namespace {

void in_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) fail("{} of {} is outside {} to {}", key, value, low, high);
}

void one_of(const char* key, const std::string& value, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  const std::string near = nearest_word(value, choices);
  fail("unknown {} '{}'{}; there are {}", key, value, near.empty() ? "" : fmt::format(", did you mean {}?", near),
       fmt::join(choices, ", "));
}

const std::vector<std::string> kOptimizers{"adamw", "sgd"}, kSchedules{"poly", "cosine"},
    kWeightings{"power", "log", "median", "none"};

}  // namespace

void TrainConfig::validate() const {
  one_of("backbone", backbone, backbone_names());
  const auto decoders = decoders_of(architecture);
  if (!decoder.empty()) one_of("decoder", decoder, decoders);
  if (output_stride != 8 && output_stride != 16)
    fail("an output stride of {} is not built; there are 8 and 16", output_stride);
  one_of("precision", precision, train_precisions());
  if (epochs < 1) fail("{} epochs make no training", epochs);
  if (batch < 2) fail("a batch of {} is too small: batch norms need at least 2 samples", batch);
  in_range("micro-batches", micro_batches, 0, 1024);
  if (micro_batches > 0 && (batch % micro_batches != 0 || batch / micro_batches < 2))
    fail("a batch of {} does not fall into {} micro-batches of equal size and at least 2 samples", batch,
         micro_batches);
  in_range("patience", patience, 0, 1e6);
  one_of("optimizer", optimizer, kOptimizers);
  if (!(learning_rate > 0)) fail("a learning rate of {} is not above 0", learning_rate);
  in_range("backbone factor", backbone_factor, 0, 10);
  in_range("weight decay", weight_decay, 0, 1);
  in_range("momentum", momentum, 0, 0.9999);
  one_of("schedule", schedule, kSchedules);
  in_range("warm-up", warm_up, 0, 1);
  in_range("ema", ema, 0, 0.99999);
  in_range("auxiliary loss weight", loss.aux_weight, 0, 10);
  in_range("label smoothing", loss.label_smoothing, 0, 0.9);
  if (!(loss.ohem > 0 && loss.ohem <= 1)) fail("an ohem share of {} is outside 0 (exclusive) to 1", loss.ohem);
  in_range("dice weight", loss.dice, 0, 100);
  in_range("lovasz weight", loss.lovasz, 0, 100);
  one_of("class weighting", class_weighting, kWeightings);
  if (!(class_balance >= 0 && class_balance <= 1)) fail("a class balance of {} is not between 0 and 1", class_balance);
  augment.validate();
}

TrainConfig load_train_config(const std::filesystem::path& file, const TrainConfig& defaults) {
  TrainConfig c = defaults;
  YamlReader reader(file);
  YamlBlock root = reader.root();
  YamlBlock model = root.block("model");
  model.get("architecture", c.architecture, architecture_names());
  model.get("backbone", c.backbone, backbone_names());
  model.get("decoder", c.decoder, {"skip4", "skip2", "skip8", "none"});
  model.get("output_stride", c.output_stride, 8, 16);
  model.get("width", c.width, 32, 8192);
  model.get("height", c.height, 32, 8192);
  root.get("precision", c.precision, train_precisions());
  root.get("epochs", c.epochs, 1, 1'000'000);
  root.get("batch", c.batch, 2, 4096);
  root.get("micro_batches", c.micro_batches, 0, 1024);
  root.get("patience", c.patience, 0, 1'000'000);
  root.get("seed", c.seed);
  std::uint64_t limit = c.limit;
  root.get("limit", limit);
  c.limit = limit;
  root.get("ema", c.ema, 0, 0.99999);
  YamlBlock optimizer = root.block("optimizer");
  optimizer.get("name", c.optimizer, kOptimizers);
  optimizer.get("learning_rate", c.learning_rate, 1e-12, 1e3);
  optimizer.get("backbone_factor", c.backbone_factor, 0, 10);
  optimizer.get("weight_decay", c.weight_decay, 0, 1);
  optimizer.get("momentum", c.momentum, 0, 0.9999);
  YamlBlock schedule = root.block("schedule");
  schedule.get("name", c.schedule, kSchedules);
  schedule.get("warm_up", c.warm_up, 0, 1);
  YamlBlock loss = root.block("loss");
  loss.get("aux_weight", c.loss.aux_weight, 0, 10);
  loss.get("label_smoothing", c.loss.label_smoothing, 0, 0.9);
  loss.get("ohem", c.loss.ohem, 1e-6, 1);
  loss.get("dice", c.loss.dice, 0, 100);
  loss.get("lovasz", c.loss.lovasz, 0, 100);
  loss.get("class_weighting", c.class_weighting, kWeightings);
  loss.get("class_balance", c.class_balance, 0, 1);
  YamlBlock augment = root.block("augment");
  augment.get("flip", c.augment.flip);
  augment.get("scale_low", c.augment.scale_low, 0.1, 10);
  augment.get("scale_high", c.augment.scale_high, 0.1, 10);
  augment.get("class_crop", c.augment.class_crop, 0, 1);
  augment.get("brightness", c.augment.brightness, 0, 0.95);
  augment.get("contrast", c.augment.contrast, 0, 0.95);
  augment.get("saturation", c.augment.saturation, 0, 0.95);
  augment.get("hue_shift", c.augment.hue_shift, 0, 0.5);
  augment.get("blur", c.augment.blur_chance, 0, 1);
  augment.get("noise", c.augment.noise_chance, 0, 1);
  augment.get("jpeg", c.augment.jpeg_chance, 0, 1);
  augment.get("weather", c.augment.weather_chance, 0, 1);
  reader.finish();
  c.validate();
  return c;
}

nlohmann::json to_json(const TrainConfig& c) {
  const AugmentOptions& a = c.augment;
  return {{"model",
           {{"architecture", c.architecture},
            {"backbone", c.backbone},
            {"decoder", c.decoder},
            {"output_stride", c.output_stride},
            {"width", c.width},
            {"height", c.height}}},
          {"precision", c.precision},
          {"epochs", c.epochs},
          {"batch", c.batch},
          {"micro_batches", c.micro_batches},
          {"patience", c.patience},
          {"seed", c.seed},
          {"limit", c.limit},
          {"ema", c.ema},
          {"optimizer",
           {{"name", c.optimizer},
            {"learning_rate", c.learning_rate},
            {"backbone_factor", c.backbone_factor},
            {"weight_decay", c.weight_decay},
            {"momentum", c.momentum}}},
          {"schedule", {{"name", c.schedule}, {"warm_up", c.warm_up}}},
          {"loss",
           {{"aux_weight", c.loss.aux_weight},
            {"label_smoothing", c.loss.label_smoothing},
            {"ohem", c.loss.ohem},
            {"dice", c.loss.dice},
            {"lovasz", c.loss.lovasz},
            {"class_weighting", c.class_weighting},
            {"class_balance", c.class_balance}}},
          {"augment",
           {{"flip", a.flip},
            {"scale_low", a.scale_low},
            {"scale_high", a.scale_high},
            {"class_crop", a.class_crop},
            {"brightness", a.brightness},
            {"contrast", a.contrast},
            {"saturation", a.saturation},
            {"hue_shift", a.hue_shift},
            {"blur", a.blur_chance},
            {"noise", a.noise_chance},
            {"jpeg", a.jpeg_chance},
            {"weather", a.weather_chance}}}};
}

std::vector<float> class_weights(const std::vector<double>& pixels, const TrainConfig& config) {
  const bool power = config.class_weighting == "power";
  if (config.class_weighting == "none" || (power && config.class_balance == 0)) return {};
  const double total = std::accumulate(pixels.begin(), pixels.end(), 0.0);
  std::vector<double> shares;
  for (const double count : pixels)
    if (count > 0) shares.push_back(count / total);
  std::sort(shares.begin(), shares.end());
  const double median = shares.empty() ? 1 : (shares[shares.size() / 2] + shares[(shares.size() - 1) / 2]) / 2;
  double mean = 0;  // over pixels, so that the loss keeps its size
  std::vector<double> weights;
  for (const double count : pixels) {
    const double share = count / std::max(total, 1.0);
    const double weight = count <= 0                        ? 1.0
                          : power                           ? std::pow(share, -config.class_balance)
                          : config.class_weighting == "log" ? 1 / std::log(1.02 + share)
                                                            : median / share;
    mean += weight * share;
    weights.push_back(weight);
  }
  std::vector<float> out;
  for (std::size_t k = 0; k < weights.size(); ++k)
    out.push_back(pixels[k] > 0 ? static_cast<float>(std::min(weights[k] / std::max(mean, 1e-9), 20.0)) : 1.0F);
  return out;
}

double rate_at(const TrainConfig& config, std::size_t step, std::size_t steps) {
  const double warm = std::max(1.0, config.warm_up * static_cast<double>(steps));
  const double s = static_cast<double>(step);
  if (s < warm) return config.learning_rate * (s + 1) / warm;
  const double progress = (s - warm) / (static_cast<double>(steps) - warm + 1);  // 0 … below 1
  const double factor =
      config.schedule == "cosine" ? 0.5 * (1 + std::cos(std::numbers::pi * progress)) : std::pow(1 - progress, 0.9);
  return config.learning_rate * factor;
}

}  // namespace bramble
