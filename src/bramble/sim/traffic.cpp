#include "bramble/sim/traffic.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/random.hpp"
#include "bramble/sim/road_vehicle.hpp"
#include "bramble/sim/walker.hpp"

namespace bramble {
namespace {

bool walks(const std::string& kind) { return kind == "person" || kind == "deer" || kind == "boar" || kind == "cow"; }
std::string class_of(const std::string& kind) {
  return kind == "person" ? "person" : walks(kind) ? "animal" : "vehicle";
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

Traffic::Traffic(const World& world, const std::vector<ActorScenario>& actors, const std::filesystem::path& home,
                 const RoadUser& ego) {
  std::vector<RoadUser> there = {ego};
  for (std::size_t i = 0; i < actors.size(); ++i) {
    const ActorScenario& actor = actors[i];
    ActorState who;
    who.id = kFirstActorInstanceId - static_cast<std::uint32_t>(i);
    who.name = actor.name;
    who.kind = actor.kind;
    who.class_name = class_of(actor.kind);
    if (const auto id = world.ontology.find(who.class_name))
      who.class_id = *id;
    else
      spdlog::warn("the ontology '{}' has no class '{}': {} stays without a label; ontologies/traffic.yaml has one",
                   world.ontology.name(), who.class_name, actor.name);
    if (walks(actor.kind)) {
      actors_.push_back(std::make_unique<Walker>(world, actor, who, world.seed ^ stream_of(actor.name)));
      continue;
    }
    const VehicleConfig config = VehicleConfig::load(home / "config" / "vehicles" / (actor.kind + ".yaml"));
    auto vehicle = std::make_unique<RoadVehicle>(world, actor, config, who);
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
    actors_.push_back(std::move(vehicle));
  }
  before_ = this->actors();
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
