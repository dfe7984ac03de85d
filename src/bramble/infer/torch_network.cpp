#include <torch/cuda.h>
#include <torch/nn.h>

#include <array>
#include <cstring>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/infer/network.hpp"
#include "bramble/model/recorded_work.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/model/torch_device.hpp"
#include "bramble/model/torch_threads.hpp"

namespace bramble {

namespace {

class TorchNetwork final : public Network {
 public:
  TorchNetwork(const std::filesystem::path& folder, bool cuda, const NetworkOptions& options)
      : device_(torch_device(cuda ? "cuda" : "cpu")), threads_(options.threads > 0 ? options.threads : thread_count()) {
    const bool bfloat16 = cuda && (options.precision == Precision::kBfloat16 || options.precision == Precision::kAuto);
    if (options.precision == Precision::kInt8 || (options.precision == Precision::kBfloat16 && !cuda))
      fail("precision {} is not there on device {}; use f32, or --device cpu", name_of(options.precision),
           cuda ? "cuda" : "cpu-torch");
    type_ = bfloat16 ? torch::kBFloat16 : torch::kFloat32;
    if (cuda) at::globalContext().setBenchmarkCuDNN(true);  // the size of its input never changes
    if (!cuda) set_torch_threads(threads_);
    const torch::NoGradGuard no_grad;
    network_ = load_segmenter(folder, info_);
    network_->to(device_, type_);
    for (auto& module : network_->modules())  // statistics lose digits in bfloat16
      if (auto* norm = module->as<torch::nn::BatchNorm2d>()) norm->to(torch::kFloat32);
    for (auto& parameter : network_->parameters())  // depthwise convolutions are 30 times slower in NCHW
      if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
    const auto constants = torch::TensorOptions().device(device_).dtype(torch::kFloat32);
    std::vector<float> scale, offset;
    for (std::size_t c = 0; c < 3; ++c) {
      scale.push_back(static_cast<float>(1 / (255 * info_.stddev[c])));
      offset.push_back(static_cast<float>(-info_.mean[c] / info_.stddev[c]));
    }
    scale_ = torch::tensor(scale, constants).view({1, 3, 1, 1});
    offset_ = torch::tensor(offset, constants).view({1, 3, 1, 1});
  }

  int lanes() const override { return device_.is_cuda() ? 2 : 1; }  // one is computed while another is labelled
  bool reads(int channels) const override { return channels == 3; }

  void start(int number, const std::uint8_t* pictures, int batch, int) override {
    const torch::NoGradGuard no_grad;
    try {
      Lane& lane = lanes_[static_cast<std::size_t>(number)][batch];
      if (!lane.host_logits.defined()) prepare(lane, batch);
      std::memcpy(lane.host_pictures.data_ptr(), pictures, lane.host_pictures.nbytes());
      if (device_.is_cuda()) lane.pictures.copy_(lane.host_pictures, /*non_blocking=*/true);
      if (lane.recorded)
        lane.recorded->run();
      else
        lane.logits = logits_of(lane.pictures);
      lane.host_logits.copy_(lane.logits, /*non_blocking=*/true);
      current_[static_cast<std::size_t>(number)] = &lane;
    } catch (const c10::Error& error) {
      refuse(error);
    }
  }

  LogitsView finish(int number) override {
    const Lane& lane = *current_[static_cast<std::size_t>(number)];
    try {
      wait_for(device_);
    } catch (const c10::Error& error) {
      refuse(error);
    }
    const torch::Tensor& logits = lane.host_logits;
    const auto side = [&](int axis) { return static_cast<int>(logits.size(axis)); };
    return {side(0), side(1), side(2), side(3), {logits.data_ptr<float>(), static_cast<std::size_t>(logits.numel())}};
  }

  std::string describe() const override {
    return fmt::format("{}, {}{}", bramble::describe(device_), type_ == torch::kBFloat16 ? "bf16" : "f32",
                       device_.is_cuda() && RecordedWork::possible() ? ", recorded" : "");
  }

 private:
  // A way for batches of one size: memory on both sides, and what the GPU does between them.
  struct Lane {
    torch::Tensor host_pictures, pictures;  // [N, H, W, 3] bytes; the same memory on the processor
    torch::Tensor logits, host_logits;      // [N, K, h, w] float
    std::unique_ptr<RecordedWork> recorded;
  };

  [[noreturn]] static void refuse(const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    fail("inference with libtorch failed: {}", text.substr(0, text.find('\n')));
  }

  torch::Tensor logits_of(const torch::Tensor& pictures) {
    // [N, H, W, 3] bytes are [N, 3, H, W] in channels_last as they stand.
    const torch::Tensor x = pictures.permute({0, 3, 1, 2}).to(torch::kFloat32) * scale_ + offset_;
    return network_->forward(x.to(type_)).logits.to(torch::kFloat32).contiguous();
  }

  void prepare(Lane& lane, int batch) {
    const bool cuda = device_.is_cuda();
    const auto host = torch::TensorOptions().pinned_memory(cuda);
    lane.host_pictures = torch::zeros({batch, info_.height, info_.width, 3}, host.dtype(torch::kUInt8));
    lane.pictures = lane.host_pictures.to(device_);
    for (int i = 0; i < (cuda ? 3 : 1); ++i) lane.logits = logits_of(lane.pictures);  // cuDNN tries its algorithms
    lane.host_logits = torch::empty(lane.logits.sizes(), host);
    if (!cuda || !RecordedWork::possible()) return;
    lane.recorded = std::make_unique<RecordedWork>(device_, [&] { lane.logits = logits_of(lane.pictures); });
  }

  torch::Device device_;
  torch::ScalarType type_ = torch::kFloat32;
  int threads_;
  ModelInfo info_;
  Segmenter network_;
  torch::Tensor scale_, offset_;
  std::array<std::map<int, Lane>, 2> lanes_;  // by batch
  std::array<Lane*, 2> current_{};
};

}  // namespace

bool cuda_is_there() { return torch::cuda::is_available(); }

std::unique_ptr<Network> open_torch_network(const std::filesystem::path& folder, bool cuda,
                                            const NetworkOptions& options) {
  return std::make_unique<TorchNetwork>(folder, cuda, options);
}

}  // namespace bramble
