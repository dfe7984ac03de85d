#include "bramble/dataset/safetensors.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

const std::set<std::string> kCounters{"I64", "I32", "I16", "I8", "U8", "BOOL"};

// IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 bits of fraction.
float float_of_half(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
  float value = 0;
  if (exponent == 0)
    value = std::ldexp(static_cast<float>(fraction), -24);
  else if (exponent == 31)
    value = fraction ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  else
    value = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return half & 0x8000 ? -value : value;
}

// The upper half of a binary32, rounded to the nearest, ties to even.
std::uint16_t bfloat16_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace

TensorMap read_safetensors(const std::filesystem::path& file) {
  return parse_safetensors(read_file(file), file.string());
}

TensorMap parse_safetensors(std::span<const std::uint8_t> bytes, const std::string& file) {
  std::uint64_t header_size = 0;
  if (bytes.size() < 8) fail("{}: not a safetensors file, it has only {} bytes", file, bytes.size());
  std::memcpy(&header_size, bytes.data(), 8);
  if (header_size > bytes.size() - 8)
    fail("{}: the file is cut or not safetensors: a header of {} bytes in a file of {}", file, header_size,
         bytes.size());
  const auto json = nlohmann::json::parse(bytes.begin() + 8,
                                          bytes.begin() + 8 + static_cast<std::ptrdiff_t>(header_size), nullptr, false);
  if (!json.is_object()) fail("{}: the header is not JSON", file);
  const std::uint64_t data_begin = 8 + header_size, data_size = bytes.size() - data_begin;
  TensorMap tensors;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") continue;
    try {
      const std::string dtype = entry.at("dtype");
      if (kCounters.contains(dtype)) continue;  // num_batches_tracked
      const std::size_t size = dtype == "F32" ? 4 : dtype == "F16" || dtype == "BF16" ? 2 : 0;
      if (size == 0) fail("{}: tensor {} is {}, only F32, F16 and BF16 are read", file, name, dtype);
      const auto whole = [&](const nlohmann::json& number) {
        if (!number.is_number_unsigned()) fail("{}: the header's entry for tensor {} is damaged", file, name);
        return number.get<std::uint64_t>();
      };
      if (!entry.at("shape").is_array()) fail("{}: the header's entry for tensor {} is damaged", file, name);
      Tensor tensor;
      std::uint64_t count = 1;
      for (const auto& side : entry.at("shape")) {
        tensor.shape.push_back(whole(side));
        if (tensor.shape.back() > 0 && count > data_size / tensor.shape.back())
          count = data_size + 1;
        else
          count *= tensor.shape.back();
      }
      const std::uint64_t begin = whole(entry.at("data_offsets").at(0)), end = whole(entry.at("data_offsets").at(1));
      if (begin > end || end > data_size || count > data_size || end - begin != size * count)
        fail("{}: tensor {} is cut: bytes {} to {} of {}", file, name, begin, end, data_size);
      tensor.values.resize(count);
      const std::uint8_t* data = bytes.data() + data_begin + begin;
      if (size == 4) {
        std::memcpy(tensor.values.data(), data, 4 * count);
      } else {
        for (std::uint64_t i = 0; i < count; ++i) {
          std::uint16_t half = 0;
          std::memcpy(&half, data + 2 * i, 2);
          tensor.values[i] = dtype == "F16" ? float_of_half(half) : std::bit_cast<float>(std::uint32_t{half} << 16);
        }
      }
      tensors.emplace(name, std::move(tensor));
    } catch (const nlohmann::json::exception&) {
      fail("{}: the header's entry for tensor {} is damaged", file, name);
    }
  }
  return tensors;
}

void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors, TensorType type) {
  const bool half = type == TensorType::kBfloat16;
  const std::size_t size = half ? 2 : 4;
  nlohmann::json header = nlohmann::json::object();
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", half ? "BF16" : "F32"},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, offset + size * tensor.values.size()}}};
    offset += size * tensor.values.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data begin aligned to 8 bytes
  const std::uint64_t header_size = text.size();
  std::vector<std::uint8_t> bytes(8 + text.size() + offset);
  std::memcpy(bytes.data(), &header_size, 8);
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  std::size_t at = 8 + text.size();
  for (const auto& [name, tensor] : tensors) {
    if (half)
      for (std::size_t i = 0; i < tensor.values.size(); ++i) {
        const std::uint16_t value = bfloat16_of(tensor.values[i]);
        std::memcpy(bytes.data() + at + 2 * i, &value, 2);
      }
    else
      std::memcpy(bytes.data() + at, tensor.values.data(), 4 * tensor.values.size());
    at += size * tensor.values.size();
  }
  write_file_atomically(file, bytes);
}

}  // namespace bramble
