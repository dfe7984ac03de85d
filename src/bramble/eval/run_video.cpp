#include "bramble/eval/run_video.hpp"

#include <algorithm>

#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/eval/bitmap_font.hpp"
#include "bramble/eval/figures.hpp"

namespace bramble {

namespace {

constexpr float kMaskOpacity = 0.62F;

/// Letters on a darkened strip, top left.
void caption(ImageU8& panel, const std::string& text) {
  const int scale = panel.width >= 360 ? 2 : 1;
  const int pad = 3 * scale;
  const std::string fitting = fit_text(text, panel.width - 2 * pad, scale);
  const int right = std::min(panel.width, text_width(fitting, scale) + 2 * pad);
  const int bottom = std::min(panel.height, kGlyphHeight * scale + 2 * pad);
  for (int v = 0; v < bottom; ++v)
    for (int u = 0; u < right; ++u)
      for (int c = 0; c < 3; ++c) panel.at(u, v)[c] = static_cast<std::uint8_t>(panel.at(u, v)[c] * 3 / 10);
  draw_text(panel, pad, pad, fitting, {255, 255, 255}, scale);
}

}  // namespace

RunVideo::RunVideo(const RunFrame& first, int panel_width) {
  panels_.push_back(Panel::kPicture);
  if (first.truth) panels_.push_back(Panel::kTruth);
  if (first.estimate) panels_.push_back(Panel::kEstimate);
  if (first.truth && first.estimate) {
    panels_.push_back(Panel::kErrors);
  } else if (first.confidence) {
    panels_.push_back(Panel::kConfidence);
  }
  const auto count = static_cast<int>(panels_.size());
  rows_ = count == 4 ? 2 : 1;
  columns_ = count / rows_;
  panel_width_ = std::max(2, std::min(first.picture->width, panel_width) / 2 * 2);
  panel_height_ = std::max(2, first.picture->height * panel_width_ / first.picture->width / 2 * 2);
  // About 4.5 bits a second for each pixel: grass that passes by does not break into blocks.
  const int kilobits = std::max(600, width() * height() / 220);
  video_ = std::make_unique<Video>(VideoOptions{.width = width(), .height = height(), .kilobits_per_s = kilobits});
}

ImageU8 RunVideo::draw(Panel panel, const RunFrame& frame, const ImageU8& picture, const Ontology& ontology,
                       const std::string& note) const {
  const auto over_picture = [&](const ImageU8& ids) {
    return blend(picture, ontology.colorize(resize_labels(ids, panel_width_, panel_height_)), kMaskOpacity);
  };
  ImageU8 out = picture;
  std::string text = note;
  switch (panel) {
    case Panel::kPicture:
      break;
    case Panel::kTruth:
      text = frame.truth ? "ground truth" : "no ground truth";
      if (frame.truth) out = over_picture(*frame.truth);
      break;
    case Panel::kEstimate:
      text = frame.estimate ? "estimate" : "no estimate";
      if (frame.estimate) out = over_picture(*frame.estimate);
      break;
    case Panel::kErrors:
      text = "wrong pixels";
      if (frame.truth && frame.estimate) {
        const ImageU8 wrong = resize_labels(error_mask(*frame.truth, *frame.estimate), panel_width_, panel_height_);
        for (std::size_t i = 0; i < out.pixel_count(); ++i) {
          const int alpha = wrong.data[4 * i + 3] * 4 / 5;
          for (std::size_t c = 0; c < 3; ++c)
            out.data[3 * i + c] =
                static_cast<std::uint8_t>((out.data[3 * i + c] * (255 - alpha) + wrong.data[4 * i + c] * alpha) / 255);
        }
      }
      break;
    case Panel::kConfidence:
      text = "confidence";
      if (frame.confidence) {
        const ImageU8 grey = resize_labels(*frame.confidence, panel_width_, panel_height_);
        for (std::size_t i = 0; i < out.pixel_count(); ++i)
          std::fill_n(out.data.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, grey.data[i]);
      }
      break;
  }
  caption(out, text);
  return out;
}

void RunVideo::add(const RunFrame& frame, const Ontology& ontology, const std::string& note) {
  const ImageU8 picture = resize_picture(*frame.picture, panel_width_, panel_height_);
  ImageU8 sheet(width(), height(), 3);
  parallel_for(panels_.size(), [&](std::size_t i) {
    const ImageU8 tile = draw(panels_[i], frame, picture, ontology, note);
    const int left = static_cast<int>(i) % columns_ * panel_width_;
    const int top = static_cast<int>(i) / columns_ * panel_height_;
    for (int v = 0; v < panel_height_; ++v)
      std::copy_n(tile.row(v), static_cast<std::size_t>(panel_width_) * 3, sheet.at(left, top + v));
  });
  video_->add(sheet, frame.stamp_ns);
}

}  // namespace bramble
