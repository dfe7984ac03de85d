#include "bramble/sim/walker.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bramble {
namespace {

double usual_speed(const std::string& kind) {
  return kind == "deer" ? 1.6 : kind == "boar" ? 1.3 : kind == "cow" ? 0.9 : 1.4;
}

// How far from the centre line it goes or stands unless told.
double usual_offset(const ActorScenario& actor, double path_width_m) {
  if (actor.offset_given) return actor.offset_m;
  if (actor.course == "across") return 0.5 * path_width_m + 4;
  if (actor.course == "stand") return 0.5 * path_width_m + 2.5;
  return 0.5 * path_width_m + 0.4;
}

bool in_box(const RoadUser& user, const Eigen::Vector2d& p, double room_m) {
  const Eigen::Vector2d forward(std::cos(user.yaw_rad), std::sin(user.yaw_rad));
  const Eigen::Vector2d off = p - user.position;
  return std::abs(forward.dot(off)) < 0.5 * user.length_m + room_m &&
         std::abs(forward.x() * off.y() - forward.y() * off.x()) < 0.5 * user.width_m + room_m;
}

// A vehicle that one would walk into.
bool blocked(const std::vector<RoadUser>& others, const Eigen::Vector2d& p, const Eigen::Vector2d& forward,
             double reach_m) {
  return std::any_of(others.begin(), others.end(), [&](const RoadUser& other) {
    return other.vehicle &&
           (in_box(other, p + reach_m * forward, 0.5) || in_box(other, p + 0.5 * reach_m * forward, 0.4));
  });
}

// To the left of the track.
double lateral_on(const Track& track, const Eigen::Vector2d& p) {
  const Track::Place place = track.at(track.nearest_s(p, -1));
  const Eigen::Vector2d left(-std::sin(place.heading_rad), std::cos(place.heading_rad));
  return left.dot(p - place.position);
}

// Whether somebody can walk or stand between two places: dry and nothing in the way.
bool free_way(const World& world, const Eigen::Vector2d& from, const Eigen::Vector2d& to, double half_width_m) {
  for (int i = 0; i <= 10; ++i) {
    const Eigen::Vector2d p = from + 0.1 * i * (to - from);
    const Terrain& ground = world.ground_at(p.x(), p.y());
    if (ground.class_at(p.x(), p.y()) == ground.water_id) return false;
  }
  const Eigen::Vector2d way = to - from;
  for (const Instance& thing : world.instances) {
    if (thing.collision_radius_m <= 0) continue;
    const Eigen::Vector2d foot = thing.X_MA.translation().head<2>().cast<double>();
    const double share = std::clamp((foot - from).dot(way) / std::max(way.squaredNorm(), 1e-9), 0.0, 1.0);
    if ((from + share * way - foot).norm() < thing.collision_radius_m + half_width_m + 0.15) return false;
  }
  return true;
}

}  // namespace

Walker::Walker(const World& world, const ActorScenario& actor, const ActorState& who, std::uint64_t seed)
    : world_(world),
      actor_(actor),
      look_(actor.kind, seed, who.class_id, who.id),
      track_(Track::along(world.path, false, {})),
      likes_mps_(actor.speed_mps > 0 ? actor.speed_mps : usual_speed(actor.kind)) {
  state_ = who;
  state_.size_m = look_.size_m();
  actor_.offset_m = usual_offset(actor, world.path.width_m);
  direction_ = actor.direction == "against" ? -1 : 1;
  s_m_ = actor.at * track_.length_m();
  if (actor.course != "along") {  // a free place near there
    const double half = 0.5 * std::max(state_.size_m.x(), state_.size_m.y());
    for (int k = 0; k < 60; ++k) {
      const double s = s_m_ + (k % 2 ? 1 : -1) * 0.5 * k;
      const Track::Place place = track_.at(s);
      const Eigen::Vector2d left(-std::sin(place.heading_rad), std::cos(place.heading_rad));
      const Eigen::Vector2d there = place.position + actor_.offset_m * left;
      const Eigen::Vector2d back =
          actor.course == "across" ? Eigen::Vector2d(place.position - actor_.offset_m * left) : there;
      if (!free_way(world, back, there, half)) continue;
      s_m_ = s;
      break;
    }
  }
  across_m_ = -actor_.offset_m;
  const Track::Place place = track_.at(s_m_);
  if (actor.course == "across") {
    direction_ = 1;
    yaw_rad_ = place.heading_rad + 0.5 * std::numbers::pi;
  } else if (actor.course == "along") {
    yaw_rad_ = place.heading_rad + (direction_ < 0 ? std::numbers::pi : 0);
  } else {
    yaw_rad_ = place.heading_rad + 2.4 * static_cast<double>(seed % 7);  // any way
  }
  take_posture(place_along(), yaw_rad_, 0);
  before_ = now_;
  state_.X_MA = now_.X_MA;
}

void Walker::stand_at(const GroundPlace& place) {
  spot_ = place.position;
  yaw_rad_ = wrap_angle(place.yaw_rad);
  take_posture(place.position, yaw_rad_, 0);
  before_ = now_;
  state_.X_MA = now_.X_MA;
}

Eigen::Vector2d Walker::place_along() const {
  if (spot_) return *spot_;
  const Track::Place place = track_.at(s_m_);
  const Eigen::Vector2d left(-std::sin(place.heading_rad), std::cos(place.heading_rad));
  return place.position + (actor_.course == "across" ? across_m_ : actor_.offset_m + aside_m_) * left;
}

// The way of this step.
double Walker::walk(double dt_s, double wanted_mps) {
  speed_mps_ += std::clamp(wanted_mps - speed_mps_, -4 * dt_s, 1.5 * dt_s);
  return speed_mps_ * dt_s;
}

void Walker::wander_along(double dt_s, const std::vector<RoadUser>& others) {
  const Eigen::Vector2d forward(std::cos(yaw_rad_), std::sin(yaw_rad_));
  const bool waits = blocked(others, state_.X_MA.translation().head<2>(), forward, 0.5 * state_.size_m.x() + 0.7);
  const double way_m = walk(dt_s, waits ? 0.0 : likes_mps_);
  const Track::Place place = track_.at(s_m_);
  // Away from the path's middle, as far as the vehicles that come need.
  constexpr double kNearM = 18, kRoomM = 0.7, kMostM = 1.6, kSidewaysMps = 0.8;
  const double side = actor_.offset_m < 0 ? -1 : 1;
  double needed_m = 0;
  for (const RoadUser& other : others) {
    if (!other.vehicle || (other.position - place.position).norm() > kNearM) continue;
    const double their_edge_m = side * lateral_on(track_, other.position) + 0.5 * other.width_m;
    needed_m = std::max(needed_m, their_edge_m + kRoomM + 0.5 * state_.size_m.y() - std::abs(actor_.offset_m));
  }
  const double target_m = side * std::min(needed_m, kMostM);
  aside_m_ += std::clamp(target_m - aside_m_, -kSidewaysMps * dt_s, kSidewaysMps * dt_s);
  s_m_ += direction_ * way_m / std::max(1 - actor_.offset_m * place.curvature_per_m, 0.3);
  if (track_.closed()) {
    s_m_ = std::fmod(s_m_ + track_.length_m(), track_.length_m());
  } else if (s_m_ < 1 || s_m_ > track_.length_m() - 1) {  // the end: back
    s_m_ = std::clamp(s_m_, 1.0, track_.length_m() - 1);
    direction_ = s_m_ < 2 ? 1 : -1;
  }
  take_posture(place_along(), track_.at(s_m_).heading_rad + (direction_ < 0 ? std::numbers::pi : 0), dt_s);
}

void Walker::cross(double dt_s, const std::vector<RoadUser>& others) {
  const Track::Place place = track_.at(s_m_);
  const double heading = place.heading_rad + direction_ * 0.5 * std::numbers::pi;
  double nearest_m = 1e9;
  for (const RoadUser& other : others)
    if (other.vehicle) nearest_m = std::min(nearest_m, (other.position - place.position).norm());
  if (!walking_ && (actor_.trigger_m <= 0 || (nearest_m < actor_.trigger_m && nearest_m > 0.4 * actor_.trigger_m)))
    walking_ = true;
  bool goes = walking_;
  if (goes) {
    const Eigen::Vector2d forward(std::cos(heading), std::sin(heading));
    const bool turned = std::abs(wrap_angle(heading - yaw_rad_)) < 0.5;
    goes = turned && !blocked(others, state_.X_MA.translation().head<2>(), forward, 0.5 * state_.size_m.x() + 0.9);
  }
  const double left_m = std::abs(direction_ * actor_.offset_m - across_m_);
  const double way_m = walk(dt_s, goes ? std::min(likes_mps_, 0.3 + 1.2 * left_m) : 0.0);
  if (walking_ && way_m >= left_m) {
    across_m_ = direction_ * actor_.offset_m;
    direction_ = -direction_;
    walking_ = false;
    speed_mps_ = 0;
  } else {
    across_m_ += direction_ * way_m;
  }
  // It looks where it goes; arrived, it turns round for the next time once nobody is near.
  const bool stays = !walking_ && nearest_m < 1.5 * actor_.trigger_m && actor_.trigger_m > 0;
  take_posture(place_along(), stays ? yaw_rad_ : heading, dt_s);
}

void Walker::step(double dt_s, const std::vector<RoadUser>& others) {
  before_ = now_;
  if (actor_.course == "along")
    wander_along(dt_s, others);
  else if (actor_.course == "across")
    cross(dt_s, others);
  else
    take_posture(place_along(), yaw_rad_, dt_s);
  move_to(now_.X_MA, dt_s);
}

void Walker::take_posture(const Eigen::Vector2d& position, double wanted_yaw_rad, double dt_s) {
  const double turn = std::clamp(wrap_angle(wanted_yaw_rad - yaw_rad_), -2.5 * dt_s, 2.5 * dt_s);
  yaw_rad_ = wrap_angle(yaw_rad_ + turn);
  const auto height = [&](const Eigen::Vector2d& p) { return world_.ground_at(p.x(), p.y()).height(p.x(), p.y()); };
  const Eigen::Vector2d forward(std::cos(yaw_rad_), std::sin(yaw_rad_));
  double z = height(position), pitch = 0;
  if (actor_.kind != "person") {  // four feet
    const double half = 0.35 * state_.size_m.x();
    const double front = height(position + half * forward), rear = height(position - half * forward);
    z = 0.5 * (front + rear);
    pitch = -std::atan2(front - rear, 2 * half);
  }
  now_.X_MA = pose_from_xyz_rpy(position.x(), position.y(), z, 0, pitch, yaw_rad_);
  // Feet move with the way, and a little when it turns on the spot.
  const double way_m = std::max(speed_mps_ * dt_s, 0.3 * std::abs(turn));
  now_.stride_rad = std::fmod(now_.stride_rad + 2 * std::numbers::pi * way_m / look_.stride_m(), 2 * std::numbers::pi);
  const double swing = dt_s > 0 ? std::min(1.0, way_m / dt_s / (0.7 * usual_speed(actor_.kind))) : 0.0;
  now_.swing += std::clamp(swing - now_.swing, -3 * dt_s, 3 * dt_s);
  const double grazing = actor_.kind != "person" && actor_.course != "across" && speed_mps_ < 0.05 ? 1 : 0;
  now_.grazing = dt_s > 0 ? now_.grazing + std::clamp(grazing - now_.grazing, -0.8 * dt_s, 0.5 * dt_s) : grazing;
}

void Walker::add_looks(bool before, std::vector<Actor>& out) const { look_.add_actors(before ? before_ : now_, out); }

}  // namespace bramble
