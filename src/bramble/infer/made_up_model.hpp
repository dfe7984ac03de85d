#pragma once
#include <filesystem>

#include "bramble/dataset/model_package.hpp"

namespace bramble {

/// Writes a model package whose weights are drawn at random (seeded, of a size that keeps activations near 1): the
/// network to measure speed with when none was trained yet. `info` says backbone, decoder, input size and classes.
void write_made_up_model(const std::filesystem::path& folder, const ModelInfo& info, std::uint64_t seed = 1);

}  // namespace bramble
