#pragma once
#include <torch/script.h>

#include "bramble/dataset/model_package.hpp"
#include "bramble/model/segmenter.hpp"

namespace bramble {

/// The network as TorchScript: forward(normalised RGB [1, 3, H, W] float) → logits [1, K, h, w] float, recorded at the
/// package's input size (batch and size are fixed). Parameters and buffers are the module's own, under the package's
/// names with dots written as double underscores, and shared with `network`. The network must be in evaluation mode.
torch::jit::Module to_torchscript(const Segmenter& network, const ModelInfo& info);

}  // namespace bramble
