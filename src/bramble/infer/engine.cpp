#include "bramble/infer/engine.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "bramble/core/error.hpp"
#include "bramble/infer/network.hpp"

namespace bramble {

namespace {

using Clock = std::chrono::steady_clock;
double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

PictureView view_of(const ImageU8& picture) {
  return {picture.width, picture.height, picture.channels, static_cast<std::size_t>(picture.width) * picture.channels,
          picture.data};
}

}  // namespace

struct Engine::Impl {
  ModelInfo info;
  EngineOptions options;
  // Inputs, kept from call to call; declared before the network, which may still read them when it goes.
  std::vector<std::uint8_t> prepared;                  // [H, W, 3]
  std::vector<std::vector<std::uint8_t>> lane_inputs;  // [batch, H, W, 3] of each lane
  std::unique_ptr<Network> network;
  EngineTiming timing;

  std::size_t input_bytes() const { return static_cast<std::size_t>(info.width) * info.height * 3; }

  /// Runs the network on one picture; the logits lie in the network until the next run.
  LogitsView run(const PictureView& picture) {
    require_pixels(picture);
    const auto begin = Clock::now();
    const bool as_it_stands = picture.width == info.width && picture.height == info.height &&
                              picture.step == static_cast<std::size_t>(picture.width) * picture.channels &&
                              network->reads(picture.channels);
    if (!as_it_stands) {
      prepared.resize(input_bytes());
      prepare_picture(picture, info.width, info.height, prepared.data());
    }
    timing.prepare_ms = milliseconds_since(begin);
    const auto network_begin = Clock::now();
    network->start(0, as_it_stands ? picture.data.data() : prepared.data(), 1, as_it_stands ? picture.channels : 3);
    const LogitsView logits = network->finish(0);
    timing.network_ms = milliseconds_since(network_begin);
    return logits;
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
  impl->options = options;
  impl->options.streams = std::max(options.streams, 1);
  impl->options.batch = std::max(options.batch, 1);
  const ModelInfo& info = impl->info;
  if (options.device == Device::kCpu && !knows(info))
    fail(
        "model {}: {} on {} (output stride {}, {} padding) cannot be built for OpenVINO yet, only acfnet on "
        "efficientnet-lite0 to -lite2 at stride 16; take --device cpu-torch",
        model_folder.string(), info.architecture, info.backbone, info.output_stride, info.backbone_padding);
  const NetworkOptions network{.threads = options.threads,
                               .precision = options.precision,
                               .streams = impl->options.streams,
                               .batch = impl->options.batch,
                               .cache_folder = options.cache_folder};
  impl->network = options.device == Device::kCpu
                      ? open_openvino_network(model_folder, info, network)
                      : open_torch_network(model_folder, options.device == Device::kCuda, network);
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

ClassMaps Engine::classify(const PictureView& picture, const ClassMapsWanted& wanted) {
  const LogitsView logits = impl_->run(picture);
  const auto begin = Clock::now();
  ClassMaps maps = classify_upsampled(logits.values, logits.class_count, logits.rows, logits.columns, picture.width,
                                      picture.height, wanted);
  impl_->timing.label_ms = milliseconds_since(begin);
  return maps;
}

ImageU8 Engine::segment(const PictureView& picture) { return classify(picture, {}).labels; }

ImageU8 Engine::segment(const ImageU8& rgb) {
  if (rgb.channels != 3) fail("inference: a picture with {} channels cannot be labelled; RGB is needed", rgb.channels);
  return segment(view_of(rgb));
}

void Engine::warm_up() {
  for (const int channels : {3, 4})
    if (impl_->network->reads(channels)) impl_->run(view_of(ImageU8(impl_->info.width, impl_->info.height, channels)));
}

std::vector<ImageU8> Engine::segment_all(std::span<const PictureView> pictures) {
  Impl& impl = *impl_;
  for (const PictureView& picture : pictures) require_pixels(picture);
  const auto batch = static_cast<std::size_t>(impl.options.batch);
  const auto lanes = static_cast<std::size_t>(impl.network->lanes());
  const std::size_t groups = (pictures.size() + batch - 1) / batch;
  auto& inputs = impl.lane_inputs;
  inputs.resize(lanes);
  std::vector<ImageU8> labels(pictures.size());
  // A lane takes its next group as soon as its last one is labelled; the others compute meanwhile.
  for (std::size_t turn = 0; turn < groups + lanes; ++turn) {
    const std::size_t lane = turn % lanes;
    if (turn >= lanes && turn - lanes < groups) {
      const LogitsView logits = impl.network->finish(static_cast<int>(lane));
      for (std::size_t i = 0; i < batch; ++i) {
        const std::size_t index = (turn - lanes) * batch + i;
        if (index >= pictures.size()) break;
        labels[index] = argmax_upsampled(logits.picture(static_cast<int>(i)), logits.class_count, logits.rows,
                                         logits.columns, pictures[index].width, pictures[index].height);
      }
    }
    if (turn >= groups) continue;
    inputs[lane].resize(batch * impl.input_bytes());
    for (std::size_t i = 0; i < batch; ++i)  // the last group is filled up with its last picture
      prepare_picture(pictures[std::min(turn * batch + i, pictures.size() - 1)], impl.info.width, impl.info.height,
                      inputs[lane].data() + i * impl.input_bytes());
    impl.network->start(static_cast<int>(lane), inputs[lane].data(), static_cast<int>(batch), 3);
  }
  return labels;
}

Engine::Logits Engine::logits(const ImageU8& rgb) {
  if (rgb.channels != 3) fail("inference: a picture with {} channels cannot be labelled; RGB is needed", rgb.channels);
  const LogitsView view = impl_->run(view_of(rgb));
  return {view.class_count, view.rows, view.columns, {view.values.begin(), view.values.end()}};
}

const ModelInfo& Engine::info() const { return impl_->info; }
const EngineTiming& Engine::last_timing() const { return impl_->timing; }
std::string Engine::describe() const { return impl_->network->describe(); }

}  // namespace bramble
