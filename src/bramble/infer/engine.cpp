#include "bramble/infer/engine.hpp"

#include <algorithm>
#include <chrono>
#include <openvino/openvino.hpp>
#include <utility>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/infer/label_upsample.hpp"
#include "bramble/infer/network_graph.hpp"

namespace bramble {

namespace {

using Clock = std::chrono::steady_clock;
double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// One OpenVINO core for the process: it holds the loaded plugins.
ov::Core& core() {
  static ov::Core instance;
  return instance;
}

bool processor_has_bfloat16() {
  const auto capabilities = core().get_property("CPU", ov::device::capabilities);
  return std::find(capabilities.begin(), capabilities.end(), ov::device::capability::BF16) != capabilities.end();
}

/// OpenVINO's exceptions carry source positions on several lines; users get the first line.
std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace

Precision parse_precision(const std::string& name) {
  if (name == "f32") return Precision::kFloat32;
  if (name == "bf16") return Precision::kBfloat16;
  if (name == "auto") return Precision::kAuto;
  fail("precision «{}» is unknown; there are f32, bf16 and auto", name);
}

struct Engine::Impl {
  ModelInfo info;
  std::filesystem::path folder;
  EngineOptions options;
  int threads = 0;
  bool bfloat16 = false;
  TensorMap tensors;
  EngineTiming timing;
  /// The network for RGB and for BGRA, compiled when first needed.
  struct Compiled {
    ov::CompiledModel model;
    ov::InferRequest request;
    ov::Tensor logits;
  };
  Compiled rgb;
  Compiled bgra;

  Compiled& compiled(int channels) {
    Compiled& wanted = channels == 4 ? bgra : rgb;
    if (wanted.request) return wanted;
    NetworkShape shape{.backbone = info.backbone,
                       .decoder = info.decoder,
                       .width = info.width,
                       .height = info.height,
                       .class_count = static_cast<int>(info.ontology.size()),
                       .picture_channels = channels};
    for (std::size_t c = 0; c < 3; ++c) {
      shape.mean[c] = static_cast<float>(info.mean[c]);
      shape.stddev[c] = static_cast<float>(info.stddev[c]);
    }
    NetworkGraph graph([this](const std::string& name, const std::vector<std::size_t>&) -> TensorView {
      const auto found = tensors.find(name);
      if (found == tensors.end()) fail("model: tensor {} is missing", name);
      return {found->second.shape, found->second.values};
    });
    std::shared_ptr<ov::Model> network;
    try {
      network = graph.build(shape);
    } catch (const Error& error) {
      fail("{}: {}", model_weights_file(folder).string(), error.what());
    }
    ov::AnyMap properties{ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                          ov::inference_num_threads(threads), ov::num_streams(1), ov::hint::enable_cpu_pinning(false),
                          ov::hint::inference_precision(bfloat16 ? ov::element::bf16 : ov::element::f32)};
    if (!options.cache_folder.empty()) properties.insert(ov::cache_dir(options.cache_folder.string()));
    try {
      wanted.model = core().compile_model(network, "CPU", properties);
      wanted.request = wanted.model.create_infer_request();
    } catch (const std::exception& error) {
      fail("model {}: OpenVINO cannot compile it: {}", folder.string(), first_line(error));
    }
    wanted.logits = wanted.request.get_output_tensor();
    return wanted;
  }

  /// Runs the network; the logits lie in the request's output tensor [1, K, h, w] until the next run.
  const ov::Tensor& run(const PictureView& picture) {
    if (picture.width < 1 || picture.height < 1 || (picture.channels != 3 && picture.channels != 4) ||
        picture.step < static_cast<std::size_t>(picture.width) * picture.channels ||
        picture.data.size() <
            picture.step * (picture.height - 1) + static_cast<std::size_t>(picture.width) * picture.channels)
      fail(
          "inference: a picture of {}x{} with {} channels and {} bytes cannot be labelled; RGB or BGRA pixels are "
          "needed",
          picture.width, picture.height, picture.channels, picture.data.size());
    const auto begin = Clock::now();
    const bool as_it_stands = picture.width == info.width && picture.height == info.height &&
                              picture.step == static_cast<std::size_t>(picture.width) * picture.channels;
    ImageU8 prepared;
    const std::uint8_t* bytes = picture.data.data();
    if (!as_it_stands) {
      prepared = resize_picture(to_rgb(picture), info.width, info.height);
      bytes = prepared.data.data();
    }
    const int channels = as_it_stands ? picture.channels : 3;
    Compiled& network = compiled(channels);
    // OpenVINO only reads its input, but its tensors know no constness.
    network.request.set_input_tensor(
        ov::Tensor(ov::element::u8,
                   {1, static_cast<std::size_t>(info.height), static_cast<std::size_t>(info.width),
                    static_cast<std::size_t>(channels)},
                   const_cast<std::uint8_t*>(bytes)));
    timing.prepare_ms = milliseconds_since(begin);
    const auto network_begin = Clock::now();
    try {
      network.request.infer();
    } catch (const std::exception& error) {
      fail("model {}: inference failed: {}", folder.string(), first_line(error));
    }
    timing.network_ms = milliseconds_since(network_begin);
    return network.logits;
  }

  static ImageU8 to_rgb(const PictureView& picture) {
    ImageU8 rgb(picture.width, picture.height, 3);
    for (int v = 0; v < picture.height; ++v) {
      const std::uint8_t* in = picture.data.data() + picture.step * v;
      std::uint8_t* out = rgb.row(v);
      if (picture.channels == 3) {
        std::copy_n(in, static_cast<std::size_t>(picture.width) * 3, out);
      } else {
        for (int u = 0; u < picture.width; ++u, in += 4, out += 3) {
          out[0] = in[2];
          out[1] = in[1];
          out[2] = in[0];
        }
      }
    }
    return rgb;
  }
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

bool Engine::knows(const ModelInfo& info) {
  const bool backbone = info.backbone == "efficientnet-lite0" || info.backbone == "efficientnet-lite1" ||
                        info.backbone == "efficientnet-lite2";
  return info.architecture == "acfnet" && backbone && info.output_stride == 16 && info.backbone_padding == "same" &&
         info.backbone_epsilon == 1e-3;
}

std::unique_ptr<Engine> Engine::open(const std::filesystem::path& model_folder, const EngineOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->info = load_model_info(model_folder);
  impl->folder = model_folder;
  impl->options = options;
  impl->threads = options.threads > 0 ? options.threads : thread_count();
  impl->bfloat16 =
      options.precision == Precision::kBfloat16 || (options.precision == Precision::kAuto && processor_has_bfloat16());
  const ModelInfo& info = impl->info;
  if (!knows(info))
    fail(
        "model {}: {} on {} (output stride {}, {} padding) cannot be built for OpenVINO yet, only acfnet on "
        "efficientnet-lite0 to -lite2 at stride 16; bramble eval takes it with --engine torch",
        model_folder.string(), info.architecture, info.backbone, info.output_stride, info.backbone_padding);
  impl->tensors = read_safetensors(model_weights_file(model_folder));
  impl->compiled(3);  // so that a model that does not fit is refused here and not at the first picture
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

ImageU8 Engine::segment(const PictureView& picture) {
  const ov::Tensor& logits = impl_->run(picture);
  const auto begin = Clock::now();
  const ov::Shape& shape = logits.get_shape();
  ImageU8 labels =
      argmax_upsampled({logits.data<const float>(), logits.get_size()}, static_cast<int>(shape[1]),
                       static_cast<int>(shape[2]), static_cast<int>(shape[3]), picture.width, picture.height);
  impl_->timing.label_ms = milliseconds_since(begin);
  return labels;
}

ImageU8 Engine::segment(const ImageU8& rgb) {
  if (rgb.channels != 3) fail("inference: a picture with {} channels cannot be labelled; RGB is needed", rgb.channels);
  return segment(PictureView{rgb.width, rgb.height, 3, static_cast<std::size_t>(rgb.width) * 3, rgb.data});
}

Engine::Logits Engine::logits(const ImageU8& rgb) {
  if (rgb.channels != 3) fail("inference: a picture with {} channels cannot be labelled; RGB is needed", rgb.channels);
  const ov::Tensor& tensor =
      impl_->run(PictureView{rgb.width, rgb.height, 3, static_cast<std::size_t>(rgb.width) * 3, rgb.data});
  const ov::Shape& shape = tensor.get_shape();
  const float* values = tensor.data<const float>();
  return {static_cast<int>(shape[1]),
          static_cast<int>(shape[2]),
          static_cast<int>(shape[3]),
          {values, values + tensor.get_size()}};
}

const ModelInfo& Engine::info() const { return impl_->info; }
const EngineTiming& Engine::last_timing() const { return impl_->timing; }

std::string Engine::describe() const {
  const std::string build = ov::get_openvino_version().buildNumber;
  return fmt::format("OpenVINO {}, CPU, {}, {} thread{}", build.substr(0, build.find('-')),
                     impl_->bfloat16 ? "bf16" : "f32", impl_->threads, impl_->threads == 1 ? "" : "s");
}

}  // namespace bramble
