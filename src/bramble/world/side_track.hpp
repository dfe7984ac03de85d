#pragma once
#include <vector>

#include "bramble/world/path.hpp"

namespace bramble {

struct Scenario;

/// A track that leaves the path. It is there in the ground, its cover and what grows, but nobody drives it.
struct SideTrack {
  Path line;             ///< open; begins on the path, points 0.5 m apart, M, metres
  bool rejoins = false;  ///< ends on the path too; else it is lost in the grass
  double wear = 0.5;     ///< factor on the path's wear
  double length_m = 0;   ///< of the line, seen from above

  /// How much of it there is at arc length s, seen from above [m]: 1 a track … 0 nothing.
  double presence(double s_m) const;
};

/// The forks of a scenario's loop, seen from above (z = 0): as many as asked for, as far as there is room away from the
/// loop, the ponds, the border and each other.
std::vector<SideTrack> make_forks(const Scenario& scenario, const Path& loop);

}  // namespace bramble
