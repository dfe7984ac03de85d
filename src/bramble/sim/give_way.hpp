#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <limits>
#include <vector>

#include "bramble/sim/track.hpp"

namespace bramble {

/// Somebody on or near the path, as a driver sees him: an upright box that moves.
struct RoadUser {
  std::uint32_t id = 0;
  bool vehicle = false;                                ///< drives along the path; else it walks
  Eigen::Vector2d position = Eigen::Vector2d::Zero();  ///< of the box's middle, metres, M
  double yaw_rad = 0;
  Eigen::Vector2d velocity_mps = Eigen::Vector2d::Zero();  ///< M
  double length_m = 1, width_m = 1;
};

/// Whoever drives, on its track.
struct OwnPlace {
  std::uint32_t id = 0;
  double s_m = 0;        ///< of the reference point
  double lateral_m = 0;  ///< of the reference point, to the left of the line
  double speed_mps = 0;
  double front_m = 2;  ///< from the reference point to the nose
  double half_width_m = 1;
  double gap_m = 3;  ///< room to be left to what one stops behind
};

/// What is due to others.
struct Courtesy {
  double speed_cap_mps = std::numeric_limits<double>::infinity();
  double offset_m = 0;  ///< to the left of the line
};

/// How to drive among others on a narrow path, as people do:
///   - behind somebody who is, or is about to be, in the way: as fast as one could still stop behind him with 1.5 m/s²
///     (Gipps, "A behavioural car-following model", 1981, without reaction time: a frame is short);
///   - towards an oncoming vehicle: slowly, and both move aside to their right so far that they pass each other;
///   - past somebody close to the way: slowly, and as far on the other side as the path allows.
/// What lies behind counts for nothing. Deterministic.
Courtesy give_way(const Track& track, const OwnPlace& own, const std::vector<RoadUser>& others);

}  // namespace bramble
