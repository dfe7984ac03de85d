#include "bramble/model/trace.hpp"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/torch.h>

namespace bramble {
namespace {

std::string script_name(std::string name) {
  for (std::size_t at = 0; (at = name.find('.', at)) != std::string::npos; at += 2) name.replace(at, 1, "__");
  return name;
}

}  // namespace

torch::jit::Module to_torchscript(const Segmenter& network, const ModelInfo& info) {
  const torch::NoGradGuard no_grad;
  // Recorded are calls on tensors that learn nothing; they learn again afterwards.
  std::vector<std::pair<torch::Tensor, bool>> learning;
  for (auto& parameter : network->parameters()) {
    learning.emplace_back(parameter, parameter.requires_grad());
    parameter.set_requires_grad(false);
  }
  // The tracer knows tensors by identity: those that are attributes of the module become uses of them, not constants.
  torch::jit::Module traced("bramble");
  traced.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& item : network->named_parameters())
    traced.register_parameter(script_name(item.key()), item.value(), false);
  for (const auto& item : network->named_buffers()) traced.register_buffer(script_name(item.key()), item.value());

  const auto run = [&](torch::jit::Stack inputs) -> torch::jit::Stack {
    return {network->forward(inputs[0].toTensor()).logits};
  };
  const torch::Tensor example = torch::zeros({1, 3, info.height, info.width});
  auto [state, outputs] =
      torch::jit::tracer::trace({example}, run, [](const torch::Tensor&) { return ""; }, true, true, &traced, {"rgb"});
  auto function = traced._ivalue()->compilation_unit()->create_function(
      c10::QualifiedName(*traced.type()->name(), "forward"), state->graph);
  traced.type()->addMethod(function);
  for (auto& [parameter, learns] : learning) parameter.set_requires_grad(learns);
  return traced;
}

}  // namespace bramble
