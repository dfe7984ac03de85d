#include "bramble/model/pretrained.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/log.hpp"
#include "bramble/model/segmenter.hpp"
#include "bramble/model/torch_file.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t dot = std::min(text.find('.', begin), text.size());
    parts.push_back(text.substr(begin, dot - begin));
    begin = dot + 1;
  }
  return parts;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// Index of the first block of each stage.
std::vector<int> stage_begins(const std::vector<int>& repeats) {
  std::vector<int> begins{0};
  for (const int count : repeats) begins.push_back(begins.back() + count);
  return begins;
}

std::string listed(const std::vector<int>& repeats) {
  return fmt::format("{} blocks ({})", stage_begins(repeats).back(), fmt::join(repeats, " "));
}

// Refuses weights of a deeper or shallower network in one sentence, before the first of some hundred missing tensors.
// `found`: blocks of each stage, or of all together.
void require_depth(const std::string& file, const std::vector<int>& found, const std::string& backbone) {
  const std::vector<int> wanted = stage_repeats(backbone);
  const bool same = found.size() == 1 ? found[0] == stage_begins(wanted).back() : found == wanted;
  if (same) return;
  std::string others;
  for (const std::string& name : backbone_names()) {
    const std::vector<int> repeats = stage_repeats(name);
    if (is_lite(name) == is_lite(backbone) &&
        (found.size() == 1 ? found[0] == stage_begins(repeats).back() : found == repeats))
      others += (others.empty() ? "" : " or ") + name;
  }
  fail("{}: its network has {}, {} has {}{}", file, listed(found), backbone, listed(wanted),
       others.empty() ? "" : "; take --backbone " + others);
}

std::string joined(const std::vector<std::string_view>& parts, std::size_t begin) {
  std::string out;
  for (std::size_t i = begin; i < parts.size(); ++i) {
    if (i > begin) out += '.';
    out += parts[i];
  }
  return out;
}

// Blocks of each stage in a file whose names are PREFIX.STAGE.BLOCK.…, the first stage being number `first`.
std::vector<int> blocks_in(const TensorMap& tensors, std::string_view prefix, int first) {
  constexpr int kMost = 1000;
  std::vector<int> counts(7, 0);
  for (const auto& [name, tensor] : tensors) {
    const auto parts = split(name);
    if (parts.size() < 4 || parts[0] != prefix) continue;
    const auto stage = number(parts[1]), block = number(parts[2]);
    if (!stage || !block || *stage < first || *stage > first + 6 || *block < 0 || *block > kMost) continue;
    int& count = counts[static_cast<std::size_t>(*stage - first)];
    count = std::max(count, *block + 1);
  }
  return counts;
}

// Bramble's name of a tensor of torchvision's; empty: one that the backbone does not take.
std::string from_torchvision(const std::string& name, const std::vector<int>& begins) {
  const auto parts = split(name);
  if (parts.size() < 4 || parts[0] != "features") return {};
  if (parts[1] == "0") return (parts[2] == "0" ? "_conv_stem." : "_bn0.") + joined(parts, 3);
  const auto stage = number(parts[1]), block = number(parts[2]);
  if (!stage || !block || *stage < 1 || *stage > 7 || parts.size() < 7 || parts[3] != "block") return {};
  const std::string prefix = fmt::format("_blocks.{}.", begins[static_cast<std::size_t>(*stage) - 1] + *block);
  auto layer = number(parts[4]);
  if (!layer) return {};
  if (*stage == 1) ++*layer;  // these blocks have no expansion
  if (parts[5] == "fc1") return prefix + "_se_reduce." + joined(parts, 6);
  if (parts[5] == "fc2") return prefix + "_se_expand." + joined(parts, 6);
  // Torchvision's Lite-like networks without squeeze-and-excitation do not exist: layer 2 is always that.
  static constexpr std::array<const char*, 4> kConvs{"_expand_conv.", "_depthwise_conv.", "", "_project_conv."};
  static constexpr std::array<const char*, 4> kNorms{"_bn0.", "_bn1.", "", "_bn2."};
  if (*layer < 0 || *layer > 3 || *layer == 2) return {};
  const auto i = static_cast<std::size_t>(*layer);
  return prefix + (parts[5] == "0" ? kConvs[i] : kNorms[i]) + joined(parts, 6);
}

std::string from_timm(const std::string& name, const std::vector<int>& begins) {
  const auto parts = split(name);
  if (parts[0] == "conv_stem") return "_conv_stem." + joined(parts, 1);
  if (parts[0] == "bn1") return "_bn0." + joined(parts, 1);
  if (parts[0] != "blocks" || parts.size() < 5) return {};
  const auto stage = number(parts[1]), block = number(parts[2]);
  if (!stage || !block || *stage < 0 || *stage > 6) return {};
  const std::string prefix = fmt::format("_blocks.{}.", begins[static_cast<std::size_t>(*stage)] + *block);
  const std::string_view layer = parts[3];
  if (layer == "se") return prefix + (parts[4] == "conv_reduce" ? "_se_reduce." : "_se_expand.") + joined(parts, 5);
  // The first stage has no expansion, so its layers are numbered one lower.
  const bool first = *stage == 0;
  const std::string rest = joined(parts, 4);
  if (layer == "conv_dw") return prefix + "_depthwise_conv." + rest;
  if (layer == "conv_pw") return prefix + (first ? "_project_conv." : "_expand_conv.") + rest;
  if (layer == "conv_pwl") return prefix + "_project_conv." + rest;
  if (layer == "bn1") return prefix + (first ? "_bn1." : "_bn0.") + rest;
  if (layer == "bn2") return prefix + (first ? "_bn2." : "_bn1.") + rest;
  if (layer == "bn3") return prefix + "_bn2." + rest;
  return {};
}

}  // namespace

TensorMap read_tensor_file(const fs::path& file) {
  std::array<char, 2> magic{};
  std::ifstream in(file, std::ios::binary);
  if (!in) fail("cannot open {}: no such file", file.string());
  in.read(magic.data(), 2);
  if (file.extension() == ".safetensors") return read_safetensors(file);
  if (magic[0] == 'P' && magic[1] == 'K') return read_torch_archive(file);
  return read_torch_state_dict(file);
}

namespace {

constexpr std::array<double, 3> kImageNetMean{0.485, 0.456, 0.406}, kImageNetStd{0.229, 0.224, 0.225};
constexpr std::array<double, 3> kHalves{0.5, 0.5, 0.5};

// What the weights are called, for timm's say in its name how they were trained: the file itself, or the folder nearest
// to it whose name is that of an EfficientNet (model.safetensors lies in …/models--timm--tf_efficientnet_b0.in1k/…).
std::string timm_name(const fs::path& file) {
  for (fs::path path = fs::absolute(file).lexically_normal(); path.has_relative_path(); path = path.parent_path())
    if (const std::string name = path.filename().string(); name.find("efficientnet") != std::string::npos) return name;
  return file.filename().string();
}

// The description that the hub of these weights puts beside them; null where there is none.
nlohmann::json timm_description(const fs::path& file) {
  const fs::path beside = file.parent_path() / "config.json";
  if (!fs::exists(beside)) return nullptr;
  const auto json = nlohmann::json::parse(read_text_file(beside), nullptr, false);
  return json.is_object() && json.contains("pretrained_cfg") ? json : nlohmann::json();
}

void take_timm_conventions(const fs::path& file, PretrainedBackbone& out) {
  std::string name = timm_name(file);
  const nlohmann::json description = timm_description(file);
  if (description.is_object()) name = description.value("architecture", name);
  const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  const bool tensorflow = has("tf_");
  out.padding = tensorflow ? "same" : "symmetric";
  out.epsilon = tensorflow ? 1e-3 : 1e-5;
  // Of timm 1.0's pretrained_cfg: Lite networks of TensorFlow, AdvProp's and the recipe ra4 see −1…1.
  const bool halves = (tensorflow && has("lite")) || has("_ap") || has(".ap_") || has("ra4_e3600");
  out.mean = halves ? kHalves : kImageNetMean;
  out.stddev = halves ? kHalves : kImageNetStd;
  if (description.is_object()) try {
      const nlohmann::json& how = description.at("pretrained_cfg");
      out.mean = how.at("mean").get<std::array<double, 3>>();
      out.stddev = how.at("std").get<std::array<double, 3>>();
    } catch (const nlohmann::json::exception&) {  // the name has said it
    }
  spdlog::info("{}: weights of timm's {}, {} padding, epsilon {}, pictures of mean {:.3f} and deviation {:.3f}",
               file.string(), name, out.padding, out.epsilon, fmt::join(*out.mean, " "), fmt::join(*out.stddev, " "));
}

}  // namespace

PretrainedBackbone read_pretrained(const fs::path& file, const std::string& backbone) {
  const TensorMap given = read_tensor_file(file);
  const std::vector<int> begins = stage_begins(stage_repeats(backbone));
  PretrainedBackbone out;
  if (given.contains("_conv_stem.weight")) {
    out.origin = "EfficientNet-PyTorch";
    int blocks = 0;
    for (const auto& [name, tensor] : given) {
      if (name.starts_with("_conv_head") || name.starts_with("_bn1") || name.starts_with("_fc")) continue;
      const auto parts = split(name);
      if (parts[0] == "_blocks" && parts.size() > 1) blocks = std::max(blocks, number(parts[1]).value_or(-1) + 1);
      out.tensors.emplace(name, tensor);
    }
    require_depth(file.string(), {blocks}, backbone);
    return out;
  }
  const bool torchvision = given.contains("features.0.0.weight"), timm = given.contains("conv_stem.weight");
  if (!torchvision && !timm)
    fail(
        "{}: no EfficientNet weights: it has neither _conv_stem.weight (EfficientNet-PyTorch), features.0.0.weight "
        "(torchvision) nor conv_stem.weight (timm)",
        file.string());
  require_depth(file.string(), torchvision ? blocks_in(given, "features", 1) : blocks_in(given, "blocks", 0), backbone);
  for (const auto& [name, tensor] : given) {
    const std::string ours = torchvision ? from_torchvision(name, begins) : from_timm(name, begins);
    if (!ours.empty()) out.tensors.emplace(ours, tensor);
  }
  if (torchvision) {
    out.origin = "torchvision";
    out.padding = "symmetric";
    out.epsilon = backbone >= std::string("efficientnet-b5") && !is_lite(backbone) ? 1e-3 : 1e-5;
    out.mean = kImageNetMean;
    out.stddev = kImageNetStd;
  } else {
    out.origin = "timm";
    take_timm_conventions(file, out);
  }
  return out;
}

void load_pretrained(EfficientNet backbone, const fs::path& file, const std::string& name) {
  load_tensors(*backbone, read_pretrained(file, name).tensors, file.string());
}

void apply_conventions(ModelInfo& info, const PretrainedBackbone& pretrained) {
  info.backbone_padding = pretrained.padding;
  info.backbone_epsilon = pretrained.epsilon;
  if (pretrained.mean) info.mean = *pretrained.mean;
  if (pretrained.stddev) info.stddev = *pretrained.stddev;
}

}  // namespace bramble
