#pragma once
#include <string>

#include "bramble/dataset/model_package.hpp"
#include "bramble/model/segmenter.hpp"

namespace bramble {

/// The network as an ONNX file: input «rgb» [1, 3, H, W] float (normalised), output «logits» [1, K, h, w]; opset 13,
/// weights under the package's names, normalisation and classes in the metadata. Made from the recorded calls
/// (to_torchscript), so that every architecture goes the same way. Throws Error naming an operation that has no
/// counterpart.
std::string to_onnx(const Segmenter& network, const ModelInfo& info, const std::string& version);

}  // namespace bramble
