#include "bramble/infer/precision.hpp"

#include "bramble/core/error.hpp"

namespace bramble {

Precision parse_precision(const std::string& name) {
  if (name == "f32" || name == "fp32") return Precision::kFloat32;
  if (name == "bf16") return Precision::kBfloat16;
  if (name == "int8") return Precision::kInt8;
  if (name == "auto") return Precision::kAuto;
  fail("precision «{}» is unknown; there are f32, bf16, int8 and auto", name);
}

std::string name_of(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "f32";
    case Precision::kBfloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
    case Precision::kAuto:
      break;
  }
  return "auto";
}

Device parse_device(const std::string& name) {
  if (name == "cpu") return Device::kCpu;
  if (name == "cpu-torch") return Device::kCpuTorch;
  if (name == "cuda") return Device::kCuda;
  fail("device «{}» is unknown; there are cpu (OpenVINO), cpu-torch and cuda (libtorch)", name);
}

}  // namespace bramble
