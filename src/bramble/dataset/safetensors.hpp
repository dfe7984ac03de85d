#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace bramble {

/// Float32 tensors by name, as a safetensors file holds them (8-byte little-endian length, JSON header, raw data;
/// huggingface/safetensors, format description). Row-major.
struct Tensor {
  std::vector<std::size_t> shape;
  std::vector<float> values;
};
using TensorMap = std::map<std::string, Tensor>;

/// Throws Error naming the file when it is missing, cut, or its header lies about sizes; only F32, F16 and BF16 are
/// read (as float), integer tensors are left out.
TensorMap read_safetensors(const std::filesystem::path& file);
/// The same out of memory; `name` stands in messages.
TensorMap parse_safetensors(std::span<const std::uint8_t> bytes, const std::string& name);
enum class TensorType {
  kFloat,
  kBfloat16,  ///< half the bytes: eight bits of fraction, rounded to the nearest, ties to even
};
/// Written atomically, tensors in order of name; the same tensors give the same bytes.
void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                       TensorType type = TensorType::kFloat);

}  // namespace bramble
