#pragma once
#include <filesystem>
#include <span>
#include <vector>

namespace bramble {

/// Runs an ONNX file with one input and one output of fixed shape on OpenVINO, float32: its independent reader of the
/// format checks what Bramble exports. Throws Error naming the file.
std::vector<float> run_onnx(const std::filesystem::path& file, std::span<const float> input);

}  // namespace bramble
