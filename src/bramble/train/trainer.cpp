#include "bramble/train/trainer.hpp"

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <future>
#include <numeric>
#include <optional>
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
#include "bramble/ros/sha256.hpp"
#include "bramble/train/sample_cache.hpp"
#include "bramble/train/train_step.hpp"

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
      : options_(options), train_data_(Dataset::open(options.train_data)), val_data_(Dataset::open(options.val_data)) {
    if (!(train_data_.ontology() == val_data_.ontology()))
      fail("{} and {} have different classes; extract both with one ontology", options.train_data.string(),
           options.val_data.string());
    info_.ontology = train_data_.ontology();
    info_.backbone = options.backbone;
    info_.decoder = options.decoder;
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
    if (options.batch < 2) fail("a batch of {} is too small: batch norms need at least 2 samples", options.batch);
    const std::size_t used =
        options.limit == 0 ? train_data_.size() : std::min<std::size_t>(options.limit, train_data_.size());
    if (used < static_cast<std::size_t>(options.batch))
      fail("{} samples of {} are fewer than a batch of {}; use a smaller batch", used, options.train_data.string(),
           options.batch);
    if (!(options.class_balance >= 0 && options.class_balance <= 1))
      fail("a class balance of {} is not between 0 and 1", options.class_balance);
  }

  TrainReport run() {
    describe_recipe();
    if (already_complete()) return report_;
    at::set_num_threads(thread_count());
    torch::manual_seed(options_.seed);
    AcfNet network(info_.backbone, info_.decoder, static_cast<int>(info_.ontology.size()));
    if (!options_.weights.empty()) load_pretrained(network->backbone(), options_.weights);
    TrainStepOptions step_options{
        options_.learning_rate, options_.backbone_factor, options_.weight_decay, options_.aux_weight, {}};
    const nlohmann::json state = unfinished_state();
    const int first_epoch = state.is_null() ? 0 : state.at("epochs_done").get<int>();
    if (first_epoch < options_.epochs) {
      const std::uint64_t memory = options_.memory_limit_bytes ? options_.memory_limit_bytes : half_of_free_memory();
      train_.emplace(train_data_, info_.width, info_.height, options_.limit, memory / 4 * 3);
      val_.emplace(val_data_, info_.width, info_.height, options_.limit, memory / 4);
      if (options_.class_balance > 0) step_options.class_weights = class_weights();
    }
    step_.emplace(network, info_, step_options);
    if (!state.is_null()) resume(state);
    for (int epoch = first_epoch; epoch < options_.epochs; ++epoch) run_epoch(epoch);
    finish();
    return report_;
  }

 private:
  fs::path file(const std::string& name) const { return options_.output / name; }

  // The same options on the same data give the same text: it tells whether a checkpoint belongs to this training.
  void describe_recipe() {
    const auto& a = options_.augment;
    train_sum_ = listing_checksum(train_data_);
    val_sum_ = listing_checksum(val_data_);
    recipe_ = fmt::format("{} {} {} {}x{} batch {} lr {} backbone {} decay {} aux {} warm-up {} balance {} seed {} ",
                          info_.architecture, info_.backbone, info_.decoder, info_.width, info_.height, options_.batch,
                          options_.learning_rate, options_.backbone_factor, options_.weight_decay, options_.aux_weight,
                          options_.warm_up, options_.class_balance, options_.seed);
    recipe_ += fmt::format(
        "epochs {} train {} val {} limit {} weights {} augment {} {} {} {} {} {} {} {}", options_.epochs, train_sum_,
        val_sum_, options_.limit, options_.weights.empty() ? "none" : options_.weights.filename().string(), a.flip,
        a.scale_low, a.scale_high, a.brightness, a.contrast, a.saturation, a.hue_shift, a.blur_chance);
  }

  bool already_complete() {
    if (!options_.resume || !fs::exists(file("model.yaml"))) return false;
    const ModelInfo there = load_model_info(options_.output);
    const auto recipe = there.provenance.find("recipe");
    if (recipe == there.provenance.end() || recipe->second != recipe_)
      fail("{} holds a model of another training; choose another folder, or start anew with --no-resume",
           options_.output.string());
    report_.was_complete = true;
    take_history(there.history, file("history.json"));
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

  // Shares of the classes in the labels, counted in at most 500 samples spread evenly.
  std::vector<float> class_weights() const {
    std::vector<double> counts(info_.ontology.size(), 0);
    const std::size_t used = std::min<std::size_t>(train_->size(), 500);
    for (std::size_t i = 0; i < used; ++i) {
      SampleCache::Pair keep;
      for (const auto id : train_->get(i * train_->size() / used, keep).label.data)
        if (id != kIgnoreId) counts[id] += 1;
    }
    const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
    double mean = 0;  // over pixels, so that the loss keeps its size
    std::vector<float> weights;
    for (const double count : counts) {
      const double weight = count > 0 ? std::pow(count / total, -options_.class_balance) : 1.0;
      mean += weight * count / std::max(total, 1.0);
      weights.push_back(static_cast<float>(weight));
    }
    for (auto& weight : weights) weight = static_cast<float>(std::min(weight / std::max(mean, 1e-9), 20.0));
    return weights;
  }

  // Warm-up, then a polynomial of power 0.9 down to 0.
  double rate_of(std::size_t step, std::size_t steps) const {
    const double warm = std::max(1.0, options_.warm_up * static_cast<double>(steps));
    const double s = static_cast<double>(step);
    const double factor =
        s < warm ? (s + 1) / warm : std::pow(1 - (s - warm) / (static_cast<double>(steps) - warm + 1), 0.9);
    return options_.learning_rate * factor;
  }

  // epoch < 0: the samples as they are.
  Batch load(const SampleCache& cache, const std::vector<std::size_t>& which, int epoch) const {
    const auto n = static_cast<std::int64_t>(which.size());
    Batch batch{torch::empty({n, 3, info_.height, info_.width}),
                torch::empty({n, info_.height, info_.width}, torch::kLong)};
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

  void run_epoch(int epoch) {
    const auto begin = Clock::now();
    torch::manual_seed(options_.seed * 1'000'003 + static_cast<std::uint64_t>(epoch));  // dropout
    step_->network()->train();
    const auto order = epoch_order(train_->size(), options_.seed, epoch);
    const auto size = static_cast<std::size_t>(options_.batch);
    std::vector<std::vector<std::size_t>> batches;  // the rest is left to another epoch's order
    for (auto at = order.begin(); order.end() - at >= options_.batch; at += options_.batch)
      batches.emplace_back(at, at + options_.batch);
    const std::size_t first_step = static_cast<std::size_t>(epoch) * batches.size(),
                      steps = static_cast<std::size_t>(options_.epochs) * batches.size();
    Progress progress(fmt::format("epoch {}/{}", epoch + 1, options_.epochs), batches.size() * size);
    double loss_sum = 0, rate = 0;
    for_each_batch(*train_, batches, epoch, [&](std::size_t b, const Batch& batch) {
      rate = rate_of(first_step + b, steps);
      const double loss = step_->learn(batch, rate);
      if (!std::isfinite(loss))
        fail("the loss is not a number in epoch {}; the last whole epoch is kept, try a smaller learning rate (now {})",
             epoch + 1, options_.learning_rate);
      loss_sum += loss;
      samples_ += size;
      const double per_s = static_cast<double>(samples_) / (train_s_ + seconds_since(begin));
      progress.advance(
          size, fmt::format("loss {:.3f}  {:.1f} samples/s  training ends in {}", loss_sum / static_cast<double>(b + 1),
                            per_s, duration_text(static_cast<double>((steps - first_step - b - 1) * size) / per_s)));
    });
    train_s_ += seconds_since(begin);
    const ConfusionMatrix matrix = validate();
    const double loss = loss_sum / static_cast<double>(batches.size());
    const nlohmann::json entry = {{"epoch", epoch + 1},
                                  {"loss", loss},
                                  {"val_accuracy", matrix.accuracy().value_or(0)},
                                  {"val_miou", matrix.mean_iou().value_or(0)},
                                  {"lr", rate},
                                  {"seconds", std::round(seconds_since(begin) * 10) / 10}};
    progress.finish(fmt::format("loss {:.3f}  val accuracy {:.1f} %  mIoU {:.1f} %", loss,
                                100 * matrix.accuracy().value_or(0), 100 * matrix.mean_iou().value_or(0)));
    report_.history.push_back(entry);
    if (keep_best(entry)) write_safetensors(best_weights(), tensors_of(*step_->network()));
    save_checkpoint(epoch + 1);
    if (options_.after_epoch) options_.after_epoch(entry);
  }

  ConfusionMatrix validate() {
    const torch::NoGradGuard no_grad;
    step_->network()->eval();
    ConfusionMatrix matrix(info_.ontology.size());
    std::vector<std::vector<std::size_t>> batches;
    for (std::size_t i = 0; i < val_->size(); ++i) {
      if (i % static_cast<std::size_t>(options_.batch) == 0) batches.emplace_back();
      batches.back().push_back(i);
    }
    for_each_batch(*val_, batches, -1, [&](std::size_t, const Batch& batch) {
      const auto out = step_->network()->forward(step_->normalised(batch.image));
      const torch::Tensor estimate =
                              TrainStep::full_size(out.logits, batch.label).argmax(1).to(torch::kByte).contiguous(),
                          truth = batch.label.to(torch::kByte).contiguous();
      for (std::int64_t i = 0; i < estimate.size(0); ++i) {
        ImageU8 a(info_.width, info_.height, 1), b(info_.width, info_.height, 1);
        std::copy_n(truth[i].data_ptr<std::uint8_t>(), a.data.size(), a.data.begin());
        std::copy_n(estimate[i].data_ptr<std::uint8_t>(), b.data.size(), b.data.begin());
        matrix.add(a, b);
      }
    });
    return matrix;
  }

  void save_checkpoint(int epochs_done) {
    torch::serialize::OutputArchive archive, model, optimizer;
    step_->network()->save(model);
    step_->optimizer().save(optimizer);
    archive.write("model", model);
    archive.write("optimizer", optimizer);
    std::ostringstream bytes;
    archive.save_to(bytes);
    // The state names the checkpoint it belongs to: a kill between the two writes leaves the older pair. No state of a
    // random generator is kept: every epoch begins with a seed of its own.
    const std::string name = fmt::format("checkpoint_{}.pt", epochs_done);
    write_file_atomically(file(name), std::string_view(bytes.view()));
    const nlohmann::json state = {
        {"recipe", recipe_}, {"epochs_done", epochs_done}, {"checkpoint", name}, {"history", report_.history}};
    write_file_atomically(file("state.json"), state.dump(1) + "\n");
    remove_working_files(epochs_done, report_.best_epoch);
  }

  fs::path best_weights() const { return file(fmt::format("best_{}.safetensors", report_.best_epoch)); }

  void remove_working_files(int keep_checkpoint, int keep_best) const {
    std::error_code error;
    for (int epoch = 1; epoch <= options_.epochs; ++epoch) {
      if (epoch != keep_checkpoint) fs::remove(file(fmt::format("checkpoint_{}.pt", epoch)), error);
      if (epoch != keep_best) fs::remove(file(fmt::format("best_{}.safetensors", epoch)), error);
    }
  }

  // null: nothing to go on with.
  nlohmann::json unfinished_state() {
    report_.history = nlohmann::json::array();
    if (!options_.resume || !fs::exists(file("state.json"))) return nullptr;
    const auto state = nlohmann::json::parse(read_text_file(file("state.json")), nullptr, false);
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
    try {
      torch::serialize::InputArchive archive, model, optimizer;
      archive.load_from(checkpoint.string());
      archive.read("model", model);
      archive.read("optimizer", optimizer);
      step_->network()->load(model);
      step_->optimizer().load(optimizer);
    } catch (const c10::Error&) {
      fail("{} is missing or damaged; start anew with --no-resume", checkpoint.string());
    }
    step_->use_channels_last();
    take_history(state.at("history"), file("state.json"));
    spdlog::info("going on after epoch {} of {}", report_.history.size(), options_.epochs);
  }

  void finish() {
    info_.history = report_.history;
    const auto name = [](const fs::path& path) { return fs::absolute(path / "").parent_path().filename().string(); };
    info_.provenance = {{"train", name(options_.train_data)},
                        {"train_samples", std::to_string(train_data_.size())},
                        {"train_listing_sha256", train_sum_},
                        {"val", name(options_.val_data)},
                        {"val_samples", std::to_string(val_data_.size())},
                        {"val_listing_sha256", val_sum_},
                        {"epochs", std::to_string(options_.epochs)},
                        {"best_epoch", std::to_string(report_.best_epoch)},
                        {"seed", std::to_string(options_.seed)},
                        {"threads", std::to_string(thread_count())},
                        {"pretrained", options_.weights.empty() ? "none" : options_.weights.filename().string()},
                        {"recipe", recipe_}};
    if (!options_.version.empty()) info_.provenance["bramble"] = options_.version;
    // A package that stood here before is taken down first, so that its description never stands beside new weights.
    std::error_code error;
    fs::remove(file("model.yaml"), error);
    write_file_atomically(model_weights_file(options_.output), read_file(best_weights()));
    save_model_info(options_.output, info_);
    fs::remove(file("state.json"), error);
    remove_working_files(0, 0);
    report_.samples_per_s = train_s_ > 0 ? static_cast<double>(samples_) / train_s_ : 0;
    report_.wait_share = train_s_ > 0 ? wait_s_ / train_s_ : 0;
  }

  const TrainOptions& options_;
  Dataset train_data_, val_data_;
  std::string train_sum_, val_sum_, recipe_;
  ModelInfo info_;
  std::optional<TrainStep> step_;
  std::optional<SampleCache> train_, val_;
  std::uint64_t samples_ = 0;
  double train_s_ = 0, wait_s_ = 0;
  TrainReport report_;
};

}  // namespace

TrainReport train(const TrainOptions& options) {
  if (options.epochs < 1) fail("{} epochs make no training", options.epochs);
  try {
    return Trainer(options).run();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    if (what.find("can't allocate memory") != std::string::npos)
      fail("not enough memory to train with a batch of {}; use a smaller batch or size", options.batch);
    fail("libtorch: {}", what.substr(0, what.find('\n')));
  }
}

}  // namespace bramble
