#include "bramble/sim/traffic.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/random.hpp"
#include "bramble/sim/road_vehicle.hpp"
#include "bramble/sim/track.hpp"
#include "bramble/sim/walker.hpp"

namespace bramble {
namespace {

std::string class_of(const std::string& kind) {
  return kind == "person" ? "person" : actor_walks(kind) ? "animal" : "vehicle";
}

RoadUser road_user_of(const ActorState& state) {
  RoadUser user;
  user.id = state.id;
  user.vehicle = state.class_name == "vehicle";
  user.position = state.X_MA.translation().head<2>();
  user.yaw_rad = std::atan2(state.X_MA.linear()(1, 0), state.X_MA.linear()(0, 0));
  user.velocity_mps = state.velocity_M.head<2>();
  user.length_m = state.size_m.x();
  user.width_m = state.size_m.y();
  return user;
}

}  // namespace

bool overlap(const RoadUser& a, const RoadUser& b) {
  const auto half_along = [](const RoadUser& user, const Eigen::Vector2d& axis) {
    const Eigen::Vector2d forward(std::cos(user.yaw_rad), std::sin(user.yaw_rad)), left(-forward.y(), forward.x());
    return 0.5 * user.length_m * std::abs(axis.dot(forward)) + 0.5 * user.width_m * std::abs(axis.dot(left));
  };
  // Separating axes.
  for (const double yaw : {a.yaw_rad, a.yaw_rad + std::numbers::pi / 2, b.yaw_rad, b.yaw_rad + std::numbers::pi / 2}) {
    const Eigen::Vector2d axis(std::cos(yaw), std::sin(yaw));
    if (std::abs(axis.dot(b.position - a.position)) > half_along(a, axis) + half_along(b, axis)) return false;
  }
  return true;
}

void TrafficActor::move_to(const Pose& X_MA, double dt_s) {
  const auto yaw = [](const Pose& pose) { return std::atan2(pose.linear()(1, 0), pose.linear()(0, 0)); };
  state_.velocity_M = (X_MA.translation() - state_.X_MA.translation()) / dt_s;
  state_.yaw_rate_radps = wrap_angle(yaw(X_MA) - yaw(state_.X_MA)) / dt_s;
  state_.X_MA = X_MA;
}

RoadUser road_user_of(const VehicleState& state, const VehicleConfig& config) {
  const Pose X_MA = state.X_MB * Eigen::Translation3d(config.body.centre_x_m, 0, 0);
  RoadUser user;
  user.id = kVehicleInstanceId;
  user.vehicle = true;
  user.position = X_MA.translation().head<2>();
  user.yaw_rad = std::atan2(X_MA.linear()(1, 0), X_MA.linear()(0, 0));
  user.velocity_mps = (state.X_MB.linear() * state.velocity_B).head<2>();
  user.length_m = config.body.length_m;
  user.width_m = config.body.width_m;
  return user;
}

std::string blueprint_of(const std::string& kind) {
  return (kind == "person" ? "walker.pedestrian." : actor_walks(kind) ? "walker.animal." : "vehicle.bramble.") + kind;
}

std::vector<std::string> actor_blueprints() {
  std::vector<std::string> result;
  for (const std::string& kind : actor_kinds()) result.push_back(blueprint_of(kind));
  std::sort(result.begin(), result.end());
  return result;
}

std::optional<std::string> kind_of_blueprint(const std::string& blueprint) {
  for (const std::string& kind : actor_kinds())
    if (blueprint_of(kind) == blueprint) return kind;
  return std::nullopt;
}

Traffic::Traffic(const World& world, const std::vector<ActorScenario>& actors, const std::filesystem::path& home,
                 const RoadUser& ego)
    : world_(world), home_(home), next_id_(kFirstActorInstanceId) {
  std::vector<RoadUser> there = {ego};
  for (const ActorScenario& actor : actors) {
    std::unique_ptr<TrafficActor> made = make(actor);
    if (auto* const vehicle = dynamic_cast<RoadVehicle*>(made.get())) {
      // Not where the drive or another vehicle begins.
      const auto taken = [&] {
        const RoadUser me = road_user_of(vehicle->state());
        return std::any_of(there.begin(), there.end(), [&](const RoadUser& other) {
          return (other.position - me.position).norm() < 0.5 * (other.length_m + me.length_m) + 6;
        });
      };
      constexpr double kOnM = 2;
      for (int k = 0; k < 100 && taken(); ++k) vehicle->start_later(kOnM);
      if (taken()) fail("there is no room on the path for {}: too many vehicles", actor.name);
      there.push_back(road_user_of(vehicle->state()));
    }
    actors_.push_back(std::move(made));
  }
  before_ = this->actors();
}

// With an id of its own.
std::unique_ptr<TrafficActor> Traffic::make(const ActorScenario& actor) {
  ActorState who;
  who.id = next_id_--;
  who.name = actor.name;
  who.kind = actor.kind;
  who.class_name = class_of(actor.kind);
  if (const auto id = world_.ontology.find(who.class_name))
    who.class_id = *id;
  else
    spdlog::warn("the ontology '{}' has no class '{}': {} stays without a label; ontologies/traffic.yaml has one",
                 world_.ontology.name(), who.class_name, actor.name);
  if (actor_walks(actor.kind)) return std::make_unique<Walker>(world_, actor, who, world_.seed ^ stream_of(actor.name));
  const VehicleConfig config = VehicleConfig::load(home_ / "config" / "vehicles" / (actor.kind + ".yaml"));
  return std::make_unique<RoadVehicle>(world_, actor, config, who);
}

std::uint32_t Traffic::spawn(ActorScenario actor, const std::optional<GroundPlace>& place, const RoadUser& ego) {
  if (place) {
    if (!world_.land().contains(place->position.x(), place->position.y()))
      fail("there is no land at x {:.1f}, y {:.1f}", place->position.x(), place->position.y());
    const Terrain& ground = world_.ground_at(place->position.x(), place->position.y());
    if (actor.course == "stand" && ground.class_at(place->position.x(), place->position.y()) == ground.water_id)
      fail("there is water at x {:.1f}, y {:.1f}", place->position.x(), place->position.y());
    const Track track = Track::along(world_.path, false, {});
    const double s_m = track.nearest_s(place->position, -1);
    const Track::Place nearest = track.at(s_m);
    actor.at = std::clamp(s_m / track.length_m(), 0.0, 1.0);
    const Eigen::Vector2d left(-std::sin(nearest.heading_rad), std::cos(nearest.heading_rad));
    if (actor.course == "along") {
      actor.offset_m = left.dot(place->position - nearest.position);
      actor.offset_given = true;
      if (std::abs(actor.offset_m) > 0.5 * world_.path.width_m + 5)
        fail("x {:.1f}, y {:.1f} is {:.0f} m from the path: somebody who goes along it begins beside it",
             place->position.x(), place->position.y(), std::abs(actor.offset_m));
      actor.direction =
          std::abs(wrap_angle(place->yaw_rad - nearest.heading_rad)) > 0.5 * std::numbers::pi ? "against" : "with";
    }
  }
  const std::uint32_t id = next_id_;
  std::unique_ptr<TrafficActor> made = make(actor);
  if (place && actor.course == "stand") made->stand_at(*place);
  const RoadUser me = road_user_of(made->state());
  std::vector<RoadUser> there = road_users();
  there.push_back(ego);
  for (const RoadUser& other : there)
    if (overlap(me, other))
      fail("{} cannot appear at x {:.1f}, y {:.1f}: somebody is there", actor.name, me.position.x(), me.position.y());
  before_.push_back(made->state());
  actors_.push_back(std::move(made));
  return id;
}

bool Traffic::destroy(std::uint32_t id) {
  for (std::size_t i = 0; i < actors_.size(); ++i) {
    if (actors_[i]->state().id != id) continue;
    actors_.erase(actors_.begin() + static_cast<std::ptrdiff_t>(i));
    before_.erase(before_.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  return false;
}

void Traffic::step(double dt_s, const RoadUser& ego) {
  std::vector<RoadUser> all = road_users();
  all.push_back(ego);
  before_ = actors();
  for (const auto& actor : actors_) actor->step(dt_s, all);
}

std::vector<ActorState> Traffic::actors() const {
  std::vector<ActorState> result;
  for (const auto& actor : actors_) result.push_back(actor->state());
  return result;
}

std::vector<RoadUser> Traffic::road_users() const {
  std::vector<RoadUser> result;
  for (const auto& actor : actors_) result.push_back(road_user_of(actor->state()));
  return result;
}

std::vector<MovingBody> Traffic::bodies() const {
  std::vector<MovingBody> result;
  for (std::size_t i = 0; i < actors_.size(); ++i)
    result.push_back({before_[i].id, before_[i].X_MA, before_[i].size_m, actors_[i]->state().velocity_M});
  return result;
}

void Traffic::add_looks(std::vector<Actor>& out) const {
  for (const auto& actor : actors_) actor->add_looks(false, out);
}

void Traffic::add_poses_before(std::vector<Pose>& out) const {
  std::vector<Actor> looks;
  for (const auto& actor : actors_) actor->add_looks(true, looks);
  for (const Actor& look : looks) out.push_back(look.X_MA);
}

}  // namespace bramble
