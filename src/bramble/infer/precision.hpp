#pragma once
#include <string>

namespace bramble {

/// Arithmetic of the network. kAuto is bfloat16 on processors that compute with it and float32 on all others, so its
/// labels can differ from machine to machine; measure a model with kFloat32. kInt8 needs a package with 8-bit ranges
/// (quantization.hpp).
enum class Precision { kFloat32, kBfloat16, kInt8, kAuto };
/// «f32» (or «fp32»), «bf16», «int8» or «auto»; throws Error naming these for anything else.
Precision parse_precision(const std::string& name);
std::string name_of(Precision precision);

/// Where the network runs: OpenVINO on the processor, libtorch on the processor (to compare with), libtorch on an
/// NVIDIA GPU.
enum class Device { kCpu, kCpuTorch, kCuda };
/// «cpu», «cpu-torch» or «cuda»; throws Error naming these for anything else.
Device parse_device(const std::string& name);

}  // namespace bramble
