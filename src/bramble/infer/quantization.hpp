#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "bramble/dataset/dataset.hpp"

namespace bramble {

/// Where the values of a tensor lie, for 8-bit arithmetic.
struct ValueRange {
  float low = 0;
  float high = 0;
  bool operator==(const ValueRange&) const = default;
};
/// By the name of the convolution that reads the tensor: «backbone._blocks.3._expand_conv».
using ValueRanges = std::map<std::string, ValueRange>;

/// What 8-bit arithmetic needs besides a package's weights; quantization.json in the package (docs/model_package.md).
struct Quantization {
  ValueRanges ranges;
  std::string dataset;             ///< name of the data set whose pictures were looked at
  std::size_t pictures = 0;        ///< how many of them
  std::string weights_sha256;      ///< of the weights that the ranges belong to
  nlohmann::json check = nullptr;  ///< what it costs: figures of compare_precisions(), or null
};

/// Throws Error naming file and reason: there is none, it is damaged, or it belongs to other weights.
Quantization load_quantization(const std::filesystem::path& model_folder);
void save_quantization(const std::filesystem::path& model_folder, const Quantization& quantization);

/// Post-training quantization, the calibration part: runs `pictures` pictures spread evenly over the data set through
/// the float32 network, and takes for each tensor the mean over the pictures of its 0.01 % and 99.99 % quantiles, so
/// that single outliers do not cost everyone resolution (cf. Krishnamoorthi, "Quantizing deep convolutional networks
/// for efficient inference", 2018, section 3). Deterministic. Throws Error when package and data set do not fit.
Quantization calibrate(const std::filesystem::path& model_folder, const Dataset& dataset, std::size_t pictures = 64,
                       int threads = 0);

/// The model in float32, bfloat16 (where the processor has it) and int8, frame by frame on the same pictures:
/// {dataset, frames, f32: {miou, accuracy, network_ms, agreement}, bf16: {…}, int8: {…}, int8_loss_points,
/// int8_speedup}. miou and accuracy are shares; agreement is the share of pixels with float32's class; network_ms is
/// the median, the precisions in turns; int8_loss_points = 100 * (miou f32 - miou int8); int8_speedup = f32 / int8.
nlohmann::json compare_precisions(const std::filesystem::path& model_folder, const Dataset& dataset,
                                  std::size_t limit = 0, int threads = 0);

}  // namespace bramble
