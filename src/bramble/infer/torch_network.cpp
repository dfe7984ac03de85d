#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/infer/network.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/model/torch_threads.hpp"

namespace bramble {

namespace {

class TorchNetwork final : public Network {
 public:
  TorchNetwork(const std::filesystem::path& folder, bool cuda, const NetworkOptions& options)
      : device_(cuda ? torch::kCUDA : torch::kCPU), threads_(options.threads > 0 ? options.threads : thread_count()) {
    if (cuda && !torch::cuda::is_available())
      fail("device cuda: this libtorch ({}) finds no CUDA GPU; build with a CUDA libtorch, or use --device cpu",
           TORCH_VERSION);
    const bool bfloat16 = cuda && (options.precision == Precision::kBfloat16 || options.precision == Precision::kAuto);
    if (options.precision == Precision::kInt8 || (options.precision == Precision::kBfloat16 && !cuda))
      fail("precision {} is not there on device {}; use f32, or --device cpu", name_of(options.precision),
           cuda ? "cuda" : "cpu-torch");
    type_ = bfloat16 ? torch::kBFloat16 : torch::kFloat32;
    if (!cuda) set_torch_threads(threads_);
    const torch::NoGradGuard no_grad;
    network_ = load_segmenter(folder, info_);
    network_->to(device_, type_);
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

  int lanes() const override { return 1; }
  bool reads(int channels) const override { return channels == 3; }

  void start(int, const std::uint8_t* pictures, int batch, int) override {
    pictures_ = pictures;
    batch_ = batch;
  }

  LogitsView finish(int) override {
    const torch::NoGradGuard no_grad;
    try {
      // [N, H, W, 3] bytes are [N, 3, H, W] in channels_last as they stand.
      torch::Tensor x =
          torch::from_blob(const_cast<std::uint8_t*>(pictures_), {batch_, info_.height, info_.width, 3}, torch::kUInt8)
              .permute({0, 3, 1, 2})
              .to(device_);
      x = (x.to(torch::kFloat32) * scale_ + offset_).to(type_);
      logits_ = network_->forward(x).logits.to(torch::kCPU, torch::kFloat32).contiguous();
    } catch (const c10::Error& error) {
      fail("inference with libtorch failed: {}", error.what_without_backtrace());
    }
    return {batch_,
            static_cast<int>(logits_.size(1)),
            static_cast<int>(logits_.size(2)),
            static_cast<int>(logits_.size(3)),
            {logits_.data_ptr<float>(), static_cast<std::size_t>(logits_.numel())}};
  }

  std::string describe() const override {
    return fmt::format("libtorch {}, {}, {}{}", TORCH_VERSION, device_.is_cuda() ? "CUDA" : "CPU",
                       type_ == torch::kBFloat16 ? "bf16" : "f32",
                       device_.is_cuda() ? "" : fmt::format(", {} thread{}", threads_, threads_ == 1 ? "" : "s"));
  }

 private:
  torch::Device device_;
  torch::ScalarType type_ = torch::kFloat32;
  int threads_;
  ModelInfo info_;
  Segmenter network_;
  torch::Tensor scale_, offset_, logits_;
  const std::uint8_t* pictures_ = nullptr;
  int batch_ = 1;
};

}  // namespace

bool cuda_is_there() { return torch::cuda::is_available(); }

std::unique_ptr<Network> open_torch_network(const std::filesystem::path& folder, bool cuda,
                                            const NetworkOptions& options) {
  return std::make_unique<TorchNetwork>(folder, cuda, options);
}

}  // namespace bramble
