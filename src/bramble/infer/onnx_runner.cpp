#include "bramble/infer/onnx_runner.hpp"

#include <algorithm>
#include <openvino/openvino.hpp>
#include <string>

#include "bramble/core/error.hpp"

namespace bramble {

std::vector<float> run_onnx(const std::filesystem::path& file, std::span<const float> input) {
  try {
    ov::Core core;
    auto model =
        core.compile_model(core.read_model(file.string()), "CPU", ov::hint::inference_precision(ov::element::f32));
    const ov::Tensor tensor(ov::element::f32, model.input().get_shape(), const_cast<float*>(input.data()));
    if (tensor.get_size() != input.size())
      fail("{}: its input has {} values, {} were given", file.string(), tensor.get_size(), input.size());
    auto request = model.create_infer_request();
    request.set_input_tensor(tensor);
    request.infer();
    const ov::Tensor output = request.get_output_tensor();
    const float* values = output.data<const float>();
    return {values, values + output.get_size()};
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    // Its messages are several lines, the first of which is a place in its source.
    std::string what = error.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    fail("{}: OpenVINO does not run it: {}", file.string(), what.substr(0, 400));
  }
}

}  // namespace bramble
