#include "bramble/infer/openvino_export.hpp"

#include "bramble/core/error.hpp"
#include "bramble/infer/openvino_runtime.hpp"

namespace bramble {

void export_openvino(const std::filesystem::path& model_folder, const std::filesystem::path& file,
                     Precision precision) {
  if (precision != Precision::kFloat32 && precision != Precision::kInt8)
    fail("OpenVINO IR is written in f32 or int8, not in {}", name_of(precision));
  if (file.extension() != ".xml") fail("OpenVINO IR goes into an .xml file, not {}", file.string());
  const ModelInfo info = load_model_info(model_folder);
  const TensorMap tensors = read_safetensors(model_weights_file(model_folder));
  NetworkGraph graph(lookup_in(tensors),
                     precision == Precision::kInt8 ? load_quantization(model_folder).ranges : ValueRanges{});
  const auto network = graph.build(network_shape(info, 3, 1));
  // Written beside and renamed; the weights first, so that an .xml that is there is whole.
  const auto with = [&](const std::string& extension) {
    auto path = file;
    return path.replace_extension(extension);
  };
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  try {
    ov::serialize(network, with(".partial.xml").string(), with(".partial.bin").string());
    std::filesystem::rename(with(".partial.bin"), with(".bin"));
    std::filesystem::rename(with(".partial.xml"), with(".xml"));
  } catch (const std::exception& error) {
    std::error_code ignored;
    std::filesystem::remove(with(".partial.xml"), ignored);
    std::filesystem::remove(with(".partial.bin"), ignored);
    fail("{} cannot be written: {}", file.string(), first_line(error));
  }
}

}  // namespace bramble
