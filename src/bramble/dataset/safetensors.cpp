#include "bramble/dataset/safetensors.hpp"

#include <cstring>
#include <nlohmann/json.hpp>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {

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
      if (dtype != "F32") fail("{}: tensor {} is {}, only F32 is read", file, name, dtype);
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
      if (begin > end || end > data_size || count > data_size || end - begin != 4 * count)
        fail("{}: tensor {} is cut: bytes {} to {} of {}", file, name, begin, end, data_size);
      tensor.values.resize(count);
      std::memcpy(tensor.values.data(), bytes.data() + data_begin + begin, 4 * count);
      tensors.emplace(name, std::move(tensor));
    } catch (const nlohmann::json::exception&) {
      fail("{}: the header's entry for tensor {} is damaged", file, name);
    }
  }
  return tensors;
}

void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors) {
  nlohmann::json header = nlohmann::json::object();
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + 4 * tensor.values.size()}}};
    offset += 4 * tensor.values.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data begin aligned to 8 bytes
  const std::uint64_t header_size = text.size();
  std::vector<std::uint8_t> bytes(8 + text.size() + offset);
  std::memcpy(bytes.data(), &header_size, 8);
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  std::size_t at = 8 + text.size();
  for (const auto& [name, tensor] : tensors) {
    std::memcpy(bytes.data() + at, tensor.values.data(), 4 * tensor.values.size());
    at += 4 * tensor.values.size();
  }
  write_file_atomically(file, bytes);
}

}  // namespace bramble
