#include "bramble/model/acfnet.hpp"

#include <torch/torch.h>

#include "bramble/core/error.hpp"
#include "bramble/model/torch_file.hpp"

namespace bramble {
namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;

constexpr int kWidth = 256;  // channels of the head

nn::BatchNorm2d batch_norm(int channels) {
  return nn::BatchNorm2d(nn::BatchNorm2dOptions(channels).eps(1e-5).momentum(0.1));
}

torch::Tensor resize(const torch::Tensor& x, const torch::Tensor& like) {
  return F::interpolate(x, F::InterpolateFuncOptions()
                               .size(std::vector<std::int64_t>{like.size(2), like.size(3)})
                               .mode(torch::kBilinear)
                               .align_corners(false));
}

// A folder of modules, so that names have the dots that the package wants.
class GroupImpl : public nn::Module {
 public:
  template <typename Module>
  Module add(const std::string& name, Module module) {
    return register_module(name, module);
  }
};
TORCH_MODULE(Group);

}  // namespace

SeparableConvImpl::SeparableConvImpl(int in_channels, int out_channels, int dilation) {
  depthwise_ = register_module("depthwise", SameConv(in_channels, in_channels, 3, 1, dilation, in_channels));
  depthwise_bn_ = register_module("depthwise_bn", batch_norm(in_channels));
  pointwise_ = register_module("pointwise", SameConv(in_channels, out_channels, 1));
  bn_ = register_module("bn", batch_norm(out_channels));
}
torch::Tensor SeparableConvImpl::forward(const torch::Tensor& x) {
  return bn_(pointwise_(depthwise_bn_(depthwise_(x)).relu_())).relu_();
}

PointConvImpl::PointConvImpl(int in_channels, int out_channels) {
  conv_ = register_module("conv", SameConv(in_channels, out_channels, 1));
  bn_ = register_module("bn", batch_norm(out_channels));
}
torch::Tensor PointConvImpl::forward(const torch::Tensor& x) { return bn_(conv_(x)).relu_(); }

torch::Tensor attentional_class_features(const torch::Tensor& x, const torch::Tensor& coarse) {
  const auto n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), k = coarse.size(1);
  const torch::Tensor probability = torch::softmax(coarse, 1).reshape({n, k, h * w});  // [N, K, hw]
  const torch::Tensor features = x.reshape({n, c, h * w});                             // [N, C, hw]
  const torch::Tensor centres =
      torch::bmm(probability, features.transpose(1, 2)) / (probability.sum(2, true) + 1e-6);  // [N, K, C]
  return torch::bmm(centres.transpose(1, 2), probability).reshape({n, c, h, w});              // [N, C, h, w]
}

AcfNetImpl::AcfNetImpl(const std::string& backbone, const std::string& decoder, int classes) {
  if (decoder != "skip4" && decoder != "none") fail("unknown decoder '{}'; there are skip4 and none", decoder);
  backbone_ = register_module("backbone", EfficientNetLite(backbone));
  const int deep = backbone_->sixteenth_channels();
  auto aspp = register_module("aspp", Group());
  aspp_pool_ = aspp->add("pool", PointConv(deep, kWidth));
  aspp_point_ = aspp->add("point", PointConv(deep, kWidth));
  rate6_ = aspp->add("rate6", SeparableConv(deep, kWidth, 6));
  rate12_ = aspp->add("rate12", SeparableConv(deep, kWidth, 12));
  rate18_ = aspp->add("rate18", SeparableConv(deep, kWidth, 18));
  aspp_project_ = aspp->add("project", PointConv(5 * kWidth, kWidth));
  coarse_ = register_module("coarse", nn::Conv2d(nn::Conv2dOptions(kWidth, classes, 1)));
  auto acf = register_module("acf", Group());
  attend_ = acf->add("attend", PointConv(kWidth, kWidth));
  fuse_ = acf->add("fuse", SeparableConv(2 * kWidth, kWidth, 1));
  if (decoder == "skip4") {
    auto group = register_module("decoder", Group());
    high_ = group->add("high", PointConv(kWidth, 64));
    low_ = group->add("low", PointConv(backbone_->quarter_channels(), 32));
    refine_ = group->add("refine", SeparableConv(96, 64, 1));
  }
  classifier_ =
      register_module("classifier", nn::Conv2d(nn::Conv2dOptions(decoder == "skip4" ? 64 : kWidth, classes, 1)));
}

AcfNetImpl::Output AcfNetImpl::forward(const torch::Tensor& input) {
  const auto features = backbone_->forward(input);
  const torch::Tensor& f16 = features.sixteenth;  // [N, 320, h, w]
  // 1. Context: atrous spatial pyramid pooling. The mean over the picture is one pixel, so its batch norm needs more
  //    than one sample in training.
  const torch::Tensor pooled = aspp_pool_(f16.mean({2, 3}, true)).expand({-1, -1, f16.size(2), f16.size(3)});
  torch::Tensor x = torch::cat({pooled, aspp_point_(f16), rate6_(f16), rate12_(f16), rate18_(f16)}, 1);
  x = torch::dropout(aspp_project_(x), 0.1, is_training());  // [N, 256, h, w]
  // 2. Coarse map and attentional class features.
  Output out;
  out.coarse = coarse_(x);
  torch::Tensor y = fuse_(torch::cat({x, attend_(attentional_class_features(x, out.coarse))}, 1));
  y = torch::dropout(y, 0.1, is_training());
  // 3. Detail.
  if (!high_.is_empty()) y = refine_(torch::cat({resize(high_(y), features.quarter), low_(features.quarter)}, 1));
  out.logits = classifier_(y);
  return out;
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

void load_pretrained(EfficientNetLite backbone, const std::filesystem::path& file) {
  TensorMap tensors = read_torch_state_dict(file);
  std::erase_if(tensors, [](const auto& item) {
    return item.first.starts_with("_conv_head") || item.first.starts_with("_bn1") || item.first.starts_with("_fc");
  });
  load_tensors(*backbone, tensors, file.string());
}

AcfNet load_acfnet(const std::filesystem::path& folder, ModelInfo& info) {
  info = load_model_info(folder);
  AcfNet network(info.backbone, info.decoder, static_cast<int>(info.ontology.size()));
  load_tensors(*network, read_safetensors(model_weights_file(folder)), model_weights_file(folder).string());
  network->eval();
  return network;
}

std::vector<PartCost> network_costs(AcfNet network, int width, int height) {
  const torch::NoGradGuard no_grad;
  const bool was_training = network->is_training();
  network->eval();
  const auto out = network->forward(torch::zeros({1, 3, height, width}));
  network->train(was_training);
  const auto pixels = [](const torch::Tensor& x) { return x.size(2) * x.size(3); };
  std::vector<PartCost> costs;
  for (const auto& part : network->named_children()) {
    PartCost cost{part.key()};
    for (const auto& parameter : part.value()->parameters()) cost.parameters += parameter.numel();
    for (const auto& module : part.value()->modules()) {
      if (const auto* conv = module->as<SameConv>()) cost.multiply_adds += conv->multiply_adds();
      if (const auto* conv = module->as<nn::Conv2d>())
        cost.multiply_adds += conv->weight.numel() * pixels(part.key() == "coarse" ? out.coarse : out.logits);
    }
    // Centres out of features, and features out of centres.
    if (part.key() == "acf") cost.multiply_adds += 2 * kWidth * out.coarse.size(1) * pixels(out.coarse);
    costs.push_back(cost);
  }
  return costs;
}

}  // namespace bramble
