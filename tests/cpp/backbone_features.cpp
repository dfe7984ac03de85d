// What Bramble reads out of files of pretrained weights, for tests/python/test_pretrained.py to compare with the Python
// networks that the weights belong to.
//   backbone_features conventions BACKBONE FILE…   a JSON line for each file: origin, padding, epsilon, mean, std
//   backbone_features features JOBS                 a line of JOBS: BACKBONE STRIDE WEIGHTS INPUT OUTPUT
// INPUT holds x [N, 3, H, W] as the network sees it; OUTPUT gets half, quarter, eighth and deep. In safetensors.
#include <fmt/format.h>
#include <torch/torch.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/model/efficientnet.hpp"
#include "bramble/model/pretrained.hpp"
#include "bramble/model/segmenter.hpp"

namespace bramble {
namespace {

Tensor plain(const torch::Tensor& tensor) {
  const torch::Tensor dense = tensor.contiguous();
  Tensor out;
  for (const auto side : dense.sizes()) out.shape.push_back(static_cast<std::size_t>(side));
  out.values.assign(dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel());
  return out;
}

void print_conventions(const std::string& backbone, const std::string& file) {
  const PretrainedBackbone read = read_pretrained(file, backbone);
  ModelInfo info;
  apply_conventions(info, read);
  const nlohmann::json line = {{"origin", read.origin},
                               {"padding", info.backbone_padding},
                               {"epsilon", info.backbone_epsilon},
                               {"mean", info.mean},
                               {"std", info.stddev}};
  fmt::print("{}\n", line.dump());
}

void write_features(const std::string& backbone, int stride, const std::string& weights, const std::string& input,
                    const std::string& output) {
  const torch::NoGradGuard no_grad;
  const PretrainedBackbone read = read_pretrained(weights, backbone);
  EfficientNet network(BackboneOptions{.name = backbone,
                                       .output_stride = stride,
                                       .symmetric_padding = read.padding == "symmetric",
                                       .epsilon = read.epsilon});
  load_pretrained(network, weights, backbone);
  network->eval();
  Tensor x = read_safetensors(input).at("x");
  const std::vector<std::int64_t> shape(x.shape.begin(), x.shape.end());
  const auto features = network->forward(torch::from_blob(x.values.data(), shape, torch::kFloat));
  write_safetensors(output, {{"half", plain(features.half)},
                             {"quarter", plain(features.quarter)},
                             {"eighth", plain(features.eighth)},
                             {"deep", plain(features.deep)}});
}

int run(const std::vector<std::string>& words) {
  if (words.size() >= 3 && words[0] == "conventions") {
    for (std::size_t i = 2; i < words.size(); ++i) print_conventions(words[1], words[i]);
    return 0;
  }
  if (words.size() == 2 && words[0] == "features") {
    std::ifstream jobs(words[1]);
    std::string backbone, weights, input, output;
    int stride = 0;
    while (jobs >> backbone >> stride >> weights >> input >> output)
      write_features(backbone, stride, weights, input, output);
    return 0;
  }
  fmt::print(stderr, "see the head of tests/cpp/backbone_features.cpp\n");
  return 2;
}

}  // namespace
}  // namespace bramble

int main(int count, char** words) {
  spdlog::set_level(spdlog::level::warn);
  try {
    return bramble::run({words + 1, words + count});
  } catch (const bramble::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
