#include "bramble/train/train_bench.hpp"

#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/peak_memory.hpp"
#include "bramble/core/random.hpp"
#include "bramble/model/acfnet.hpp"
#include "bramble/model/torch_device.hpp"
#include "bramble/model/torch_threads.hpp"
#include "bramble/train/train_step.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / fmt::format("bramble_bench_train_{}", getpid());
  TemporaryFolder() { fs::create_directories(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Patches of colour with a label each, so that the loss has something to learn.
Batch made_up_batch(const TrainBenchOptions& options, bool pinned) {
  const auto memory = torch::TensorOptions().pinned_memory(pinned);
  Batch batch{torch::empty({options.batch, 3, options.height, options.width}, memory),
              torch::empty({options.batch, options.height, options.width}, memory.dtype(torch::kLong))};
  auto image = batch.image.accessor<float, 4>();
  auto label = batch.label.accessor<std::int64_t, 3>();
  Random random(1, stream_of("bench batch"));
  for (int n = 0; n < options.batch; ++n)
    for (int v = 0; v < options.height; ++v)
      for (int u = 0; u < options.width; ++u) {
        const int id = (n + u / 32 + v / 32) % options.classes;
        label[n][v][u] = id;
        for (int c = 0; c < 3; ++c)
          image[n][c][v][u] = 0.5F * static_cast<float>((id * (c + 1)) % 7) / 7.0F + 0.5F * random.uniform();
      }
  return batch;
}

Tensor plain(const torch::Tensor& tensor) {
  const torch::Tensor dense = tensor.to(torch::kFloat).contiguous();
  Tensor out;
  for (const auto side : dense.sizes()) out.shape.push_back(static_cast<std::size_t>(side));
  out.values.assign(dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel());
  return out;
}

std::string quoted(const fs::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// What the peer measured, or an object with «error».
nlohmann::json run_peer(const TrainBenchOptions& options, const std::string& precision, const fs::path& work) {
  if (options.python.empty()) return {{"error", "no Python was given"}};
  if (!fs::exists(options.peer_script)) return {{"error", "the peer script is not there"}};
  const fs::path result = work / "peer.json", log = work / "peer.log";
  const std::string command = fmt::format(
      "{} {} --work {} --json {} --threads {} --steps {} --warm-up {} "
      "--device {} --precision {} > {} 2>&1",
      quoted(options.python), quoted(options.peer_script), quoted(work), quoted(result), thread_count(), options.steps,
      options.warm_up, options.device.substr(0, 4) == "cuda" ? "cuda" : "cpu", precision, quoted(log));
  const int status = std::system(command.c_str());  // NOLINT: arguments are quoted
  if (status == 0 && fs::exists(result)) return nlohmann::json::parse(read_text_file(result), nullptr, false);
  std::string text = fs::exists(log) ? read_text_file(log) : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return {{"error", text.empty() ? "the peer failed" : text.substr(text.find_last_of('\n') + 1)}};
}

}  // namespace

nlohmann::json bench_train(const TrainBenchOptions& wanted) {
  TrainBenchOptions options = wanted;
  const torch::Device device = torch_device(options.device);
  if (device.is_cuda()) {  // a step takes milliseconds, and the fourth one is recorded (TrainStepOptions::record)
    options.steps = std::max(options.steps, 40);
    options.warm_up = std::max(options.warm_up, 8);
  }
  if (options.batch < 2 || options.steps < 1 || options.warm_up < 0 || options.width % 16 != 0 ||
      options.height % 16 != 0 || options.width < 32 || options.height < 32)
    fail(
        "a benchmark needs a batch of 2 or more, steps, and sides that are multiples of 16 (here {} of {}x{}, {} "
        "steps)",
        options.batch, options.width, options.height, options.steps);
  set_torch_threads(thread_count());
  torch::manual_seed(1);
  const ModelInfo info;  // for the normalisation
  const std::string precision = resolved_precision(options.precision, device);
  TrainStepOptions step_options;
  step_options.device = device;
  step_options.precision = scalar_type_of(precision);
  step_options.record = options.record;
  TrainStep step(std::make_shared<AcfNetImpl>(options.backbone, options.decoder, options.classes), info, step_options);
  const Batch batch = made_up_batch(options, device.is_cuda());

  // 1. What the peer starts from, and the loss it must see there.
  const TemporaryFolder work;
  write_safetensors(work.path / "weights.safetensors", tensors_of(*step.network()));
  write_safetensors(work.path / "batch.safetensors", {{"image", plain(batch.image)}, {"label", plain(batch.label)}});
  const nlohmann::json description = {{"backbone", options.backbone},
                                      {"decoder", options.decoder},
                                      {"classes", options.classes},
                                      {"mean", info.mean},
                                      {"std", info.stddev},
                                      {"learning_rate", step_options.learning_rate},
                                      {"backbone_factor", step_options.backbone_factor},
                                      {"weight_decay", step_options.weight_decay},
                                      {"aux_weight", step_options.loss.aux_weight}};
  write_file_atomically(work.path / "step.json", description.dump());
  double eval_loss = 0;
  {
    const torch::NoGradGuard no_grad;
    step.network()->eval();
    eval_loss =
        step.loss(step.network()->forward(step.normalised(batch.image)), step.on_device(batch.label)).item<double>();
  }

  // 2. Ours, the peer, ours again.
  std::vector<double> times;
  const auto measure = [&] {
    step.network()->train();
    for (int i = 0; i < options.warm_up + options.steps; ++i) {
      throw_if_interrupted();
      const auto begin = std::chrono::steady_clock::now();
      step.learn(batch, step_options.learning_rate);
      wait_for(device);
      if (i >= options.warm_up)
        times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
  };
  measure();
  const double peak_mb = peak_memory_mb();
  const nlohmann::json measured = run_peer(options, precision, work.path);
  measure();

  const double step_s = median(times);
  nlohmann::json figures = {{"width", options.width},
                            {"height", options.height},
                            {"batch", options.batch},
                            {"steps", 2 * options.steps},
                            {"threads", thread_count()},
                            {"device", options.device},
                            {"precision", precision},
                            {"recorded", step.is_recorded()},
                            {"step_ms", 1e3 * step_s},
                            {"samples_per_s", options.batch / step_s},
                            {"peak_memory_mb", peak_mb},
                            {"memory_ratio", nullptr},
                            {"peer", nullptr},
                            {"ratio", nullptr},
                            {"ratio_default_layout", nullptr},
                            {"note", ""}};
  if (!measured.is_object() || !measured.contains("nhwc_s")) {
    figures["note"] =
        "no comparison with Python's PyTorch: " +
        (measured.is_object() ? measured.value("error", "its answer is damaged") : "its answer is damaged");
    return figures;
  }
  const double difference = std::abs(measured.at("eval_loss").get<double>() - eval_loss) / std::abs(eval_loss);
  if (!(difference < 1e-3))
    fail("the peer trains another network: the batch's loss is {} there and {} here", measured.at("eval_loss").dump(),
         eval_loss);
  const double nhwc = options.batch / median(measured.at("nhwc_s").get<std::vector<double>>());
  const double nchw = options.batch / median(measured.at("nchw_s").get<std::vector<double>>());
  figures["peer"] = {{"version", measured.at("version")},
                     {"nhwc_samples_per_s", nhwc},
                     {"nchw_samples_per_s", nchw},
                     {"peak_memory_mb", measured.at("nhwc_peak_memory_mb")},
                     {"loss_difference", difference}};
  figures["ratio"] = options.batch / step_s / std::max(nhwc, nchw);
  figures["ratio_default_layout"] = options.batch / step_s / nchw;
  const double peer_peak_mb = measured.at("nhwc_peak_memory_mb").get<double>();
  if (device.is_cpu() && peer_peak_mb > 0) figures["memory_ratio"] = peak_mb / peer_peak_mb;
  return figures;
}

}  // namespace bramble
