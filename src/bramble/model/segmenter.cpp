#include "bramble/model/segmenter.hpp"

#include <torch/torch.h>

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"
#include "bramble/model/acfnet.hpp"
#include "bramble/model/deeplab.hpp"
#include "bramble/model/lraspp.hpp"

namespace bramble {

namespace nn = torch::nn;

std::int64_t SegmenterImpl::other_multiply_adds(const std::string&, const Output&) const { return 0; }

const std::vector<std::string>& architecture_names() {
  static const std::vector<std::string> names{"acfnet", "deeplabv3plus", "lraspp"};
  return names;
}

std::vector<std::string> decoders_of(const std::string& architecture) {
  if (architecture == "acfnet") return {"skip2", "skip4", "none"};
  if (architecture == "deeplabv3plus") return {"skip4"};
  if (architecture == "lraspp") return {"skip8"};
  const std::string near = nearest_word(architecture, architecture_names());
  fail("unknown architecture '{}'{}; there are acfnet, deeplabv3plus and lraspp", architecture,
       near.empty() ? "" : fmt::format(", did you mean {}?", near));
}

Segmenter make_segmenter(const ModelInfo& info) {
  const auto decoders = decoders_of(info.architecture);
  if (std::find(decoders.begin(), decoders.end(), info.decoder) == decoders.end())
    fail("unknown decoder '{}'; {} takes {}", info.decoder, info.architecture, fmt::join(decoders, " or "));
  const BackboneOptions backbone{info.backbone, info.output_stride, info.backbone_padding == "symmetric",
                                 info.backbone_epsilon};
  const int classes = static_cast<int>(info.ontology.size());
  if (info.architecture == "deeplabv3plus") return std::make_shared<DeepLabV3PlusImpl>(backbone, classes);
  if (info.architecture == "lraspp") return std::make_shared<LrAsppImpl>(backbone, classes);
  return std::make_shared<AcfNetImpl>(backbone, info.decoder, classes);
}

void set_backbone_defaults(ModelInfo& info) {
  info.backbone_padding = "same";
  info.backbone_epsilon = 1e-3;
  if (is_lite(info.backbone)) {
    info.mean = {127 / 255.0, 127 / 255.0, 127 / 255.0};
    info.stddev = {128 / 255.0, 128 / 255.0, 128 / 255.0};
  } else {
    info.mean = {0.485, 0.456, 0.406};
    info.stddev = {0.229, 0.224, 0.225};
  }
}

TensorMap tensors_of(const nn::Module& module) {
  TensorMap out;
  const auto add = [&](const std::string& name, const torch::Tensor& tensor) {
    if (tensor.scalar_type() != torch::kFloat) return;  // num_batches_tracked
    const torch::Tensor dense = tensor.detach().cpu().contiguous(torch::MemoryFormat::Contiguous);
    Tensor copy;
    for (const auto side : dense.sizes()) copy.shape.push_back(static_cast<std::size_t>(side));
    copy.values.assign(dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel());
    out.emplace(name, std::move(copy));
  };
  for (const auto& item : module.named_parameters()) add(item.key(), item.value());
  for (const auto& item : module.named_buffers()) add(item.key(), item.value());
  return out;
}

void load_tensors(nn::Module& module, const TensorMap& tensors, const std::string& file) {
  const torch::NoGradGuard no_grad;
  std::size_t used = 0;
  const auto take = [&](const std::string& name, torch::Tensor tensor) {
    if (tensor.scalar_type() != torch::kFloat) return;
    const auto found = tensors.find(name);
    if (found == tensors.end()) fail("{}: tensor {} is missing", file, name);
    std::vector<std::int64_t> shape(found->second.shape.begin(), found->second.shape.end());
    if (tensor.sizes() != at::IntArrayRef(shape))
      fail("{}: tensor {} has shape [{}], expected [{}]", file, name, fmt::join(shape, ", "),
           fmt::join(tensor.sizes().vec(), ", "));
    tensor.copy_(torch::from_blob(const_cast<float*>(found->second.values.data()), shape, torch::kFloat));
    ++used;
  };
  for (const auto& item : module.named_parameters()) take(item.key(), item.value());
  for (const auto& item : module.named_buffers()) take(item.key(), item.value());
  if (used != tensors.size()) fail("{}: it holds {} tensors, the network takes {}", file, tensors.size(), used);
}

Segmenter load_segmenter(const std::filesystem::path& folder, ModelInfo& info) {
  info = load_model_info(folder);
  Segmenter network = make_segmenter(info);
  load_tensors(*network, read_safetensors(model_weights_file(folder)), model_weights_file(folder).string());
  network->eval();
  return network;
}

torch::Tensor normalised(const torch::Tensor& rgb, const ModelInfo& info) {
  const auto per_channel = [](const std::array<double, 3>& values) {
    return torch::tensor({values[0], values[1], values[2]}, torch::kFloat).view({1, 3, 1, 1});
  };
  return (rgb - per_channel(info.mean)) / per_channel(info.stddev);
}

NetworkSummary summarise(SegmenterImpl& network, int width, int height) {
  const torch::NoGradGuard no_grad;
  const bool was_training = network.is_training();
  network.eval();
  const auto out = network.forward(torch::zeros({1, 3, height, width}));
  network.train(was_training);
  NetworkSummary summary;
  summary.logits = out.logits.sizes().vec();
  if (out.coarse.defined()) summary.coarse = out.coarse.sizes().vec();
  for (const auto& part : network.named_children()) {
    PartCost cost{part.key()};
    for (const auto& parameter : part.value()->parameters()) cost.parameters += parameter.numel();
    for (const auto& module : part.value()->modules()) {
      if (const auto* conv = module->as<SameConv>()) cost.multiply_adds += conv->multiply_adds();
      if (const auto* conv = module->as<BiasedConv>()) cost.multiply_adds += conv->multiply_adds();
    }
    cost.multiply_adds += network.other_multiply_adds(part.key(), out);
    summary.parts.push_back(cost);
  }
  return summary;
}

}  // namespace bramble
