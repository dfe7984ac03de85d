#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/dataset/model_package.hpp"
#include "bramble/infer/label_upsample.hpp"
#include "bramble/infer/picture_input.hpp"
#include "bramble/infer/precision.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

struct EngineOptions {
  int threads = 0;  ///< 0: as many as the rest of the program
  Precision precision = Precision::kFloat32;
  Device device = Device::kCpu;
  std::filesystem::path cache_folder{};  ///< keeps the compiled network there for the next start; empty: does not
  /// For segment_all(): so many networks side by side, each with its share of the threads, and so many pictures at once
  /// through each. Streams raise the throughput on a processor, a batch on a GPU; both lengthen the way of one picture.
  int streams = 1;
  int batch = 1;
};

/// How long the parts of the last call took, milliseconds of wall clock.
struct EngineTiming {
  double prepare_ms = 0;  ///< to the model's input size and order of bytes
  double network_ms = 0;
  double label_ms = 0;  ///< upsampling and argmax
  double total_ms() const { return prepare_ms + network_ms + label_ms; }
};

/// A trained model, ready to label pictures. Holds the network in OpenVINO's form, or in libtorch's (Device); for
/// OpenVINO a picture that already has the model's input size, RGB or BGRA, with rows that follow on each other, is
/// read where it stands.
/// One call at a time per engine; several engines may work side by side.
class Engine {
 public:
  /// Whether OpenVINO's network can be built from a package; libtorch takes every package.
  static bool knows(const ModelInfo& info);
  /// Reads a model package (docs/model_package.md). Throws Error naming file and reason when it is not one, when a
  /// tensor is missing or has another shape than the network needs.
  static std::unique_ptr<Engine> open(const std::filesystem::path& model_folder, const EngineOptions& options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Ids [H, W, 1] at the picture's own size. Throws Error when the picture is empty or not grey, RGB or BGRA.
  ImageU8 segment(const ImageU8& rgb);
  ImageU8 segment(const PictureView& picture);
  /// The same, with confidence and probabilities where wanted.
  ClassMaps classify(const PictureView& picture, const ClassMapsWanted& wanted);

  /// Compiles the network for every pixel layout it reads and runs each once, so that no picture of a stream waits for
  /// that.
  void warm_up();

  /// Ids of many pictures, in their order: streams and batches (EngineOptions) under way at the same time.
  std::vector<ImageU8> segment_all(std::span<const PictureView> pictures);

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
