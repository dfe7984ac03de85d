#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/dataset/model_package.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Arithmetic of the network. kAuto is bfloat16 on processors that compute with it and float32 on all others, so its
/// labels can differ from machine to machine; measure a model with kFloat32.
enum class Precision { kFloat32, kBfloat16, kAuto };
/// «f32», «bf16» or «auto»; throws Error naming these for anything else.
Precision parse_precision(const std::string& name);

struct EngineOptions {
  int threads = 0;  ///< 0: as many as the rest of the program
  Precision precision = Precision::kFloat32;
  std::filesystem::path cache_folder{};  ///< keeps the compiled network there for the next start; empty: does not
};

/// Pixels that someone else holds: rows of `step` bytes, RGB (3 channels) or BGRA (4 channels, alpha unused).
struct PictureView {
  int width = 0;
  int height = 0;
  int channels = 3;
  std::size_t step = 0;
  std::span<const std::uint8_t> data;
};

/// How long the parts of the last call took, milliseconds of wall clock.
struct EngineTiming {
  double prepare_ms = 0;  ///< to the model's input size and order of bytes
  double network_ms = 0;
  double label_ms = 0;  ///< upsampling and argmax
  double total_ms() const { return prepare_ms + network_ms + label_ms; }
};

/// A trained model, ready to label pictures. Holds the network in OpenVINO's form; a picture that already has the
/// model's input size, RGB or BGRA, with rows that follow on each other, is read where it stands.
/// One call at a time per engine; several engines may work side by side.
class Engine {
 public:
  /// Whether this engine builds the network that a package describes; open() says of others what is unknown about them.
  static bool knows(const ModelInfo& info);
  /// Reads a model package (docs/model_package.md). Throws Error naming file and reason when it is not one, when a
  /// tensor is missing or has another shape than the network needs.
  static std::unique_ptr<Engine> open(const std::filesystem::path& model_folder, const EngineOptions& options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Ids [H, W, 1] at the picture's own size. Throws Error when the picture is empty or not RGB or BGRA.
  ImageU8 segment(const ImageU8& rgb);
  ImageU8 segment(const PictureView& picture);

  /// Logits [class_count, rows, columns] of a picture as the network gives them: a quarter or a sixteenth of the input.
  struct Logits {
    int class_count = 0;
    int rows = 0;
    int columns = 0;
    std::vector<float> values;
  };
  Logits logits(const ImageU8& rgb);

  const ModelInfo& info() const;
  const Ontology& ontology() const { return info().ontology; }
  const EngineTiming& last_timing() const;
  /// What it runs on, for people: «OpenVINO 2026.4.1, CPU, f32, 2 threads».
  std::string describe() const;

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
