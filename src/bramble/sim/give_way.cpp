#include "bramble/sim/give_way.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {
namespace {

constexpr double kSightM = 45;
constexpr double kBrakingMps2 = 1.5;
constexpr double kForesightS = 3;      // over which the way of somebody who crosses is continued
constexpr double kSideRoomM = 0.35;    // to either side of one's own way
constexpr double kPassingRoomM = 0.6;  // between two vehicles that pass each other
constexpr double kPassingMps = 2.5;
constexpr double kWalkerRoomM = 1.1;  // to somebody on foot, if the path allows it
constexpr double kMostAsideM = 1.7;

// Another one in the track's own coordinates.
struct Seen {
  double ahead_m;  // of its middle, from the reference point of who looks; negative: behind
  double half_along_m, half_across_m;
  double lateral_m;              // to the left of the line
  double along_mps, across_mps;  // velocity; along: in the track's direction
  bool faces_us;
};

Seen seen_from(const Track& track, const OwnPlace& own, const RoadUser& other) {
  Seen seen{};
  const double s = track.nearest_s(other.position, -1);
  const Track::Place place = track.at(s);
  const Eigen::Vector2d forward(std::cos(place.heading_rad), std::sin(place.heading_rad));
  const Eigen::Vector2d left(-forward.y(), forward.x());
  seen.ahead_m = s - own.s_m;
  if (track.closed()) seen.ahead_m = std::remainder(seen.ahead_m, track.length_m());
  const double turned = wrap_angle(other.yaw_rad - place.heading_rad);
  seen.faces_us = std::cos(turned) < -0.3;
  const double c = std::abs(std::cos(turned)), n = std::abs(std::sin(turned));
  seen.half_along_m = 0.5 * (c * other.length_m + n * other.width_m);
  seen.half_across_m = 0.5 * (n * other.length_m + c * other.width_m);
  seen.lateral_m = left.dot(other.position - place.position);
  seen.along_mps = forward.dot(other.velocity_mps);
  seen.across_mps = left.dot(other.velocity_mps);
  return seen;
}

// The speed from which one can still stop, or slow down to somebody who goes on, within this room.
double safe_speed(double room_m, double their_speed_mps) {
  const double theirs = std::max(their_speed_mps, 0.0);
  if (room_m <= 0) return std::max(theirs + 0.5 * room_m, 0.0);
  return std::sqrt(theirs * theirs + 2 * kBrakingMps2 * room_m);
}

}  // namespace

Courtesy give_way(const Track& track, const OwnPlace& own, const std::vector<RoadUser>& others) {
  Courtesy courtesy;
  const Eigen::Vector2d here = track.at(own.s_m).position;
  const auto cap = [&](double speed_mps) { courtesy.speed_cap_mps = std::min(courtesy.speed_cap_mps, speed_mps); };
  double pass_right_m = 0, pass_walker_m = 0, nearest_walker_m = kSightM;
  for (const RoadUser& other : others) {
    if (other.id == own.id || (other.position - here).norm() > kSightM + 10) continue;
    const Seen seen = seen_from(track, own, other);
    const double gap_m = seen.ahead_m - seen.half_along_m - own.front_m;
    const double clear_of_tail_m = seen.ahead_m + seen.half_along_m + own.front_m + 1;  // as long as the nose, behind
    if (seen.ahead_m > kSightM || clear_of_tail_m < 0 || std::abs(seen.lateral_m) > 15) continue;
    const double clearance_m = std::abs(seen.lateral_m - own.lateral_m) - own.half_width_m - seen.half_across_m;

    // 1. An oncoming vehicle: both go half of the way aside.
    if (other.vehicle && seen.faces_us) {
      if (std::abs(seen.lateral_m) > own.half_width_m + seen.half_across_m + kPassingRoomM + 0.5) continue;
      pass_right_m = std::max(pass_right_m, 0.5 * (own.half_width_m + seen.half_across_m) + 0.5 * kPassingRoomM);
      cap(std::max(kPassingMps, std::sqrt(2 * kBrakingMps2 * std::max(0.5 * gap_m - 5, 0.0))));
      if (clearance_m < 0.2 && gap_m > -own.front_m && gap_m < 8) cap(gap_m > 3 ? 1.2 : gap_m > 1 ? 0.5 : 0.0);
      continue;
    }

    // 2. In the way, now or when one gets there.
    // Until the tail, about as long behind as the nose is ahead, has passed.
    const double soon_s = std::clamp((gap_m + 2 * own.front_m) / std::max(own.speed_mps, 1.5), 0.0, kForesightS);
    const double then_m = seen.lateral_m + (std::abs(seen.across_mps) > 0.1 ? soon_s * seen.across_mps : 0.0);
    const double least_m = std::min(seen.lateral_m, then_m) - seen.half_across_m;
    const double most_m = std::max(seen.lateral_m, then_m) + seen.half_across_m;
    const double side_m = own.half_width_m + kSideRoomM;
    const bool in_the_way = least_m < own.lateral_m + side_m && most_m > own.lateral_m - side_m;
    if (in_the_way && gap_m > -own.front_m) {
      cap(safe_speed(gap_m - own.gap_m, seen.along_mps));
      continue;
    }

    // 3. Beside it.
    if (!other.vehicle && clearance_m < kWalkerRoomM + 0.4 && gap_m < 12) {
      cap(std::max(kPassingMps, safe_speed(gap_m, kPassingMps)));
      if (gap_m < nearest_walker_m) {
        nearest_walker_m = gap_m;
        const double wanted_m = own.half_width_m + seen.half_across_m + kWalkerRoomM - std::abs(seen.lateral_m);
        pass_walker_m = std::clamp(wanted_m, 0.0, 0.7) * (seen.lateral_m > 0 ? -1 : 1);
      }
    }
    if (other.vehicle && clearance_m < 0.8 && gap_m < 12) cap(kPassingMps);
  }
  courtesy.offset_m = pass_right_m > 0 ? -std::min(pass_right_m, kMostAsideM) : pass_walker_m;
  return courtesy;
}

}  // namespace bramble
