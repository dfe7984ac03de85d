#pragma once
#include <filesystem>

#include "bramble/infer/precision.hpp"

namespace bramble {

/// Writes a package's network as OpenVINO IR: `file` (.xml) and the weights beside it (.bin). Input «picture»
/// [1, height, width, 3] uint8 RGB, output «logits» [1, K, h, w] float32, K in the order of the ontology; normalisation
/// is inside. kFloat32 and kInt8 (with the package's 8-bit ranges as FakeQuantize nodes) can be written; the reader
/// chooses bfloat16 when it compiles. Throws Error for another precision or a package that does not fit.
void export_openvino(const std::filesystem::path& model_folder, const std::filesystem::path& file,
                     Precision precision = Precision::kFloat32);

}  // namespace bramble
