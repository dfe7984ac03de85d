#pragma once
// Needs OpenVINO's headers: included by sources of this room only.
#include <filesystem>
#include <openvino/openvino.hpp>
#include <string>

#include "bramble/dataset/model_package.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/infer/network_graph.hpp"

namespace bramble {

/// One OpenVINO core for the process: it holds the loaded plugins.
ov::Core& openvino_core();
bool processor_has_bfloat16();
/// «2026.4.1»
std::string openvino_version();
/// OpenVINO's exceptions carry source positions on several lines; users get the first line.
std::string first_line(const std::exception& error);

/// What of a package's network is not in its tensors, for pictures of so many channels.
NetworkShape network_shape(const ModelInfo& info, int picture_channels, int batch);
/// Looks tensors up in `tensors`, which must outlive the lookup.
TensorLookup lookup_in(const TensorMap& tensors);

}  // namespace bramble
