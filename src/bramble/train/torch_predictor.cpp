#include "bramble/train/torch_predictor.hpp"

#include <torch/torch.h>

#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/model/segmenter.hpp"

namespace bramble {

Predictor torch_predictor(const std::filesystem::path& folder, const std::string& name) {
  auto info = std::make_shared<ModelInfo>();
  const Segmenter network = load_segmenter(folder, *info);
  at::set_num_threads(thread_count());
  const auto estimate = [network, info](const ImageU8& rgb) {
    const torch::NoGradGuard no_grad;
    const ImageU8 sized = resize_picture(rgb, info->width, info->height);
    const torch::Tensor bytes =
        torch::from_blob(const_cast<std::uint8_t*>(sized.data.data()), {1, info->height, info->width, 3}, torch::kByte);
    const torch::Tensor input = normalised(bytes.permute({0, 3, 1, 2}).to(torch::kFloat) / 255.0, *info)
                                    .contiguous(torch::MemoryFormat::ChannelsLast);
    const torch::Tensor logits = network->forward(input).logits.contiguous(torch::MemoryFormat::Contiguous);
    return estimate_from_logits({logits.data_ptr<float>(), static_cast<std::size_t>(logits.numel())},
                                static_cast<int>(logits.size(1)), static_cast<int>(logits.size(2)),
                                static_cast<int>(logits.size(3)), rgb.width, rgb.height);
  };
  return {name, info->ontology, [estimate](const ImageU8& rgb) { return estimate(rgb).label; }, info->history,
          estimate};
}

}  // namespace bramble
