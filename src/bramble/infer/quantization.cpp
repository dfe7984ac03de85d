#include "bramble/infer/quantization.hpp"

#include <algorithm>
#include <openvino/opsets/opset13.hpp>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/eval/confusion.hpp"
#include "bramble/eval/evaluation.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/latency.hpp"
#include "bramble/infer/openvino_runtime.hpp"
#include "bramble/ros/sha256.hpp"

namespace bramble {

namespace {

namespace fs = std::filesystem;

fs::path quantization_file(const fs::path& model_folder) { return model_folder / "quantization.json"; }

/// Lower and upper quantile of a tensor, from at most 65,536 of its values at even distance.
ValueRange outer_quantiles(std::span<const float> values) {
  constexpr std::size_t kSample = 65'536;
  constexpr double kPart = 1e-4;
  const std::size_t stride = values.size() / kSample + 1;
  std::vector<float> sample;
  sample.reserve(values.size() / stride + 1);
  for (std::size_t i = 0; i < values.size(); i += stride) sample.push_back(values[i]);
  const auto outside = static_cast<std::ptrdiff_t>(kPart * static_cast<double>(sample.size()));
  std::nth_element(sample.begin(), sample.begin() + outside, sample.end());
  const float low = sample[outside];
  std::nth_element(sample.begin(), sample.end() - 1 - outside, sample.end());
  return {low, *(sample.end() - 1 - outside)};
}

std::string dataset_name(const Dataset& dataset) {
  return fs::absolute(dataset.folder() / "").lexically_normal().parent_path().filename().string();
}

}  // namespace

Quantization load_quantization(const fs::path& model_folder) {
  const fs::path file = quantization_file(model_folder);
  if (!fs::exists(file))
    fail("model {} has no 8-bit ranges; make them with: bramble model quantize {} --data TRAINING_SET",
         model_folder.string(), model_folder.string());
  Quantization quantization;
  try {
    const auto json = nlohmann::json::parse(read_text_file(file));
    if (json.at("format").get<int>() != 1) fail("format {} is unknown", json.at("format").dump());
    for (const auto& [name, range] : json.at("ranges").items())
      quantization.ranges[name] = {range.at(0).get<float>(), range.at(1).get<float>()};
    quantization.dataset = json.at("dataset").get<std::string>();
    quantization.pictures = json.at("pictures").get<std::size_t>();
    quantization.weights_sha256 = json.at("weights_sha256").get<std::string>();
    quantization.check = json.value("check", nlohmann::json(nullptr));
  } catch (const std::exception& error) {
    fail("{} is damaged ({}); make it anew with bramble model quantize", file.string(), first_line(error));
  }
  if (quantization.weights_sha256 != sha256_hex(read_file(model_weights_file(model_folder))))
    fail("{} belongs to other weights than {}; make it anew with bramble model quantize", file.string(),
         model_weights_file(model_folder).filename().string());
  return quantization;
}

void save_quantization(const fs::path& model_folder, const Quantization& quantization) {
  nlohmann::json ranges = nlohmann::json::object();
  for (const auto& [name, range] : quantization.ranges) ranges[name] = {range.low, range.high};
  const nlohmann::json json{{"format", 1},
                            {"ranges", ranges},
                            {"dataset", quantization.dataset},
                            {"pictures", quantization.pictures},
                            {"weights_sha256", quantization.weights_sha256},
                            {"check", quantization.check}};
  write_file_atomically(quantization_file(model_folder), json.dump(1) + "\n");
}

Quantization calibrate(const fs::path& model_folder, const Dataset& dataset, std::size_t pictures, int threads) {
  const ModelInfo info = load_model_info(model_folder);
  if (dataset.size() == 0) fail("data set {} holds no pictures to calibrate on", dataset.folder().string());
  const TensorMap tensors = read_safetensors(model_weights_file(model_folder));
  NetworkGraph graph(lookup_in(tensors));
  const auto network = graph.build(network_shape(info, 3, 1));
  // One output for each tensor that some convolution reads, and the names of those that do.
  std::map<std::pair<const ov::Node*, std::size_t>, std::vector<std::string>> readers;
  std::vector<std::vector<std::string>> names{{}};  // output 0: the logits
  for (const auto& [name, node] : graph.quantizable()) readers[{node.get_node(), node.get_index()}].push_back(name);
  for (const auto& [name, node] : graph.quantizable()) {
    auto& all = readers[{node.get_node(), node.get_index()}];
    if (all.empty() || all.front() != name) continue;
    network->add_results({std::make_shared<ov::opset13::Result>(node)});
    names.push_back(all);
  }
  ov::InferRequest request;
  try {
    request = openvino_core()
                  .compile_model(network, "CPU",
                                 {ov::inference_num_threads(threads > 0 ? threads : thread_count()), ov::num_streams(1),
                                  ov::hint::inference_precision(ov::element::f32)})
                  .create_infer_request();
  } catch (const std::exception& error) {
    fail("model {}: OpenVINO cannot compile it: {}", model_folder.string(), first_line(error));
  }

  const std::size_t count = std::min(pictures, dataset.size());
  std::vector<double> low(names.size());
  std::vector<double> high(names.size());
  Progress progress("calibrate", count);
  for (std::size_t i = 0; i < count; ++i) {
    throw_if_interrupted();
    const ImageU8 picture = resize_picture(dataset.load_image(i * dataset.size() / count), info.width, info.height);
    request.set_input_tensor(
        ov::Tensor(ov::element::u8, {1, static_cast<std::size_t>(info.height), static_cast<std::size_t>(info.width), 3},
                   const_cast<std::uint8_t*>(picture.data.data())));
    request.infer();
    parallel_for(names.size() - 1, [&](std::size_t output) {
      const ov::Tensor values = request.get_output_tensor(output + 1);
      const ValueRange range = outer_quantiles({values.data<const float>(), values.get_size()});
      low[output + 1] += static_cast<double>(range.low) / static_cast<double>(count);
      high[output + 1] += static_cast<double>(range.high) / static_cast<double>(count);
    });
    progress.advance();
  }
  Quantization quantization;
  quantization.dataset = dataset_name(dataset);
  quantization.pictures = count;
  quantization.weights_sha256 = sha256_hex(read_file(model_weights_file(model_folder)));
  for (std::size_t output = 1; output < names.size(); ++output)
    for (const std::string& name : names[output])
      quantization.ranges[name] = {static_cast<float>(low[output]), static_cast<float>(high[output])};
  return quantization;
}

nlohmann::json compare_precisions(const fs::path& model_folder, const Dataset& dataset, std::size_t limit,
                                  int threads) {
  struct Candidate {
    std::unique_ptr<Engine> engine;
    ConfusionMatrix confusion;
    Latency network;
    std::uint64_t same = 0;
  };
  std::map<std::string, Candidate> candidates;
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    if (precision == Precision::kBfloat16 && !processor_has_bfloat16()) continue;
    Candidate& candidate = candidates[name_of(precision)];
    candidate.engine = Engine::open(model_folder, {.threads = threads, .precision = precision});
    candidate.confusion = ConfusionMatrix(dataset.ontology().size());
  }
  require_same_classes(model_folder.string(), candidates.at("f32").engine->ontology(),
                       "the data set " + dataset.folder().string(), dataset.ontology());
  const std::size_t frames = limit == 0 ? dataset.size() : std::min(limit, dataset.size());
  std::uint64_t pixels = 0;
  Progress progress("compare", frames);
  for (std::size_t i = 0; i < frames; ++i) {
    throw_if_interrupted();
    const std::size_t sample = i * dataset.size() / frames;
    const ImageU8 picture = dataset.load_image(sample);
    const ImageU8 label = dataset.load_label(sample);
    const ImageU8 reference = candidates.at("f32").engine->segment(picture);
    pixels += reference.data.size();
    for (auto& [name, candidate] : candidates) {
      candidate.engine->segment(picture);  // warm: each follows another's caches
      const ImageU8 estimate = candidate.engine->segment(picture);
      candidate.network.add(candidate.engine->last_timing().network_ms);
      candidate.confusion.add(label, estimate);
      for (std::size_t p = 0; p < estimate.data.size(); ++p)
        candidate.same += estimate.data[p] == reference.data[p] ? 1 : 0;
    }
    progress.advance();
  }
  nlohmann::json figures{{"dataset", dataset_name(dataset)}, {"frames", frames}};
  for (const auto& [name, candidate] : candidates)
    figures[name] = {
        {"miou", candidate.confusion.mean_iou().value_or(0.0)},
        {"accuracy", candidate.confusion.accuracy().value_or(0.0)},
        {"network_ms", candidate.network.median()},
        {"agreement", static_cast<double>(candidate.same) / static_cast<double>(std::max<std::uint64_t>(pixels, 1))}};
  const auto number = [&](const char* name, const char* key) { return figures.at(name).at(key).get<double>(); };
  figures["int8_loss_points"] = 100 * (number("f32", "miou") - number("int8", "miou"));
  figures["int8_speedup"] = number("f32", "network_ms") / number("int8", "network_ms");
  return figures;
}

}  // namespace bramble
