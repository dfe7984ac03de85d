#include "bramble/sim/publish_actors.hpp"

#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/sim/publish.hpp"
#include "bramble/world/opendrive.hpp"

namespace bramble {
namespace {

constexpr const char* kMap = "map";
constexpr std::uint32_t kMarkerLifeNs = 150'000'000;

geometry_msgs::Vector3 vector3(const Eigen::Vector3d& v) {
  geometry_msgs::Vector3 result;
  result.x = v.x();
  result.y = v.y();
  result.z = v.z();
  return result;
}

Pose box_pose(const SceneActor& actor) {
  Pose X_MBox = actor.X_MA;
  X_MBox.translation() = actor.X_MA * actor.centre_A;
  return X_MBox;
}

std::uint8_t classification(const SceneActor& actor) {
  using derived_object_msgs::Object;
  if (actor.type.starts_with("walker.")) return Object::CLASSIFICATION_PEDESTRIAN;
  if (actor.type.find("truck") != std::string::npos) return Object::CLASSIFICATION_TRUCK;
  if (actor.type.find("robot") != std::string::npos) return Object::CLASSIFICATION_OTHER_VEHICLE;
  return Object::CLASSIFICATION_CAR;
}

}  // namespace

carla_msgs::CarlaActorList actor_list(std::span<const SceneActor> actors) {
  carla_msgs::CarlaActorList list;
  for (const SceneActor& actor : actors) {
    carla_msgs::CarlaActorInfo& info = list.actors.emplace_back();
    info.id = actor.id;
    info.parent_id = actor.parent_id;
    info.type = actor.type;
    info.rolename = actor.role_name;
  }
  return list;
}

derived_object_msgs::ObjectArray object_array(StampNs stamp_ns, std::span<const SceneActor> actors,
                                              std::optional<std::uint32_t> left_out) {
  using derived_object_msgs::Object;
  derived_object_msgs::ObjectArray array;
  array.header = make_header(stamp_ns, kMap);
  for (const SceneActor& actor : actors) {
    if (!actor.is_object() || actor.id == left_out) continue;
    Object& object = array.objects.emplace_back();
    object.header = array.header;
    object.id = actor.id;
    object.detection_level = Object::OBJECT_TRACKED;
    object.object_classified = true;
    object.pose = to_ros_pose(box_pose(actor));
    object.twist.linear = vector3(actor.velocity_M);
    object.twist.angular = vector3(actor.angular_velocity_M);
    object.shape.type = shape_msgs::SolidPrimitive::BOX;
    object.shape.dimensions = {actor.size_m.x(), actor.size_m.y(), actor.size_m.z()};
    object.classification = classification(actor);
    object.classification_certainty = 255;
    object.classification_age = 1;
  }
  return array;
}

visualization_msgs::MarkerArray box_markers(StampNs stamp_ns, std::span<const SceneActor> actors) {
  using visualization_msgs::Marker;
  visualization_msgs::MarkerArray array;
  for (const SceneActor& actor : actors) {
    if (!actor.is_object()) continue;
    Marker& marker = array.markers.emplace_back();
    marker.header = make_header(stamp_ns, kMap);
    marker.ns = actor.role_name;
    marker.id = static_cast<std::int32_t>(actor.id);
    marker.type = Marker::CUBE;
    marker.action = Marker::ADD;
    marker.pose = to_ros_pose(box_pose(actor));
    marker.scale = vector3(actor.size_m);
    const bool walker = actor.type.starts_with("walker.");
    marker.color.r = walker ? 1.0F : 0.0F;
    marker.color.b = walker ? 0.0F : 1.0F;
    marker.color.a = 0.5F;
    marker.lifetime.nanosec = kMarkerLifeNs;
  }
  return array;
}

carla_msgs::CarlaWorldInfo world_info(const World& world, double speed_limit_mps) {
  carla_msgs::CarlaWorldInfo info;
  info.map_name = world.name;
  try {
    info.opendrive = opendrive_xml(opendrive_of(world.path, world.name, speed_limit_mps));
  } catch (const Error& error) {
    spdlog::debug("no road for world_info: {}", error.what());
  }
  return info;
}

nav_msgs::Path waypoints(StampNs stamp_ns, const Path& path) {
  nav_msgs::Path message;
  message.header = make_header(stamp_ns, kMap);
  for (std::size_t i = 0; i < path.points.size(); i += 2) {  // points are half a metre apart
    const std::size_t next = i + 1 < path.points.size() ? i + 1 : path.closed ? 0 : i;
    const std::size_t from = next == i && i > 0 ? i - 1 : i;
    const Eigen::Vector3d along = path.points[next] - path.points[from];
    geometry_msgs::PoseStamped& pose = message.poses.emplace_back();
    pose.header = message.header;
    const Eigen::Vector3d& at = path.points[i];
    pose.pose = to_ros_pose(pose_from_xyz_rpy(at.x(), at.y(), at.z(), 0, 0, std::atan2(along.y(), along.x())));
  }
  return message;
}

}  // namespace bramble
