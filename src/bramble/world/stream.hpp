#pragma once
#include <functional>
#include <vector>

#include "bramble/world/land.hpp"
#include "bramble/world/path_shape.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

/// A stream with its place worked out: where it runs, how high its water stands, and how it shapes the ground.
class Stream {
 public:
  /// Where a place lies relative to the stream.
  struct Place {
    double distance_m = 0;    ///< from the middle of the stream
    double half_width_m = 0;  ///< of the water there
    double level_m = 0;       ///< of the water there
    double depth_m = 0;       ///< in the middle
    double presence = 0;      ///< 1 a stream … 0 beyond its ends
  };

  /// `line`: from the source to the mouth, z = level of the water, falling all the way. A stream that ends in a pond is
  /// whole to its end, others are lost in the ground.
  Stream(const StreamScenario& scenario, Path line, bool into_pond, std::uint64_t seed, double size_m);

  /// Whether the stream can be told from (x, y), or from places up to `margin_m` around: elsewhere it changes nothing.
  bool near(double x, double y, double margin_m = 0) const;
  Place locate(double x, double y) const;
  /// Height of the ground at a place of the stream [m] where it was `height` before: bed and banks, and a shallow ford
  /// with gentle banks on the path, unless the stream keeps beside it. `path_gap_m`: to the path's edge, negative on
  /// it.
  double shaped(const Place& place, double height, double path_gap_m) const;
  const Path& line() const { return line_; }

 private:
  StreamScenario scenario_;
  Path line_;
  bool into_pond_;
  double length_m_;
  PathField field_;
  Noise widths_;
};

/// The streams of a scenario. `ground`: height [m] of land and levelled path, without ponds. `loop` lies on that
/// ground. A stream across the path is traced down and up the slope from its ford; it ends in a pond, at the border,
/// where it would have to be cut too deep, or at its length.
std::vector<Stream> place_streams(const Scenario& scenario, const Path& loop, const std::vector<Pond>& ponds,
                                  const std::function<double(double x, double y)>& ground);

}  // namespace bramble
