#pragma once
#include <string>
#include <vector>

#include "bramble/eval/evaluation.hpp"

namespace bramble {

/// One frame beside its truth and every model's estimate.
struct Figure {
  std::size_t position = 0;  ///< in Evaluation::samples
  std::string name;
  std::string reason;  ///< why this frame was chosen: «worst», «median», «largest gap», …
  ImageU8 image;       ///< [H, W, 3]
  ImageU8 label;       ///< [H, W, 1]
  std::vector<ImageU8> estimates;
};

/// Frames that tell most, at most `count`: the worst, those where two models differ most, and a spread from the best to
/// the middle. Ordered by mean IoU of the frame over the models, worst first.
std::vector<Figure> choose_figures(const Evaluation& evaluation, const std::vector<Predictor>& predictors,
                                   const Dataset& dataset, std::size_t count);

/// Wrong pixels in red [H, W, 4]: transparent where right, grey where the truth is ignored.
ImageU8 error_mask(const ImageU8& label, const ImageU8& estimate);

/// Mask over picture: (1 - opacity) * picture + opacity * mask; both [H, W, 3].
ImageU8 blend(const ImageU8& picture, const ImageU8& mask, float opacity);

/// Rows of image | truth | estimate of each model, with captions: a figure for a paper or a slide.
ImageU8 picture_sheet(const std::vector<Figure>& figures, const Evaluation& evaluation);

}  // namespace bramble
