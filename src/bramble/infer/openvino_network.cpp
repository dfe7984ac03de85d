#include <algorithm>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/infer/network.hpp"
#include "bramble/infer/openvino_runtime.hpp"
#include "bramble/infer/quantization.hpp"

namespace bramble {

ov::Core& openvino_core() {
  static ov::Core instance;
  return instance;
}

bool processor_has_bfloat16() {
  const auto capabilities = openvino_core().get_property("CPU", ov::device::capabilities);
  return std::find(capabilities.begin(), capabilities.end(), ov::device::capability::BF16) != capabilities.end();
}

std::string openvino_version() {
  const std::string build = ov::get_openvino_version().buildNumber;
  return build.substr(0, build.find('-'));
}

std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

NetworkShape network_shape(const ModelInfo& info, int picture_channels, int batch) {
  NetworkShape shape{.backbone = info.backbone,
                     .decoder = info.decoder,
                     .width = info.width,
                     .height = info.height,
                     .class_count = static_cast<int>(info.ontology.size()),
                     .picture_channels = picture_channels,
                     .batch = batch};
  for (std::size_t c = 0; c < 3; ++c) {
    shape.mean[c] = static_cast<float>(info.mean[c]);
    shape.stddev[c] = static_cast<float>(info.stddev[c]);
  }
  return shape;
}

TensorLookup lookup_in(const TensorMap& tensors) {
  return [&tensors](const std::string& name, const std::vector<std::size_t>&) -> TensorView {
    const auto found = tensors.find(name);
    if (found == tensors.end()) fail("model: tensor {} is missing", name);
    return {found->second.shape, found->second.values};
  };
}

namespace {

class OpenvinoNetwork final : public Network {
 public:
  OpenvinoNetwork(const std::filesystem::path& folder, const ModelInfo& info, const NetworkOptions& options)
      : folder_(folder),
        info_(info),
        options_(options),
        threads_(options.threads > 0 ? options.threads : thread_count()),
        tensors_(read_safetensors(model_weights_file(folder))) {
    precision_ = options.precision;
    if (precision_ == Precision::kAuto)
      precision_ = processor_has_bfloat16() ? Precision::kBfloat16 : Precision::kFloat32;
    if (precision_ == Precision::kInt8) ranges_ = load_quantization(folder).ranges;
    lanes_.resize(options.streams > 1 ? static_cast<std::size_t>(options.streams) * 2 : 1);
    compiled(3, 1);  // so that a model that does not fit is refused here and not at the first picture
  }

  int lanes() const override { return static_cast<int>(lanes_.size()); }
  bool reads(int channels) const override { return channels == 3 || channels == 4; }

  void start(int lane, const std::uint8_t* pictures, int batch, int channels) override {
    Compiled& network = compiled(channels, batch);
    if (network.requests.size() < lanes_.size()) network.requests.resize(lanes_.size());
    ov::InferRequest& request = network.requests[lane];
    try {
      if (!request) request = network.model.create_infer_request();
      // OpenVINO only reads its input, but its tensors know no constness.
      request.set_input_tensor(ov::Tensor(ov::element::u8,
                                          {static_cast<std::size_t>(batch), static_cast<std::size_t>(info_.height),
                                           static_cast<std::size_t>(info_.width), static_cast<std::size_t>(channels)},
                                          const_cast<std::uint8_t*>(pictures)));
      lanes_[lane] = &request;
      if (lanes_.size() > 1) request.start_async();
    } catch (const std::exception& error) {
      fail("model {}: inference failed: {}", folder_.string(), first_line(error));
    }
  }

  LogitsView finish(int lane) override {
    ov::InferRequest& request = *lanes_[lane];
    try {
      if (lanes_.size() > 1) {
        request.wait();
      } else {
        request.infer();  // in this thread: no hand-over to a stream's
      }
      const ov::Tensor logits = request.get_output_tensor();
      const ov::Shape& shape = logits.get_shape();
      return {static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2]),
              static_cast<int>(shape[3]), std::span(logits.data<const float>(), logits.get_size())};
    } catch (const std::exception& error) {
      fail("model {}: inference failed: {}", folder_.string(), first_line(error));
    }
  }

  std::string describe() const override {
    std::string text = fmt::format("OpenVINO {}, CPU, {}, {} thread{}", openvino_version(), name_of(precision_),
                                   threads_, threads_ == 1 ? "" : "s");
    if (options_.streams > 1) text += fmt::format(", {} streams", options_.streams);
    return text;
  }

 private:
  struct Compiled {
    ov::CompiledModel model;
    std::vector<ov::InferRequest> requests;  // by lane
  };

  /// The network for a layout and batch, compiled when first needed.
  Compiled& compiled(int channels, int batch) {
    Compiled& wanted = compiled_[{channels, batch}];
    if (wanted.model) return wanted;
    NetworkGraph graph(lookup_in(tensors_), ranges_);
    std::shared_ptr<ov::Model> network;
    try {
      network = graph.build(network_shape(info_, channels, batch));
    } catch (const Error& error) {
      fail("{}: {}", model_weights_file(folder_).string(), error.what());
    }
    // What an 8-bit network leaves in floating point is computed in float32, the same on every processor; bfloat16
    // would gain 5 % there.
    const bool bfloat16 = precision_ == Precision::kBfloat16;
    ov::AnyMap properties{ov::hint::performance_mode(options_.streams > 1 ? ov::hint::PerformanceMode::THROUGHPUT
                                                                          : ov::hint::PerformanceMode::LATENCY),
                          ov::inference_num_threads(threads_), ov::num_streams(options_.streams),
                          ov::hint::enable_cpu_pinning(false),
                          ov::hint::inference_precision(bfloat16 ? ov::element::bf16 : ov::element::f32)};
    if (!options_.cache_folder.empty()) properties.insert(ov::cache_dir(options_.cache_folder.string()));
    try {
      wanted.model = openvino_core().compile_model(network, "CPU", properties);
    } catch (const std::exception& error) {
      compiled_.erase({channels, batch});
      fail("model {}: OpenVINO cannot compile it: {}", folder_.string(), first_line(error));
    }
    return wanted;
  }

  std::filesystem::path folder_;
  ModelInfo info_;
  NetworkOptions options_;
  int threads_;
  Precision precision_ = Precision::kFloat32;
  TensorMap tensors_;
  ValueRanges ranges_;
  std::map<std::pair<int, int>, Compiled> compiled_;  // by channels and batch
  std::vector<ov::InferRequest*> lanes_;  // what each is busy with; map nodes and sized vectors stay in place
};

}  // namespace

std::unique_ptr<Network> open_openvino_network(const std::filesystem::path& folder, const ModelInfo& info,
                                               const NetworkOptions& options) {
  return std::make_unique<OpenvinoNetwork>(folder, info, options);
}

}  // namespace bramble
