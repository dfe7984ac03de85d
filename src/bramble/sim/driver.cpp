#include "bramble/sim/driver.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/random.hpp"
#include "bramble/core/yaml.hpp"
#include "bramble/sim/follower.hpp"
#include "bramble/sim/manual_control.hpp"
#include "bramble/sim/rig.hpp"
#include "bramble/sim/vehicle_look.hpp"

namespace bramble {
namespace {

Pose flat_pose(double x, double y, double yaw) {
  return pose_from_xyz_rpy(quantized(x), quantized(y), 0, 0, 0, quantized(yaw));
}

Pose pose_on(const Track& track, double s_m) {
  const Track::Place place = track.at(s_m);
  return flat_pose(place.position.x(), place.position.y(), place.heading_rad);
}

SpeedRules rules_for(double limit_mps) {
  SpeedRules rules;
  rules.limit_mps = limit_mps;
  return rules;
}

// The place on the track that lies at an arc length of the path, which counts its slopes too. An open path that is
// driven backwards begins at its end.
double track_s(const Track& track, const Path& path, double path_s_m, bool backwards) {
  const Eigen::Vector3d point = path.point_at(backwards && !path.closed ? path.length_m() - path_s_m : path_s_m);
  return track.nearest_s(point.head<2>(), -1);
}

// What a driver does, with the brakes on once it has come to stand with the front axle at the end of an open track.
VehicleControl parked_at_end(const Track& track, const Follower& follower, const VehicleConfig& config,
                             const VehicleState& state, VehicleControl control) {
  const double room_m = track.length_m() - follower.s_m() - 0.5 * config.wheels.wheelbase_m;
  if (track.closed() || room_m > 0.5 || std::abs(state.speed_mps()) > 0.3) return control;
  return {.throttle = 0, .steer = control.steer, .brake = 0.5, .hand_brake = true};
}

// Drives among others: slows and moves aside for them, by as much as give_way asks. Alone it changes nothing.
class Attention {
 public:
  Attention(const Track& track, const VehicleConfig& config) : track_(track), config_(config) {}
  void notice(const std::vector<RoadUser>& others) { others_ = others; }
  // `dt_s` after the last call.
  void heed(FollowWish& wish, const Follower& follower, const VehicleState& state, double dt_s) {
    if (others_.empty() && aside_m_ == 0) return;
    const Track::Place place = track_.at(follower.s_m());
    const Eigen::Vector2d left(-std::sin(place.heading_rad), std::cos(place.heading_rad));
    OwnPlace own;
    own.id = kVehicleInstanceId;
    own.s_m = follower.s_m();
    own.lateral_m = left.dot(state.X_MB.translation().head<2>() - place.position);
    own.speed_mps = state.speed_mps();
    own.front_m = config_.body.centre_x_m + 0.5 * config_.body.length_m;
    own.half_width_m = 0.5 * config_.body.width_m;
    const Courtesy courtesy = give_way(track_, own, others_);
    // Aside as the vehicle goes on, never by a jerk.
    const double most_m = 0.2 * std::clamp(state.speed_mps(), 0.0, 3.0) * dt_s;
    aside_m_ += std::clamp(courtesy.offset_m - aside_m_, -most_m, most_m);
    wish.offset_m += aside_m_;
    wish.speed_cap_mps = courtesy.speed_cap_mps;
  }

 private:
  const Track& track_;
  const VehicleConfig& config_;
  std::vector<RoadUser> others_;
  double aside_m_ = 0;
};

class Autopilot final : public Driver {
 public:
  Autopilot(const World& world, const VehicleConfig& config, const DriverOptions& options, bool backwards)
      : config_(config),
        track_(Track::along(world.path, backwards, rules_for(options.speed_limit_mps))),
        start_s_m_(track_s(track_, world.path, options.start_s_m, backwards)),
        follower_(track_, config, start_s_m_),
        attention_(track_, config) {}
  Pose start() const override { return pose_on(track_, start_s_m_); }
  void notice(const std::vector<RoadUser>& others) override { attention_.notice(others); }
  VehicleControl drive(std::int64_t, const VehicleState& state) override {
    FollowWish wish;
    attention_.heed(wish, follower_, state, kFrameS);
    const VehicleControl control = follower_.follow(state, wish);
    return parked_at_end(track_, follower_, config_, state, control);
  }

 private:
  const VehicleConfig& config_;
  Track track_;
  double start_s_m_;
  Follower follower_;
  Attention attention_;
};

// A person on an unknown track. Every quantity wanders about its mean with its own time constant
// (Ornstein-Uhlenbeck); decisions are taken five times a second and carried out with a lag, as people do.
class ManualLike final : public Driver {
 public:
  ManualLike(const World& world, const VehicleConfig& config, const DriverOptions& options)
      : config_(config),
        track_(Track::along(world.path, false, rules_for(options.speed_limit_mps))),
        start_s_m_(std::fmod(track_s(track_, world.path, options.start_s_m, false) + 0.4 * track_.length_m(),
                             track_.length_m())),
        follower_(track_, config, start_s_m_),
        attention_(track_, config),
        random_(options.seed, stream_of("manual-like")),
        room_m_(std::max(0.5 * world.path.width_m - 0.5, 0.3)) {
    next_stop_frame_ = static_cast<std::int64_t>(random_.uniform(160, 320));
  }
  Pose start() const override { return pose_on(track_, start_s_m_); }
  void notice(const std::vector<RoadUser>& others) override { attention_.notice(others); }

  VehicleControl drive(std::int64_t frame, const VehicleState& state) override {
    constexpr std::int64_t kDecisionFrames = 4;
    if (frame % kDecisionFrames == 0) {
      wander(offset_m_, 6.0, 0.55);
      wander(haste_, 9.0, 0.16);
      wander(hand_, 0.8, 0.035);
      // Now and then the eyes are elsewhere: the wheel stays where it is for up to a second.
      if (random_.uniform() < 0.03F) distracted_until_ = frame + 8 + random_.below(12);
      if (frame >= next_stop_frame_ && frame >= stop_until_) {
        stop_until_ = frame + 20 + random_.below(50);
        next_stop_frame_ = stop_until_ + 300 + random_.below(500);
      }
      FollowWish wish;
      wish.offset_m = std::clamp(offset_m_, -room_m_, room_m_);
      wish.speed_factor = std::clamp(0.86 + haste_, 0.5, 1.1);
      wish.steering_gain = 1.1;
      if (frame < stop_until_) wish.speed_mps = 0;
      attention_.heed(wish, follower_, state, kDecisionFrames * kFrameS);
      const VehicleControl decided = parked_at_end(track_, follower_, config_, state, follower_.follow(state, wish));
      const double steer = frame < distracted_until_ ? decided_.steer : decided.steer + hand_;
      const bool standing = frame < stop_until_ && state.speed_mps() < 0.7;  // nobody turns the wheel then
      const double kept = decided_.steer;
      decided_ = decided;
      decided_.steer = standing ? kept : std::clamp(steer, -1.0, 1.0);
    }
    // The limbs' lag: a quarter of the way per frame. Throttle and brake are never pressed together.
    now_.steer += 0.35 * (decided_.steer - now_.steer);
    pedal_ += 0.3 * (decided_.throttle - decided_.brake - pedal_);
    now_.throttle = std::max(pedal_, 0.0);
    now_.brake = std::max(-pedal_, 0.0);
    now_.reverse = decided_.reverse;
    now_.hand_brake = decided_.hand_brake;
    return now_;
  }

 private:
  void wander(double& value, double time_constant_s, double stddev) {
    const double keep = std::exp(-0.2 / time_constant_s);
    value = keep * value + random_.normal(0, stddev * std::sqrt(1 - keep * keep));
  }

  const VehicleConfig& config_;
  Track track_;
  double start_s_m_;
  Follower follower_;
  Attention attention_;
  Random random_;
  double room_m_;
  double offset_m_ = 0, haste_ = 0, hand_ = 0, pedal_ = 0;
  std::int64_t distracted_until_ = 0, stop_until_ = 0, next_stop_frame_ = 0;
  VehicleControl decided_, now_;
};

class TraceDriver final : public Driver {
 public:
  TraceDriver(Trace trace, const VehicleConfig& config)
      : config_(config),
        trace_(std::move(trace)),
        track_(Track::through(places(trace_), 0.25, rules_for(30))),
        follower_(track_, config, 0) {
    double s = 0;
    for (const Trace::Row& row : trace_.rows) {
      s = std::max(s, track_.nearest_s({row.x_m, row.y_m}, s));
      s_m_.push_back(s);
      fastest_mps_ = std::max(fastest_mps_, row.speed_mps);
    }
  }
  Pose start() const override { return flat_pose(trace_.start_x_m, trace_.start_y_m, trace_.start_yaw_rad); }
  std::int64_t frame_count() const override { return static_cast<std::int64_t>(trace_.rows.size()); }

  VehicleControl drive(std::int64_t frame, const VehicleState& state) override {
    if (frame >= frame_count()) return {.brake = 0.5, .hand_brake = state.speed_mps() < 0.3};
    const auto now = static_cast<std::size_t>(std::max<std::int64_t>(frame, 0));
    const Trace::Row& row = trace_.rows[now];
    const Eigen::Vector2d off = state.X_MB.translation().head<2>() - Eigen::Vector2d(row.x_m, row.y_m);
    const double turned = wrap_angle(rpy_of(state.X_MB.linear()).z() - row.yaw_rad);
    const bool there =
        off.norm() < 0.05 && std::abs(turned) < 0.01 && std::abs(state.speed_mps() - row.speed_mps) < 0.2;
    if (there || row.control.reverse) {
      follower_.observe(state);
      return row.control;
    }
    FollowWish wish;
    follower_.observe(state);
    const double behind_m = s_m_[now] - follower_.s_m();
    wish.speed_mps = std::clamp(std::max(row.speed_mps, 0.0) + 0.8 * behind_m, 0.0, fastest_mps_ + 1.5);
    VehicleControl control = follower_.follow(state, wish);
    if (control.reverse || wish.speed_mps < 0.1) return control;
    // The recorded pedals and what is missing to the speed that keeps up with the recorded place.
    const double speed = state.speed_mps();
    const double recorded_n = row.control.throttle > 0 ? row.control.throttle * config_.engine_force_n(row.speed_mps)
                                                       : -row.control.brake * config_.brakes.max_force_n;
    const double idle_n = row.control.throttle > 0 ? 0 : config_.engine.braking_force_n;
    const VehicleControl pedals =
        pedals_for_force(config_, speed, recorded_n - idle_n + config_.mass_kg * 2.5 * (wish.speed_mps - speed));
    control.throttle = pedals.throttle;
    control.brake = pedals.brake;
    return control;
  }

 private:
  static std::vector<Eigen::Vector3d> places(const Trace& trace) {
    std::vector<Eigen::Vector3d> result;
    for (const Trace::Row& row : trace.rows) result.emplace_back(row.x_m, row.y_m, 0);
    // A little further straight on, so that the end can be reached.
    const Trace::Row& last = trace.rows.back();
    for (int i = 1; i <= 8; ++i)
      result.emplace_back(last.x_m + i * std::cos(last.yaw_rad), last.y_m + i * std::sin(last.yaw_rad), 0);
    return result;
  }

  const VehicleConfig& config_;
  Trace trace_;
  Track track_;
  Follower follower_;
  std::vector<double> s_m_;  // of every row on the track
  double fastest_mps_ = 0;
};

}  // namespace

std::vector<std::string> driver_names() { return {"autopilot", "reverse", "manual-like", "manual"}; }

std::unique_ptr<Driver> make_trace_driver(Trace trace, const VehicleConfig& config) {
  return std::make_unique<TraceDriver>(std::move(trace), config);
}

std::unique_ptr<Driver> make_driver(const std::string& spec, const World& world, const VehicleConfig& config,
                                    const DriverOptions& options) {
  if (spec == "autopilot") return std::make_unique<Autopilot>(world, config, options, false);
  if (spec == "reverse") return std::make_unique<Autopilot>(world, config, options, true);
  if (spec == "manual-like") return std::make_unique<ManualLike>(world, config, options);
  if (spec == "manual") {
    if (options.manual == nullptr)
      fail("the driver 'manual' needs somebody who drives: a live simulation (bramble sim --dashboard or --ros)");
    return make_manual_driver(*options.manual, config, Autopilot(world, config, options, false).start());
  }
  if (spec.starts_with("trace:")) {
    Trace trace = Trace::load(spec.substr(6));
    if (trace.scenario != world.name || trace.seed != world.seed)
      spdlog::warn("{} was recorded in '{}' (seed {}), not in '{}' (seed {})", spec.substr(6), trace.scenario,
                   trace.seed, world.name, world.seed);
    return make_trace_driver(std::move(trace), config);
  }
  std::vector<std::string> names = driver_names();
  names.emplace_back("trace:FILE");
  const std::string near = nearest_word(spec, names);
  fail("there is no driver '{}'{}; drivers: {}", spec, near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
       fmt::join(names, ", "));
}

}  // namespace bramble
