#include "bramble/sim/road_vehicle.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bramble {
namespace {

constexpr double kLikelySpeedMps = 5;
constexpr double kGainMps2 = 1.2, kLossMps2 = 3.5;

SpeedRules rules_for(const ActorScenario& actor, const VehicleConfig& config) {
  SpeedRules rules;
  rules.limit_mps =
      std::min(actor.speed_mps > 0 ? actor.speed_mps : kLikelySpeedMps, 0.9 * config.engine.max_speed_mps);
  return rules;
}

// The ground below a wheel, over the length on which a tyre smooths it.
double ground_under(const World& world, const Eigen::Vector2d& p, const Eigen::Vector2d& forward) {
  constexpr double kReachM = 0.3;
  double sum = 0;
  for (const double along : {-kReachM, -0.5 * kReachM, 0.0, 0.5 * kReachM, kReachM}) {
    const Eigen::Vector2d q = p + along * forward;
    sum += world.ground_at(q.x(), q.y()).height(q.x(), q.y());
  }
  return sum / 5;
}

}  // namespace

RoadVehicle::RoadVehicle(const World& world, const ActorScenario& actor, const VehicleConfig& config,
                         const ActorState& who)
    : world_(world),
      actor_(actor),
      config_(config),
      look_(config, who.class_id, who.id),
      track_(Track::along(world.path, actor.direction == "against", rules_for(actor, config))) {
  state_ = who;
  state_.size_m = {config_.body.length_m, config_.body.width_m, config_.body.top_m};
  s_m_ = (actor.direction == "against" ? 1 - actor.at : actor.at) * track_.length_m();
  offset_m_ = actor.direction == "against" ? -actor.offset_m : actor.offset_m;
  settle();
}

void RoadVehicle::start_later(double by_m) {
  s_m_ += by_m;
  if (track_.closed()) s_m_ = std::fmod(s_m_, track_.length_m());
  s_m_ = std::min(s_m_, track_.length_m());
  settle();
}

void RoadVehicle::stand_at(const GroundPlace& place) {
  spot_ = place;
  settle();
}

// Takes its place anew, as if it had always been there.
void RoadVehicle::settle() {
  now_ = before_ = standing();
  state_.X_MA = box_pose();
}

VehicleState RoadVehicle::standing() const {
  const Track::Place place = track_.at(s_m_);
  const Eigen::Vector2d left(-std::sin(place.heading_rad), std::cos(place.heading_rad));
  const double yaw = spot_ ? spot_->yaw_rad : place.heading_rad + drift_rad_;
  const Eigen::Vector2d forward(std::cos(yaw), std::sin(yaw)), side(-std::sin(yaw), std::cos(yaw));
  Eigen::Vector2d p = place.position + offset_m_ * left;
  if (spot_) p = spot_->position - config_.body.centre_x_m * forward;
  const double a = 0.5 * config_.wheels.wheelbase_m, c = 0.5 * config_.wheels.track_m;
  const std::array<Eigen::Vector2d, kWheelCount> at = {Eigen::Vector2d(a, c), Eigen::Vector2d(a, -c),
                                                       Eigen::Vector2d(-a, c), Eigen::Vector2d(-a, -c)};
  std::array<Eigen::Vector3d, kWheelCount> foot;
  for (int w = 0; w < kWheelCount; ++w) {
    const Eigen::Vector2d q = p + at[w].x() * forward + at[w].y() * side;
    foot[w] = {q.x(), q.y(), ground_under(world_, q, forward)};
  }
  VehicleState state;
  const Eigen::Vector3d ahead =
      (foot[kFrontLeft] + foot[kFrontRight] - foot[kRearLeft] - foot[kRearRight]).normalized();
  const Eigen::Vector3d up =
      ahead.cross(foot[kFrontLeft] + foot[kRearLeft] - foot[kFrontRight] - foot[kRearRight]).normalized();
  state.X_MB.linear().col(0) = ahead;
  state.X_MB.linear().col(1) = up.cross(ahead);
  state.X_MB.linear().col(2) = up;
  state.X_MB.translation() = 0.25 * (foot[0] + foot[1] + foot[2] + foot[3]);
  const double steer =
      config_.steering.kind == "skid" || spot_ ? 0.0 : std::atan(config_.wheels.wheelbase_m * place.curvature_per_m);
  const double turn = std::remainder(rolled_m_ / config_.wheels.radius_m, 2 * std::numbers::pi);
  for (int w = 0; w < kWheelCount; ++w) {
    Pose X_BW = Pose::Identity();
    X_BW.translation() = state.X_MB.inverse() * foot[w] + Eigen::Vector3d(0, 0, config_.wheels.radius_m);
    const double angle = w == kFrontLeft || w == kFrontRight ? steer : 0.0;
    X_BW.linear() =
        (Eigen::AngleAxisd(angle, Eigen::Vector3d::UnitZ()) * Eigen::AngleAxisd(turn, Eigen::Vector3d::UnitY()))
            .toRotationMatrix();
    state.X_MW[w] = state.X_MB * X_BW;
  }
  return state;
}

Pose RoadVehicle::box_pose() const { return now_.X_MB * Eigen::Translation3d(config_.body.centre_x_m, 0, 0); }

void RoadVehicle::step(double dt_s, const std::vector<RoadUser>& others) {
  before_ = now_;
  const double liked_m = actor_.direction == "against" ? -actor_.offset_m : actor_.offset_m;
  const Track::Place place = track_.at(s_m_);
  OwnPlace own;
  own.id = state_.id;
  own.s_m = s_m_;
  own.lateral_m = offset_m_;
  own.speed_mps = speed_mps_;
  own.front_m = config_.body.centre_x_m + 0.5 * config_.body.length_m;
  own.half_width_m = 0.5 * config_.body.width_m;
  own.gap_m = actor_.gap_m;
  const Courtesy courtesy = give_way(track_, own, others);
  const double wanted_mps = actor_.course == "stand" ? 0.0 : std::min(place.speed_mps, courtesy.speed_cap_mps);
  speed_mps_ += std::clamp(wanted_mps - speed_mps_, -kLossMps2 * dt_s, kGainMps2 * dt_s);
  // The centre line is planned for; on the outside of a bend the way is longer.
  const double way_m = speed_mps_ * dt_s;
  const double most_m = 0.2 * way_m;
  const double aside_m = std::clamp(liked_m + courtesy.offset_m - offset_m_, -most_m, most_m);
  offset_m_ += aside_m;
  const double wanted_drift = way_m > 1e-6 ? std::atan2(aside_m, way_m) : 0.0;
  drift_rad_ += std::clamp(wanted_drift - drift_rad_, -0.4 * dt_s, 0.4 * dt_s);
  s_m_ += way_m / std::max(1 - offset_m_ * place.curvature_per_m, 0.3);
  if (track_.closed()) s_m_ = std::fmod(s_m_, track_.length_m());
  s_m_ = std::min(s_m_, track_.length_m());
  rolled_m_ += way_m;
  now_ = standing();
  move_to(box_pose(), dt_s);
}

void RoadVehicle::add_looks(bool before, std::vector<Actor>& out) const {
  for (Actor& actor : look_.actors(before ? before_ : now_)) out.push_back(std::move(actor));
}

}  // namespace bramble
