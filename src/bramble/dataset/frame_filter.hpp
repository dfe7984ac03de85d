#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ros/image_view.hpp"

namespace bramble {

/// A picture at 32 x 24, in grey: enough to see whether the view has changed.
using ViewSignature = std::vector<std::uint8_t>;
ViewSignature view_signature(const ImageU8& rgb);
/// The same straight from a message of 1, 3 or 4 bytes a pixel, without decoding it; empty for other encodings.
ViewSignature view_signature(const ImageView& view);
/// Mean absolute difference, 0 (same) to 1.
double view_change(const ViewSignature& a, const ViewSignature& b);

/// Chooses which frames of one camera become samples. A frame is kept when it passes every rule that is set, measured
/// from the last one that was kept.
class FrameFilter {
 public:
  struct Rules {
    int every = 1;          ///< every n-th frame
    double metres = 0;      ///< driven since the last one, at least
    double min_change = 0;  ///< of the view, view_change() at least
  };
  enum class Verdict { kKeep, kEvery, kDistance, kView };
  explicit FrameFilter(const Rules& rules) : rules_(rules) {}
  /// Frames in order. `position_m` is needed for the rule of metres (without it the frame is kept), `signature` for
  /// that of the view.
  Verdict judge(const std::optional<Eigen::Vector3d>& position_m, const ViewSignature& signature);

 private:
  Rules rules_;
  std::uint64_t seen_ = 0;
  std::optional<Eigen::Vector3d> last_position_m_;
  ViewSignature last_signature_;
};

}  // namespace bramble
