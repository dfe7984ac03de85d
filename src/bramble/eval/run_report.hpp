#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/stamp.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

struct RunReportOptions {
  std::string title = "Run";                                 ///< «meadow, autopilot»
  std::vector<std::pair<std::string, std::string>> facts{};  ///< shown under the title: «model», «engine», …
  int panel_width = 480;                                     ///< of each picture in the video, at most
  std::size_t worst_moments = 6;
  std::size_t embed_limit_bytes = 64U << 20U;  ///< a longer video stays beside the page instead of in it
};

/// One moment of a run. What is null was not there; pictures of any size, all of one moment of the same.
struct RunFrame {
  StampNs stamp_ns = 0;                                  ///< ascending from frame to frame
  const ImageU8* picture = nullptr;                      ///< [H, W, 3], always there
  const ImageU8* truth = nullptr;                        ///< ids [H, W, 1], 255 ignored
  const ImageU8* estimate = nullptr;                     ///< ids [H, W, 1]
  const ImageU8* confidence = nullptr;                   ///< [H, W, 1], 255 = sure
  double latency_ms = -1;                                ///< negative: not measured
  std::vector<std::pair<std::string, double>> values{};  ///< anything else to plot over time: «speed, m/s»
};

/// The report of a run: one HTML page that needs nothing else, with a video of the drive (picture, truth, estimate and
/// errors side by side), measures over time that follow the video and jump in it, the classes' figures, and the worst
/// moments as pictures: by accuracy where there is truth, else by confidence, at least a second apart. Frames are
/// encoded as they come, so memory grows with the video only. Beside the page: drive.webm, frames.csv, run.json.
class RunReport {
 public:
  /// Throws Error when `folder` cannot be made.
  RunReport(std::filesystem::path folder, Ontology ontology, RunReportOptions options = {});
  ~RunReport();
  RunReport(const RunReport&) = delete;
  RunReport& operator=(const RunReport&) = delete;

  /// Throws Error when sizes do not fit or an id is not of the ontology.
  void add(const RunFrame& frame);
  std::size_t frames() const;
  /// Writes the files; index.html last. Returns the content of run.json: {title, frames, seconds, accuracy, miou,
  /// latency: {median_ms, p95_ms, max_ms}, worst: [{time_s, accuracy, confidence}], video: {width, height, bytes}}.
  /// Throws Error without frames.
  nlohmann::json finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
