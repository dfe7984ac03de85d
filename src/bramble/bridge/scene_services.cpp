#include "bramble/bridge/scene_services.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/scatter.hpp"  // matches_pattern

namespace bramble {
namespace {

constexpr const char* kSpawn = "/carla/spawn_object";
constexpr const char* kDestroy = "/carla/destroy_object";
constexpr const char* kBlueprints = "/carla/get_blueprints";

std::vector<std::string> matching_blueprints(const std::string& pattern) {
  std::vector<std::string> result = actor_blueprints();
  std::erase_if(result, [&](const std::string& blueprint) { return !matches_pattern(blueprint, pattern); });
  return result;
}

double number_of(const diagnostic_msgs::KeyValue& attribute, const ValueRange& range) {
  double value = 0;
  if (!YAML::convert<double>::decode(YAML::Node(attribute.value), value) ||
      !(value >= range.least && value <= range.most))
    fail("the attribute {} is '{}'; it must be a number from {} to {}", attribute.key, attribute.value, range.least,
         range.most);
  return value;
}

GroundPlace place_of(const geometry_msgs::Pose& pose) {
  const Eigen::Quaterniond turn(pose.orientation.w, pose.orientation.x, pose.orientation.y, pose.orientation.z);
  const Eigen::Vector2d position(pose.position.x, pose.position.y);
  if (!position.allFinite() || !turn.coeffs().allFinite()) fail("the pose has a coordinate that is no number");
  // A quaternion of zeros, what an empty message has, turns nothing.
  const Eigen::Vector3d forward =
      turn.norm() > 1e-6 ? turn.normalized() * Eigen::Vector3d::UnitX() : Eigen::Vector3d::UnitX();
  return {position, std::atan2(forward.y(), forward.x())};
}

void apply(const diagnostic_msgs::KeyValue& attribute, ActorScenario& actor) {
  if (attribute.key == "role_name") {
    actor.name = attribute.value;
  } else if (attribute.key == "course") {
    const auto& courses = actor_courses(actor.kind);
    if (std::find(courses.begin(), courses.end(), attribute.value) == courses.end())
      fail("the attribute course is '{}'; it must be one of {}", attribute.value, fmt::join(courses, ", "));
    actor.course = attribute.value;
  } else if (attribute.key == "speed") {
    actor.speed_mps = number_of(attribute, actor_speed_range_mps(actor.kind));
  } else if (attribute.key == "gap") {
    actor.gap_m = number_of(attribute, kActorGapRangeM);
  } else if (attribute.key == "trigger") {
    actor.trigger_m = number_of(attribute, kActorTriggerRangeM);
  } else {
    fail("there is no attribute '{}'; there are role_name, course, speed, gap and trigger", attribute.key);
  }
}

}  // namespace

SpawnWish spawn_wish_of(const carla_msgs::SpawnObject_Request& request, std::uint64_t seed) {
  Random random(seed, stream_of("spawn"));
  if (request.type.starts_with("sensor."))
    fail("sensors cannot be spawned during a drive; list them in the file of --sensors (objects.json)");
  if (request.attach_to != 0) fail("nothing can be attached to the actor {} during a drive", request.attach_to);
  const std::vector<std::string> blueprints = matching_blueprints(request.type);
  if (blueprints.empty())
    fail("there is no blueprint '{}'; there are {}", request.type, fmt::join(actor_blueprints(), ", "));
  SpawnWish wish;
  ActorScenario& actor = wish.actor;
  actor.kind = *kind_of_blueprint(blueprints[random.below(static_cast<std::uint32_t>(blueprints.size()))]);
  actor.name = request.id.empty() ? actor.kind : request.id;
  actor.course = request.random_pose ? "along" : "stand";
  actor.at = random.uniform(0.0, 1.0);
  for (const diagnostic_msgs::KeyValue& attribute : request.attributes) apply(attribute, actor);
  if (!request.random_pose) wish.place = place_of(request.transform);
  return wish;
}

SceneServices::SceneServices(RosNode& node, Simulation& simulation) : node_(node), simulation_(simulation) {
  node.serve(kSpawn, "carla_msgs/srv/SpawnObject");
  node.serve(kDestroy, "carla_msgs/srv/DestroyObject");
  node.serve(kBlueprints, "carla_msgs/srv/GetBlueprints");
}

carla_msgs::SpawnObject_Response SceneServices::spawn(const carla_msgs::SpawnObject_Request& request) {
  constexpr int kPlaces = 20;
  carla_msgs::SpawnObject_Response response;
  try {
    const std::uint64_t seed = simulation_.world().seed ^ ++requests_;
    SpawnWish wish = spawn_wish_of(request, seed);
    Random random(seed, stream_of("spawn places"));
    for (int tries = 1; response.id == 0; ++tries) {
      try {
        response.id = static_cast<std::int32_t>(simulation_.spawn(wish.actor, wish.place));
      } catch (const Error&) {  // another place may be free
        if (wish.place || tries == kPlaces) throw;
        wish.actor.at = random.uniform(0.0, 1.0);
      }
    }
    spdlog::info("{} appears: {}, id {}", wish.actor.name, blueprint_of(wish.actor.kind), response.id);
  } catch (const Error& error) {
    response.id = -1;
    response.error_string = error.what();
  }
  return response;
}

void SceneServices::answer() {
  while (const auto request = node_.next_request()) {
    try {
      if (request->service == kSpawn) {
        node_.reply(*request, serialize(spawn(deserialize<carla_msgs::SpawnObject_Request>(*request->cdr))));
      } else if (request->service == kDestroy) {
        const auto asked = deserialize<carla_msgs::DestroyObject_Request>(*request->cdr);
        carla_msgs::DestroyObject_Response response;
        response.success = simulation_.destroy(static_cast<std::uint32_t>(asked.id));
        node_.reply(*request, serialize(response));
      } else if (request->service == kBlueprints) {
        const auto asked = deserialize<carla_msgs::GetBlueprints_Request>(*request->cdr);
        carla_msgs::GetBlueprints_Response response;
        response.blueprints = matching_blueprints(asked.filter.empty() ? "*" : asked.filter);
        node_.reply(*request, serialize(response));
      }
    } catch (const Error& error) {
      spdlog::warn("{}: {}", request->service, error.what());  // no request of this service: no reply fits
    }
  }
}

}  // namespace bramble
