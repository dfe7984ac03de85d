#include "bramble/train/trainer.hpp"

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <future>
#include <numeric>
#include <optional>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/eval/confusion.hpp"
#include "bramble/model/pretrained.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/model/torch_device.hpp"
#include "bramble/model/torch_threads.hpp"
#include "bramble/ros/sha256.hpp"
#include "bramble/train/checkpoint.hpp"
#include "bramble/train/sample_cache.hpp"
#include "bramble/train/train_step.hpp"
#include "bramble/train/training_page.hpp"
#include "bramble/train/upsampled_cross_entropy.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Order of the samples in an epoch: Fisher-Yates from random numbers of its own.
std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, int epoch) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  Random random(seed, stream_of("order"), static_cast<std::uint64_t>(epoch));
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  return order;
}

// Digest of what a data set consists of: classes, names and the sizes of all files. The pixels are not read for it.
std::string listing_checksum(const Dataset& dataset) {
  Sha256 sum;
  sum.add(dataset.ontology().to_yaml());
  for (const auto& sample : dataset.samples())
    sum.add(fmt::format("{} {} {}\n", sample.name, fs::file_size(dataset.folder() / sample.image),
                        fs::file_size(dataset.folder() / sample.label)));
  return sum.hex_digest().substr(0, 16);
}

std::uint64_t half_of_free_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (std::uint64_t kib = 0; file >> key >> kib; file.ignore(100, '\n'))
    if (key == "MemAvailable:") return std::min<std::uint64_t>(kib * 1024 / 2, 16ULL << 30);
  return 2ULL << 30;
}

std::string duration_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

class Trainer {
 public:
  explicit Trainer(const TrainOptions& options)
      : options_(options),
        device_(torch_device(options.device)),
        group_(options.processes, device_),
        train_data_(Dataset::open(options.train_data)),
        val_data_(Dataset::open(options.val_data)) {
    options.validate();
    if (!(train_data_.ontology() == val_data_.ontology()))
      fail("{} and {} have different classes; extract both with one ontology", options.train_data.string(),
           options.val_data.string());
    parts_ = options.micro_batches > 0 ? options.micro_batches : group_.size();
    if (parts_ % group_.size() != 0 || options.batch % parts_ != 0 || options.batch / parts_ < 2)
      fail("a batch of {} in {} parts cannot be shared evenly by {} processes with at least 2 samples a part",
           options.batch, parts_, group_.size());
    info_.ontology = train_data_.ontology();
    info_.architecture = options.architecture;
    info_.backbone = options.backbone;
    info_.decoder = options.decoder.empty() ? decoders_of(options.architecture).front() : options.decoder;
    info_.output_stride = options.output_stride;
    set_backbone_defaults(info_);
    if (options.width > 0) {
      info_.width = options.width;
      info_.height = options.height;
    } else {
      const ImageU8 first = train_data_.load_image(0);
      info_.width = first.width / 16 * 16;
      info_.height = first.height / 16 * 16;
    }
    if (info_.width % 16 != 0 || info_.height % 16 != 0 || info_.width < 32 || info_.height < 32)
      fail("the network's input of {}x{} must have sides that are multiples of 16, at least 32", info_.width,
           info_.height);
    const std::size_t used =
        options.limit == 0 ? train_data_.size() : std::min<std::size_t>(options.limit, train_data_.size());
    if (used < static_cast<std::size_t>(options.batch))
      fail("{} samples of {} are fewer than a batch of {}; use a smaller batch", used, options.train_data.string(),
           options.batch);
  }

  TrainReport run() {
    describe_recipe();
    if (already_complete()) return report_;
    set_torch_threads(thread_count());
    torch::manual_seed(options_.seed);
    std::optional<PretrainedBackbone> pretrained;
    if (!options_.weights.empty()) {
      pretrained = read_pretrained(options_.weights, info_.backbone);
      apply_conventions(info_, *pretrained);
    }
    Segmenter network = make_segmenter(info_);
    if (pretrained) load_tensors(*network->backbone(), pretrained->tensors, options_.weights.string());
    const nlohmann::json state = unfinished_state();
    first_epoch_ = state.is_null() ? 0 : state.at("epochs_done").get<int>();
    TrainStepOptions step_options{options_.optimizer,
                                  options_.learning_rate,
                                  options_.backbone_factor,
                                  options_.weight_decay,
                                  options_.momentum,
                                  options_.ema,
                                  options_.loss,
                                  {},
                                  device_,
                                  scalar_type_of(config_.precision)};
    if (first_epoch_ < options_.epochs) {
      const std::uint64_t memory = options_.memory_limit_bytes ? options_.memory_limit_bytes : half_of_free_memory();
      train_.emplace(train_data_, info_.width, info_.height, options_.limit, memory / 4 * 3);
      val_.emplace(val_data_, info_.width, info_.height, options_.limit, memory / 4);
      step_options.class_weights = class_weights(class_pixels(), options_);
    }
    step_.emplace(network, info_, step_options);
    if (!state.is_null()) resume(state);
    for (int epoch = first_epoch_; epoch < options_.epochs && !out_of_patience(); ++epoch) run_epoch(epoch);
    report_.stopped_early = static_cast<int>(report_.history.size()) < options_.epochs;
    if (report_.stopped_early)
      spdlog::info("no better epoch than {} came in {} more: the training ends early", report_.best_epoch,
                   options_.patience);
    finish();
    return report_;
  }

 private:
  fs::path file(const std::string& name) const { return options_.output / name; }

  // The same options on the same data give the same text: it tells whether a checkpoint belongs to this training.
  void describe_recipe() {
    train_sum_ = listing_checksum(train_data_);
    val_sum_ = listing_checksum(val_data_);
    config_ = options_;
    config_.decoder = info_.decoder;
    config_.width = info_.width;
    config_.height = info_.height;
    config_.micro_batches = parts_;
    config_.precision = resolved_precision(options_.precision, device_);
    nlohmann::json recipe = to_json(config_);
    recipe["train"] = train_sum_;
    recipe["val"] = val_sum_;
    recipe["weights"] = options_.weights.empty() ? "none" : options_.weights.filename().string();
    recipe_ = recipe.dump();
    const std::string first = group_.from_first(recipe_);
    if (first != recipe_)
      fail("process {} of {} has other options or data than the first one", group_.rank(), group_.size());
  }

  bool already_complete() {
    std::string history;
    if (group_.first() && options_.resume && fs::exists(file("model.yaml"))) {
      const ModelInfo there = load_model_info(options_.output);
      const auto recipe = there.provenance.find("recipe");
      if (recipe == there.provenance.end() || recipe->second != recipe_)
        fail("{} holds a model of another training; choose another folder, or start anew with --no-resume",
             options_.output.string());
      history = there.history.dump();
    }
    history = group_.from_first(history);
    if (history.empty()) return false;
    report_.was_complete = true;
    take_history(nlohmann::json::parse(history), file("history.json"));
    report_.stopped_early = static_cast<int>(report_.history.size()) < options_.epochs;
    return true;
  }

  void take_history(const nlohmann::json& history, const fs::path& from) {
    try {
      for (const auto& entry : history) keep_best(entry);
    } catch (const nlohmann::json::exception&) {
      fail("{} is damaged; remove {} to train from the start", from.string(), options_.output.string());
    }
    report_.history = history;
  }

  bool keep_best(const nlohmann::json& entry) {
    if (report_.best_epoch > 0 && entry.at("val_miou").get<double>() <= report_.best_miou) return false;
    report_.best_miou = entry.at("val_miou");
    report_.best_accuracy = entry.at("val_accuracy");
    report_.best_epoch = entry.at("epoch");
    return true;
  }

  bool out_of_patience() const {
    return options_.patience > 0 && report_.best_epoch > 0 &&
           static_cast<int>(report_.history.size()) - report_.best_epoch >= options_.patience;
  }

  // Pixels of the classes, counted in at most 500 samples spread evenly. Says which classes there are none of.
  std::vector<double> class_pixels() const {
    std::vector<double> counts(info_.ontology.size(), 0);
    const std::size_t used = std::min<std::size_t>(train_->size(), 500);
    for (std::size_t i = 0; i < used; ++i) {
      SampleCache::Pair keep;
      for (const auto id : train_->get(i * train_->size() / used, keep).label.data)
        if (id != kIgnoreId) counts[id] += 1;
    }
    std::string missing;
    for (const auto& cls : info_.ontology.classes())
      if (counts[cls.id] == 0) missing += (missing.empty() ? "" : ", ") + cls.name;
    if (!missing.empty() && group_.first())
      spdlog::warn("{}: no pixel of {} in {} samples; the model cannot learn what it never sees",
                   options_.train_data.string(), missing, used);
    return counts;
  }

  // epoch < 0: the samples as they are.
  Batch load(const SampleCache& cache, const std::vector<std::size_t>& which, int epoch) const {
    const auto n = static_cast<std::int64_t>(which.size());
    // In memory that a GPU can fetch by itself.
    const auto memory = torch::TensorOptions().pinned_memory(device_.is_cuda());
    Batch batch{torch::empty({n, 3, info_.height, info_.width}, memory),
                torch::empty({n, info_.height, info_.width}, memory.dtype(torch::kLong))};
    const std::size_t pixels = static_cast<std::size_t>(info_.width) * static_cast<std::size_t>(info_.height);
    float* const images = batch.image.data_ptr<float>();
    std::int64_t* const labels = batch.label.data_ptr<std::int64_t>();
    parallel_for(which.size(), [&](std::size_t i) {
      SampleCache::Pair keep;
      const auto& pair = cache.get(which[i], keep);
      if (epoch < 0)
        plain_sample(pair.rgb, pair.label, images + 3 * pixels * i, labels + pixels * i);
      else
        augment(
            pair.rgb, pair.label, options_.augment,
            Random(options_.seed + static_cast<std::uint64_t>(epoch) * 0x51ed2701ULL, stream_of("augment"), which[i]),
            images + 3 * pixels * i, labels + pixels * i);
    });
    return batch;
  }

  // Loads batch after batch, the next one while the last is worked on.
  template <typename Work>
  void for_each_batch(const SampleCache& cache, const std::vector<std::vector<std::size_t>>& batches, int epoch,
                      const Work& work) {
    if (batches.empty()) return;
    const auto fetch = [&](std::size_t b) {
      return std::async(std::launch::async, [&, b] { return load(cache, batches[b], epoch); });
    };
    auto next = fetch(0);
    for (std::size_t b = 0; b < batches.size(); ++b) {
      throw_if_interrupted();
      const auto begin = Clock::now();
      const Batch batch = next.get();
      if (epoch >= 0) wait_s_ += seconds_since(begin);
      if (b + 1 < batches.size()) next = fetch(b + 1);
      work(b, batch);
    }
  }

  // This process's samples of each step: its parts of the batch, one after the other.
  std::vector<std::vector<std::size_t>> own_batches(int epoch) const {
    const auto order = epoch_order(train_->size(), options_.seed, epoch);
    const auto size = static_cast<std::size_t>(options_.batch), part = size / static_cast<std::size_t>(parts_);
    std::vector<std::vector<std::size_t>> batches;  // the rest is left to another epoch's order
    for (std::size_t begin = 0; begin + size <= order.size(); begin += size) {
      batches.emplace_back();
      for (auto p = static_cast<std::size_t>(group_.rank()); p < static_cast<std::size_t>(parts_);
           p += static_cast<std::size_t>(group_.size()))
        for (std::size_t i = 0; i < part; ++i) batches.back().push_back(order[begin + p * part + i]);
    }
    return batches;
  }

  // Dropout depends on the step and the part, not on what was drawn before or by whom.
  void seed_dropout(std::size_t step, std::int64_t part) const {
    const auto index =
        static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(parts_) + static_cast<std::uint64_t>(part);
    torch::manual_seed(Random(options_.seed, stream_of("dropout"), index).next_u32());
  }

  // One step of all processes together; the mean loss of the parts.
  double learn(const Batch& own, std::size_t step, double rate) {
    const std::int64_t part = options_.batch / parts_;
    if (group_.alone() && parts_ == 1) {
      seed_dropout(step, 0);
      return step_->learn(own, rate);
    }
    step_->begin();
    double loss = 0;
    for (std::int64_t i = 0; i * part < own.image.size(0); ++i) {
      seed_dropout(step, group_.rank() + i * group_.size());
      loss +=
          step_->accumulate({own.image.narrow(0, i * part, part), own.label.narrow(0, i * part, part)}, 1.0 / parts_) /
          parts_;
    }
    loss = group_.sum(std::vector<double>{loss})[0];
    if (!std::isfinite(loss)) return loss;
    if (!group_.alone()) {
      auto shared = step_->gradients();
      for (const auto& tensor : step_->statistics()) shared.push_back(tensor);
      group_.sum(shared);
    }
    step_->apply(rate);
    return loss;
  }

  void run_epoch(int epoch) {
    const auto begin = Clock::now();
    step_->network()->train();
    const auto batches = own_batches(epoch);
    const auto size = static_cast<std::size_t>(options_.batch);
    const std::size_t first_step = static_cast<std::size_t>(epoch) * batches.size(),
                      steps = static_cast<std::size_t>(options_.epochs) * batches.size();
    std::optional<Progress> progress;
    if (group_.first()) progress.emplace(fmt::format("epoch {}/{}", epoch + 1, options_.epochs), batches.size() * size);
    double loss_sum = 0, rate = 0;
    auto batch_begin = begin;
    for_each_batch(*train_, batches, epoch, [&](std::size_t b, const Batch& batch) {
      rate = rate_at(options_, first_step + b, steps);
      const double loss = learn(batch, first_step + b, rate);
      if (!std::isfinite(loss))
        fail("the loss is not a number in epoch {}; the last whole epoch is kept, try a smaller learning rate (now {})",
             epoch + 1, options_.learning_rate);
      loss_sum += loss;
      samples_ += size;
      if (!progress) return;
      // What a batch takes lately: the first ones of a run tell nothing (a GPU's libraries look for their algorithms).
      const double batch_s = seconds_since(batch_begin);
      batch_begin = Clock::now();
      ++batches_run_;
      batch_s_ = batches_run_ <= kWarmUp ? batch_s : batch_s_ + (batch_s - batch_s_) / kLately;
      left_s_ = static_cast<double>(steps - first_step - b - 1) * batch_s_ + validation_s_ * (options_.epochs - epoch);
      progress->advance(
          size, fmt::format("loss {:.3f}  {:.1f} samples/s  training ends in {}", loss_sum / static_cast<double>(b + 1),
                            static_cast<double>(size) / batch_s_, duration_text(left_s_)));
    });
    train_s_ += seconds_since(begin);
    const auto validation_begin = Clock::now();
    std::optional<TrainStep::Averaged> averaged(std::in_place, *step_);
    const ConfusionMatrix matrix = validate();
    validation_s_ = seconds_since(validation_begin);
    const double loss = loss_sum / static_cast<double>(batches.size());
    nlohmann::json entry = {{"epoch", epoch + 1},
                            {"loss", loss},
                            {"val_accuracy", matrix.accuracy().value_or(0)},
                            {"val_miou", matrix.mean_iou().value_or(0)},
                            {"val_iou", nlohmann::json::object()},
                            {"lr", rate},
                            {"seconds", std::round(seconds_since(begin) * 10) / 10}};
    for (const auto& cls : info_.ontology.classes())
      if (const auto iou = matrix.iou(cls.id)) entry["val_iou"][cls.name] = *iou;
    if (progress)
      progress->finish(fmt::format("loss {:.3f}  val accuracy {:.1f} %  mIoU {:.1f} %", loss,
                                   100 * matrix.accuracy().value_or(0), 100 * matrix.mean_iou().value_or(0)));
    report_.history.push_back(entry);
    const bool best = keep_best(entry);
    ++epochs_run_;
    if (best && group_.first()) write_safetensors(best_weights(), tensors_of(*step_->network()));
    averaged.reset();  // the checkpoint holds the weights that learn
    if (group_.first()) save_checkpoint(epoch + 1);
    if (options_.after_epoch) options_.after_epoch(entry);
  }

  // Each process takes every size()-th batch.
  ConfusionMatrix validate() {
    const torch::NoGradGuard no_grad;
    step_->network()->eval();
    const std::size_t classes = info_.ontology.size();
    ConfusionMatrix own(classes);
    std::vector<std::vector<std::size_t>> batches;
    const auto size = static_cast<std::size_t>(options_.batch);
    for (std::size_t begin = size * static_cast<std::size_t>(group_.rank()); begin < val_->size();
         begin += size * static_cast<std::size_t>(group_.size())) {
      batches.emplace_back(std::min(size, val_->size() - begin));
      std::iota(batches.back().begin(), batches.back().end(), begin);
    }
    for_each_batch(*val_, batches, -1, [&](std::size_t, const Batch& batch) {
      const auto out = step_->network()->forward(step_->normalised(batch.image));
      const torch::Tensor estimate = full_size(out.logits, batch.label).argmax(1).to(torch::kByte).cpu().contiguous(),
                          truth = batch.label.to(torch::kByte).contiguous();
      for (std::int64_t i = 0; i < estimate.size(0); ++i) {
        ImageU8 a(info_.width, info_.height, 1), b(info_.width, info_.height, 1);
        std::copy_n(truth[i].data_ptr<std::uint8_t>(), a.data.size(), a.data.begin());
        std::copy_n(estimate[i].data_ptr<std::uint8_t>(), b.data.size(), b.data.begin());
        own.add(a, b);
      }
    });
    if (group_.alone()) return own;
    std::vector<std::uint64_t> counts;
    for (std::size_t truth = 0; truth < classes; ++truth)
      for (std::size_t guess = 0; guess < classes; ++guess)
        counts.push_back(own.count(static_cast<ClassId>(truth), static_cast<ClassId>(guess)));
    counts = group_.sum(counts);
    ConfusionMatrix all(classes);
    for (std::size_t i = 0; i < counts.size(); ++i)
      all.add(static_cast<ClassId>(i / classes), static_cast<ClassId>(i % classes), counts[i]);
    return all;
  }

  void save_checkpoint(int epochs_done) {
    // The state names the checkpoint it belongs to: a kill between the two writes leaves the older pair.
    const std::string name = fmt::format("checkpoint_{}.pt", epochs_done);
    write_file_atomically(file(name), checkpoint_bytes(*step_));
    const nlohmann::json state = {
        {"recipe", recipe_}, {"epochs_done", epochs_done}, {"checkpoint", name}, {"history", report_.history}};
    write_file_atomically(file("state.json"), state.dump(1) + "\n");
    remove_working_files(epochs_done, report_.best_epoch);
    write_page(out_of_patience() || epochs_done == options_.epochs ? "finished" : "ends in " + duration_text(left_s_));
  }

  void write_page(const std::string& state) {
    const std::string name = fs::absolute(options_.output / "").lexically_normal().parent_path().filename().string();
    write_file_atomically(file("training.html"),
                          to_html({name, to_json(config_), report_.history, info_.ontology, options_.epochs,
                                   report_.best_epoch, state, state != "finished"}));
  }

  fs::path best_weights() const { return file(fmt::format("best_{}.safetensors", report_.best_epoch)); }

  void remove_working_files(int keep_checkpoint, int keep_best) const {
    std::error_code error;
    for (int epoch = 1; epoch <= options_.epochs; ++epoch) {
      if (epoch != keep_checkpoint) fs::remove(file(fmt::format("checkpoint_{}.pt", epoch)), error);
      if (epoch != keep_best) fs::remove(file(fmt::format("best_{}.safetensors", epoch)), error);
    }
  }

  // What the first process finds; null: nothing to go on with.
  nlohmann::json unfinished_state() {
    report_.history = nlohmann::json::array();
    std::string found;
    if (group_.first() && options_.resume && fs::exists(file("state.json"))) found = read_text_file(file("state.json"));
    found = group_.from_first(found);
    if (found.empty()) return nullptr;
    const auto state = nlohmann::json::parse(found, nullptr, false);
    const auto text = [&](const char* key) {
      return state.is_object() && state.contains(key) && state[key].is_string() ? state[key].get<std::string>() : "";
    };
    if (text("recipe").empty() || text("checkpoint").empty() || !state.contains("history") ||
        !state["history"].is_array() || !state.contains("epochs_done") || !state["epochs_done"].is_number_integer())
      fail("{} is damaged; start anew with --no-resume", file("state.json").string());
    if (text("recipe") != recipe_)
      fail(
          "{} holds an unfinished training with other options or data; choose another folder, or start anew with "
          "--no-resume",
          options_.output.string());
    return state;
  }

  void resume(const nlohmann::json& state) {
    const auto checkpoint = file(state.at("checkpoint").get<std::string>());
    std::string bytes;
    if (group_.first()) {
      if (!fs::exists(checkpoint)) fail("{} is missing; start anew with --no-resume", checkpoint.string());
      bytes = read_text_file(checkpoint);
    }
    restore_checkpoint(*step_, group_.from_first(bytes), checkpoint.string());
    take_history(state.at("history"), file("state.json"));
    if (group_.first()) spdlog::info("going on after epoch {} of {}", report_.history.size(), options_.epochs);
  }

  void finish() {
    report_.samples_per_s = train_s_ > 0 ? static_cast<double>(samples_) / train_s_ : 0;
    report_.wait_share = train_s_ > 0 ? wait_s_ / train_s_ : 0;
    if (!group_.first()) return;
    info_.history = report_.history;
    const auto name = [](const fs::path& path) { return fs::absolute(path / "").parent_path().filename().string(); };
    info_.provenance = {{"train", name(options_.train_data)},
                        {"train_samples", std::to_string(train_data_.size())},
                        {"train_listing_sha256", train_sum_},
                        {"val", name(options_.val_data)},
                        {"val_samples", std::to_string(val_data_.size())},
                        {"val_listing_sha256", val_sum_},
                        {"epochs", std::to_string(report_.history.size())},
                        {"best_epoch", std::to_string(report_.best_epoch)},
                        {"seed", std::to_string(options_.seed)},
                        {"threads", std::to_string(thread_count())},
                        {"device", describe(device_)},
                        {"processes", std::to_string(group_.size())},
                        {"pretrained", options_.weights.empty() ? "none" : options_.weights.filename().string()},
                        {"recipe", recipe_}};
    if (!options_.version.empty()) info_.provenance["bramble"] = options_.version;
    // A package that stood here before is taken down first, so that its description never stands beside new weights.
    std::error_code error;
    fs::remove(file("model.yaml"), error);
    write_file_atomically(model_weights_file(options_.output), read_file(best_weights()));
    write_page("finished");
    save_model_info(options_.output, info_);
    fs::remove(file("state.json"), error);
    remove_working_files(0, 0);
  }

  const TrainOptions& options_;
  torch::Device device_;
  ProcessGroup group_;
  Dataset train_data_, val_data_;
  std::string train_sum_, val_sum_, recipe_;
  TrainConfig config_;  // with what was left to be found out
  ModelInfo info_;
  std::optional<TrainStep> step_;
  std::optional<SampleCache> train_, val_;
  int parts_ = 1, first_epoch_ = 0, epochs_run_ = 0;
  std::uint64_t samples_ = 0;
  double train_s_ = 0, wait_s_ = 0, left_s_ = 0;
  static constexpr std::uint64_t kWarmUp = 5;
  static constexpr double kLately = 20;  // batches
  std::uint64_t batches_run_ = 0;
  double batch_s_ = 0, validation_s_ = 0;  // of one batch lately, of the last validation
  TrainReport report_;
};

}  // namespace

TrainReport train(const TrainOptions& options) {
  try {
    return Trainer(options).run();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    if (what.find("can't allocate memory") != std::string::npos || what.find("out of memory") != std::string::npos)
      fail("not enough memory to train with a batch of {}; use a smaller batch or size", options.batch);
    fail("libtorch: {}", what.substr(0, what.find('\n')));
  }
}

}  // namespace bramble
