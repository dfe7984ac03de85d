#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "bramble/dataset/model_package.hpp"
#include "bramble/infer/precision.hpp"

namespace bramble {

/// Logits of a batch, [batch, class_count, rows, columns], row-major; valid until their lane starts again.
struct LogitsView {
  int batch = 0;
  int class_count = 0;
  int rows = 0;
  int columns = 0;
  std::span<const float> values;

  /// [class_count, rows, columns] of one picture.
  std::span<const float> picture(int index) const {
    const std::size_t size = static_cast<std::size_t>(class_count) * rows * columns;
    return values.subspan(size * index, size);
  }
};

struct NetworkOptions {
  int threads = 0;  ///< 0: as many as the rest of the program
  Precision precision = Precision::kFloat32;
  int streams = 1;  ///< pictures (or batches) that are computed side by side
  int batch = 1;
  std::filesystem::path cache_folder{};  ///< keeps the compiled network there for the next start; empty: does not
};

/// The network of a model package in some runtime: bytes of pictures in, logits out. Work goes through lanes, of which
/// several may be under way; one thread calls.
class Network {
 public:
  virtual ~Network() = default;
  /// How many lanes there are: enough that no stream waits.
  virtual int lanes() const = 0;
  /// Pixel layouts that are read as they stand: 3 (RGB) always, 4 (BGRA) perhaps.
  virtual bool reads(int channels) const = 0;
  /// Begins with pictures [batch, height, width, channels] of the model's input size, which must stay as they are until
  /// finish(). `batch` is 1 or the options' own.
  virtual void start(int lane, const std::uint8_t* pictures, int batch, int channels) = 0;
  /// Waits for the lane. Throws Error when the runtime fails.
  virtual LogitsView finish(int lane) = 0;
  /// «OpenVINO 2026.4.1, CPU, f32, 2 threads»
  virtual std::string describe() const = 0;
};

/// OpenVINO on the processor. Reads the package's tensors (and 8-bit ranges for Precision::kInt8); throws Error naming
/// file and reason when they do not fit.
std::unique_ptr<Network> open_openvino_network(const std::filesystem::path& folder, const ModelInfo& info,
                                               const NetworkOptions& options);

/// Whether libtorch was built with CUDA and finds a GPU.
bool cuda_is_there();

/// libtorch, on the processor in eager mode or on an NVIDIA GPU with the whole network started at once (RecordedWork).
/// Throws Error when libtorch has no CUDA or finds no
/// GPU, and for a precision other than float32 (bfloat16 on a GPU).
std::unique_ptr<Network> open_torch_network(const std::filesystem::path& folder, bool cuda,
                                            const NetworkOptions& options);

}  // namespace bramble
