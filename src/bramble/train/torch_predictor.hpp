#pragma once
#include <filesystem>
#include <string>

#include "bramble/eval/evaluation.hpp"

namespace bramble {

/// A model package run by libtorch: any architecture and backbone, for evaluation; the room infer has the fast engine.
/// Gives probabilities too. Throws Error as load_segmenter() does.
Predictor torch_predictor(const std::filesystem::path& folder, const std::string& name);

}  // namespace bramble
