#include "bramble/infer/made_up_model.hpp"

#include <cmath>

#include "bramble/core/random.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/infer/network_graph.hpp"

namespace bramble {

namespace {

Tensor make_up(const std::string& name, const std::vector<std::size_t>& shape, std::uint64_t seed) {
  std::size_t count = 1;
  for (const std::size_t size : shape) count *= size;
  Tensor tensor{shape, std::vector<float>(count)};
  Random random(seed, stream_of(name));
  const bool vector = shape.size() == 1;
  for (float& value : tensor.values) {
    if (name.ends_with("running_var")) {
      value = static_cast<float>(random.uniform(0.8, 1.2));
    } else if (vector && name.ends_with("weight")) {
      value = static_cast<float>(random.uniform(0.9, 1.1));
    } else if (vector) {
      value = static_cast<float>(random.normal(0, 0.1));
    } else {  // He et al. 2015: variance 2 / fan-in keeps the scale through a ReLU
      value = static_cast<float>(
          random.normal(0, std::sqrt(2.0 * static_cast<double>(shape[0]) / static_cast<double>(count))));
    }
  }
  return tensor;
}

}  // namespace

void write_made_up_model(const std::filesystem::path& folder, const ModelInfo& info, std::uint64_t seed) {
  // The graph asks for every tensor it needs, with its shape: that is the list.
  TensorMap tensors;
  NetworkGraph graph([&](const std::string& name, const std::vector<std::size_t>& shape) -> TensorView {
    const auto [entry, fresh] = tensors.try_emplace(name);
    if (fresh) entry->second = make_up(name, shape, seed);
    return {entry->second.shape, entry->second.values};
  });
  graph.build({.backbone = info.backbone,
               .decoder = info.decoder,
               .width = info.width,
               .height = info.height,
               .class_count = static_cast<int>(info.ontology.size()),
               .mean = {0, 0, 0},
               .stddev = {1, 1, 1}});
  std::filesystem::create_directories(folder);
  write_safetensors(model_weights_file(folder), tensors);
  save_model_info(folder, info);
}

}  // namespace bramble
