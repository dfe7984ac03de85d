#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bramble/eval/run_report.hpp"
#include "bramble/eval/video.hpp"

namespace bramble {

/// The video of a run: panels of one size side by side with captions, in two rows when there are four: picture, truth,
/// estimate and errors, as far as the first frame has them.
class RunVideo {
 public:
  RunVideo(const RunFrame& first, int panel_width);
  /// `note` stands in the picture's panel: time, accuracy.
  void add(const RunFrame& frame, const Ontology& ontology, const std::string& note);
  std::vector<std::uint8_t> finish() { return video_->finish(); }
  int width() const { return columns_ * panel_width_; }
  int height() const { return rows_ * panel_height_; }
  std::size_t frames() const { return video_->frames(); }

 private:
  enum class Panel { kPicture, kTruth, kEstimate, kErrors, kConfidence };
  ImageU8 draw(Panel panel, const RunFrame& frame, const ImageU8& picture, const Ontology& ontology,
               const std::string& note) const;

  std::vector<Panel> panels_;
  int columns_ = 1, rows_ = 1;
  int panel_width_ = 0, panel_height_ = 0;
  std::unique_ptr<Video> video_;
};

}  // namespace bramble
