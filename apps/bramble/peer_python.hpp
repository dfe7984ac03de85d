#pragma once
#include <filesystem>
#include <string>

#include "command.hpp"

namespace bramble {

/// The Python of an environment that set-up made for the peers of tests and benchmarks: `given`, if it names one, else
/// .deps/ENVIRONMENT (python: rosbags, OpenCV, CycloneDDS, OpenVINO, ONNX Runtime; perceptionmetrics: PyTorch), else
/// the system's.
inline std::filesystem::path peer_python(const std::string& given, const std::string& environment = "python") {
  if (!given.empty()) return given;
  const auto ours = home_folder() / ".deps" / environment / "bin" / "python";
  return std::filesystem::exists(ours) ? ours : std::filesystem::path("python3");
}

}  // namespace bramble
