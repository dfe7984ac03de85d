#include "bramble/train/trainer.hpp"

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <future>
#include <numeric>
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/eval/confusion.hpp"
#include "bramble/model/acfnet.hpp"
#include "bramble/train/sample_cache.hpp"

namespace bramble {
namespace {

namespace F = torch::nn::functional;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct Batch {
  torch::Tensor image;  // [N, 3, H, W] on 0…1
  torch::Tensor label;  // [N, H, W] int64, 255 ignored
};

// Order of the samples in an epoch: Fisher-Yates from random numbers of its own.
std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, int epoch) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  Random random(seed, stream_of("order"), static_cast<std::uint64_t>(epoch));
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  return order;
}

class Trainer {
 public:
  explicit Trainer(const TrainOptions& options)
      : options_(options), train_data_(Dataset::open(options.train_data)), val_data_(Dataset::open(options.val_data)) {
    if (!(train_data_.ontology() == val_data_.ontology()))
      fail("{} and {} have different classes; extract both with one ontology", options.train_data.string(),
           options.val_data.string());
    info_.ontology = train_data_.ontology();
    info_.backbone = options.backbone;
    info_.decoder = options.decoder;
    const ImageU8 first = train_data_.load_image(0);
    info_.width = options.width > 0 ? options.width : first.width / 16 * 16;
    info_.height = options.height > 0 ? options.height : first.height / 16 * 16;
    if (info_.width % 16 != 0 || info_.height % 16 != 0 || info_.width < 32 || info_.height < 32)
      fail("the network's input of {}x{} must have sides that are multiples of 16, at least 32", info_.width,
           info_.height);
    if (options.batch < 2) fail("a batch of {} is too small: batch norms need at least 2 samples", options.batch);
    if (train_data_.size() < static_cast<std::size_t>(options.batch))
      fail("{} has {} samples, fewer than a batch of {}; use --batch", options.train_data.string(), train_data_.size(),
           options.batch);
  }

  TrainReport run() {
    // The same options give the same text: it tells whether a checkpoint belongs to this training.
    recipe_ = fmt::format(
        "{} {} {} {}x{} batch {} lr {} backbone {} decay {} aux {} seed {} epochs {} train {} val {} limit {} weights "
        "{}",
        info_.architecture, info_.backbone, info_.decoder, info_.width, info_.height, options_.batch,
        options_.learning_rate, options_.backbone_factor, options_.weight_decay, options_.aux_weight, options_.seed,
        options_.epochs, train_data_.size(), val_data_.size(), options_.limit, options_.weights.filename().string());
    if (already_complete()) return report_;
    torch::manual_seed(options_.seed);
    at::set_num_threads(thread_count());
    network_ = AcfNet(info_.backbone, info_.decoder, static_cast<int>(info_.ontology.size()));
    if (!options_.weights.empty()) load_pretrained(network_->backbone(), options_.weights);
    network_->to(torch::kFloat);
    for (auto& parameter : network_->parameters())
      if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
    make_optimizer();
    resume();
    if (first_epoch_ < options_.epochs) {
      train_.emplace(train_data_, info_.width, info_.height, options_.limit, options_.memory_limit_bytes * 3 / 4);
      val_.emplace(val_data_, info_.width, info_.height, options_.limit, options_.memory_limit_bytes / 4);
    }
    for (int epoch = first_epoch_; epoch < options_.epochs; ++epoch) run_epoch(epoch);
    finish();
    return report_;
  }

 private:
  std::filesystem::path file(const char* name) const { return options_.output / name; }

  bool already_complete() {
    if (!options_.resume || !std::filesystem::exists(file("model.yaml"))) return false;
    const ModelInfo there = load_model_info(options_.output);
    const auto recipe = there.provenance.find("recipe");
    if (recipe == there.provenance.end() || recipe->second != recipe_)
      fail("{} holds another model; choose another folder, or remove it", options_.output.string());
    report_.was_complete = true;
    report_.history = there.history;
    for (const auto& entry : there.history) keep_best(entry);
    return true;
  }

  void keep_best(const nlohmann::json& entry) {
    if (entry["val_miou"].get<double>() <= report_.best_miou && report_.best_epoch > 0) return;
    report_.best_miou = entry["val_miou"];
    report_.best_accuracy = entry["val_accuracy"];
    report_.best_epoch = entry["epoch"];
  }

  void make_optimizer() {
    std::vector<torch::Tensor> head;
    const auto backbone = network_->backbone_parameters();
    for (const auto& item : network_->named_parameters())
      if (!item.key().starts_with("backbone.")) head.push_back(item.value());
    const auto with = [&](double rate) {
      return std::make_unique<torch::optim::AdamWOptions>(
          torch::optim::AdamWOptions(rate).weight_decay(options_.weight_decay));
    };
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(head, with(options_.learning_rate));
    groups.emplace_back(backbone, with(options_.learning_rate * options_.backbone_factor));
    optimizer_ = std::make_unique<torch::optim::AdamW>(groups, torch::optim::AdamWOptions(options_.learning_rate));
  }

  // Warm-up, then a polynomial of power 0.9 down to 0.
  double set_rate(std::int64_t step, std::int64_t steps) {
    const double warm = std::max(1.0, options_.warm_up * static_cast<double>(steps));
    const double s = static_cast<double>(step);
    const double factor =
        s < warm ? (s + 1) / warm : std::pow(1 - (s - warm) / (static_cast<double>(steps) - warm + 1), 0.9);
    const double rate = options_.learning_rate * factor;
    static_cast<torch::optim::AdamWOptions&>(optimizer_->param_groups()[0].options()).lr(rate);
    static_cast<torch::optim::AdamWOptions&>(optimizer_->param_groups()[1].options())
        .lr(rate * options_.backbone_factor);
    return rate;
  }

  torch::Tensor normalised(torch::Tensor image) const {
    const torch::Tensor mean =
        torch::tensor({info_.mean[0], info_.mean[1], info_.mean[2]}, torch::kFloat).view({1, 3, 1, 1});
    const torch::Tensor stddev =
        torch::tensor({info_.stddev[0], info_.stddev[1], info_.stddev[2]}, torch::kFloat).view({1, 3, 1, 1});
    return ((image - mean) / stddev).contiguous(torch::MemoryFormat::ChannelsLast);
  }

  Batch load(const SampleCache& cache, const std::vector<std::size_t>& which, int epoch) const {
    const auto n = static_cast<std::int64_t>(which.size());
    Batch batch{torch::empty({n, 3, info_.height, info_.width}),
                torch::empty({n, info_.height, info_.width}, torch::kLong)};
    const std::int64_t pixels = static_cast<std::int64_t>(info_.width) * info_.height;
    for (std::int64_t i = 0; i < n; ++i) {
      SampleCache::Pair keep;
      const auto& pair = cache.get(which[i], keep);
      float* rgb = batch.image.data_ptr<float>() + 3 * pixels * i;
      std::int64_t* label = batch.label.data_ptr<std::int64_t>() + pixels * i;
      if (epoch < 0)
        plain_sample(pair.rgb, pair.label, rgb, label);
      else
        augment(
            pair.rgb, pair.label, options_.augment,
            Random(options_.seed + static_cast<std::uint64_t>(epoch) * 0x51ed2701ULL, stream_of("augment"), which[i]),
            rgb, label);
    }
    return batch;
  }

  torch::Tensor loss_of(const AcfNetImpl::Output& out, const torch::Tensor& label) const {
    const auto resized = [&](const torch::Tensor& logits) {
      return F::interpolate(logits, F::InterpolateFuncOptions()
                                        .size(std::vector<std::int64_t>{info_.height, info_.width})
                                        .mode(torch::kBilinear)
                                        .align_corners(false));
    };
    const auto options = F::CrossEntropyFuncOptions().ignore_index(kIgnoreId);
    // The coarse map is judged at its own size: its label is the nearest pixel.
    const torch::Tensor small =
        F::interpolate(label.unsqueeze(1).to(torch::kFloat),
                       F::InterpolateFuncOptions()
                           .size(std::vector<std::int64_t>{out.coarse.size(2), out.coarse.size(3)})
                           .mode(torch::kNearest))
            .squeeze(1)
            .to(torch::kLong);
    return F::cross_entropy(resized(out.logits), label, options) +
           options_.aux_weight * F::cross_entropy(out.coarse, small, options);
  }

  void run_epoch(int epoch) {
    const auto begin = Clock::now();
    torch::manual_seed(options_.seed * 1'000'003 + static_cast<std::uint64_t>(epoch));  // dropout
    network_->train();
    const auto order = epoch_order(train_->size(), options_.seed, epoch);
    const std::size_t batches = train_->size() / options_.batch;  // the rest is left to another epoch's order
    const auto indices = [&](std::size_t b) {
      return std::vector<std::size_t>(order.begin() + static_cast<std::ptrdiff_t>(b * options_.batch),
                                      order.begin() + static_cast<std::ptrdiff_t>((b + 1) * options_.batch));
    };
    const auto fetch = [&](std::size_t b) {
      return std::async(std::launch::async, [this, which = indices(b), epoch] { return load(*train_, which, epoch); });
    };
    Progress progress(fmt::format("epoch {}/{}", epoch + 1, options_.epochs),
                      batches * static_cast<std::size_t>(options_.batch));
    double loss_sum = 0, rate = 0;
    auto next = fetch(0);
    for (std::size_t b = 0; b < batches; ++b) {
      throw_if_interrupted();
      const auto wait_begin = Clock::now();
      Batch batch = next.get();
      wait_s_ += seconds_since(wait_begin);
      if (b + 1 < batches) next = fetch(b + 1);
      rate =
          set_rate(static_cast<std::int64_t>(epoch) * static_cast<std::int64_t>(batches) + static_cast<std::int64_t>(b),
                   static_cast<std::int64_t>(options_.epochs) * static_cast<std::int64_t>(batches));
      optimizer_->zero_grad();
      torch::Tensor loss = loss_of(network_->forward(normalised(batch.image)), batch.label);
      const double value = loss.item<double>();
      if (!std::isfinite(value))
        fail("the loss is not a number in epoch {}; the last whole epoch is kept, try a smaller --lr (now {})",
             epoch + 1, options_.learning_rate);
      loss.backward();
      optimizer_->step();
      loss_sum += value;
      samples_ += static_cast<std::uint64_t>(options_.batch);
      progress.advance(static_cast<std::uint64_t>(options_.batch),
                       fmt::format("loss {:.3f}", loss_sum / static_cast<double>(b + 1)));
    }
    train_s_ += seconds_since(begin);
    const ConfusionMatrix matrix = validate();
    const nlohmann::json entry = {{"epoch", epoch + 1},
                                  {"loss", loss_sum / static_cast<double>(batches)},
                                  {"val_accuracy", matrix.accuracy().value_or(0)},
                                  {"val_miou", matrix.mean_iou().value_or(0)},
                                  {"lr", rate},
                                  {"seconds", std::round(seconds_since(begin) * 10) / 10}};
    progress.finish(fmt::format("loss {:.3f}  val accuracy {:.1f} %  mIoU {:.1f} %",
                                loss_sum / static_cast<double>(batches), 100 * matrix.accuracy().value_or(0),
                                100 * matrix.mean_iou().value_or(0)));
    report_.history.push_back(entry);
    const int best_before = report_.best_epoch;
    keep_best(entry);
    if (report_.best_epoch != best_before)
      write_safetensors(model_weights_file(options_.output), tensors_of(*network_));
    save_checkpoint(epoch + 1);
  }

  ConfusionMatrix validate() {
    const torch::NoGradGuard no_grad;
    network_->eval();
    ConfusionMatrix matrix(info_.ontology.size());
    for (std::size_t begin = 0; begin < val_->size(); begin += options_.batch) {
      throw_if_interrupted();
      std::vector<std::size_t> which;
      for (std::size_t i = begin; i < std::min(begin + options_.batch, val_->size()); ++i) which.push_back(i);
      const Batch batch = load(*val_, which, -1);
      const auto out = network_->forward(normalised(batch.image));
      const torch::Tensor logits =
          F::interpolate(out.logits, F::InterpolateFuncOptions()
                                         .size(std::vector<std::int64_t>{info_.height, info_.width})
                                         .mode(torch::kBilinear)
                                         .align_corners(false));
      const torch::Tensor estimate = logits.argmax(1).to(torch::kByte).contiguous(),
                          truth = batch.label.to(torch::kByte).contiguous();
      for (std::int64_t i = 0; i < estimate.size(0); ++i) {
        ImageU8 a(info_.width, info_.height, 1), b(info_.width, info_.height, 1);
        std::copy_n(truth[i].data_ptr<std::uint8_t>(), a.data.size(), a.data.begin());
        std::copy_n(estimate[i].data_ptr<std::uint8_t>(), b.data.size(), b.data.begin());
        matrix.add(a, b);
      }
    }
    return matrix;
  }

  void save_checkpoint(int epochs_done) {
    torch::serialize::OutputArchive archive, model, optimizer;
    network_->save(model);
    optimizer_->save(optimizer);
    archive.write("model", model);
    archive.write("optimizer", optimizer);
    std::ostringstream bytes;
    archive.save_to(bytes);
    // The state names the checkpoint it belongs to: a kill between the two writes leaves the older pair.
    const std::string name = fmt::format("checkpoint_{}.pt", epochs_done);
    write_file_atomically(options_.output / name, std::string_view(bytes.view()));
    const nlohmann::json state = {
        {"recipe", recipe_}, {"epochs_done", epochs_done}, {"checkpoint", name}, {"history", report_.history}};
    write_file_atomically(file("state.json"), state.dump(1) + "\n");
    std::error_code error;
    for (int old = 1; old < epochs_done; ++old)
      std::filesystem::remove(options_.output / fmt::format("checkpoint_{}.pt", old), error);
  }

  void resume() {
    report_.history = nlohmann::json::array();
    if (!options_.resume || !std::filesystem::exists(file("state.json"))) return;
    const auto state = nlohmann::json::parse(read_text_file(file("state.json")), nullptr, false);
    if (!state.is_object() || state.value("recipe", "") != recipe_)
      fail("{} holds an unfinished training with other options; choose another folder, or remove it",
           options_.output.string());
    const auto checkpoint = options_.output / state.at("checkpoint").get<std::string>();
    try {
      torch::serialize::InputArchive archive, model, optimizer;
      archive.load_from(checkpoint.string());
      archive.read("model", model);
      archive.read("optimizer", optimizer);
      network_->load(model);
      optimizer_->load(optimizer);
    } catch (const c10::Error&) {
      fail("{} is damaged; remove {} to train from the start", checkpoint.string(), options_.output.string());
    }
    for (auto& parameter : network_->parameters())
      if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
    report_.history = state.at("history");
    for (const auto& entry : report_.history) keep_best(entry);
    first_epoch_ = state.at("epochs_done");
    spdlog::info("going on after epoch {} of {}", first_epoch_, options_.epochs);
  }

  void finish() {
    info_.history = report_.history;
    info_.provenance = {{"recipe", recipe_},
                        {"train", std::filesystem::absolute(options_.train_data).filename().string()},
                        {"train_samples", std::to_string(train_data_.size())},
                        {"val_samples", std::to_string(val_data_.size())},
                        {"epochs", std::to_string(options_.epochs)},
                        {"best_epoch", std::to_string(report_.best_epoch)},
                        {"seed", std::to_string(options_.seed)}};
    save_model_info(options_.output, info_);
    std::error_code error;
    std::filesystem::remove(file("state.json"), error);
    for (int old = 1; old <= options_.epochs; ++old)
      std::filesystem::remove(options_.output / fmt::format("checkpoint_{}.pt", old), error);
    report_.samples_per_s = train_s_ > 0 ? static_cast<double>(samples_) / train_s_ : 0;
    report_.wait_share = train_s_ > 0 ? wait_s_ / train_s_ : 0;
  }

  const TrainOptions& options_;
  Dataset train_data_, val_data_;
  ModelInfo info_;
  std::string recipe_;
  AcfNet network_{nullptr};
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  std::optional<SampleCache> train_, val_;
  int first_epoch_ = 0;
  std::uint64_t samples_ = 0;
  double train_s_ = 0, wait_s_ = 0;
  TrainReport report_;
};

}  // namespace

TrainReport train(const TrainOptions& options) {
  if (options.epochs < 1) fail("{} epochs make no training", options.epochs);
  return Trainer(options).run();
}

}  // namespace bramble
