#include "bramble/sim/publish.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/render/annotations.hpp"

namespace bramble {
namespace {

constexpr double kEarthRadiusM = 6378137.0;
constexpr double kOriginLatitudeDeg = 42.0;  // CARLA's when a map names none
constexpr double kOriginLongitudeDeg = 2.0;
constexpr double kDegrees = 180 / std::numbers::pi;

double square(double value) { return value * value; }

geometry_msgs::Vector3 to_vector3(const Eigen::Vector3d& v) {
  geometry_msgs::Vector3 result;
  result.x = v.x();
  result.y = v.y();
  result.z = v.z();
  return result;
}

geometry_msgs::Quaternion to_quaternion(const Eigen::Matrix3d& rotation) {
  Eigen::Quaterniond q(rotation);
  if (q.w() < 0) q.coeffs() = -q.coeffs();
  geometry_msgs::Quaternion result;
  result.x = q.x();
  result.y = q.y();
  result.z = q.z();
  result.w = q.w();
  return result;
}

sensor_msgs::Image empty_image(const std_msgs::Header& header, int width, int height, std::string encoding,
                               std::uint32_t bytes_per_pixel) {
  sensor_msgs::Image image;
  image.header = header;
  image.width = static_cast<std::uint32_t>(width);
  image.height = static_cast<std::uint32_t>(height);
  image.encoding = std::move(encoding);
  image.step = image.width * bytes_per_pixel;
  return image;
}

std::vector<std::uint8_t> serialized(const sensor_msgs::Image& image) { return serialize(image, image.data.size()); }

std::array<std::uint8_t, 256> tags_of(const Ontology& ontology) {
  std::array<std::uint8_t, 256> tags{};  // ignored pixels: 0, CARLA's «unlabeled»
  for (const SemanticClass& c : ontology.classes()) tags[c.id] = static_cast<std::uint8_t>(c.carla_tag);
  return tags;
}

sensor_msgs::PointField field(const char* name, std::uint32_t offset, std::uint8_t datatype) {
  sensor_msgs::PointField result;
  result.name = name;
  result.offset = offset;
  result.datatype = datatype;
  result.count = 1;
  return result;
}

sensor_msgs::PointCloud2 cloud(const std_msgs::Header& header, std::size_t points, std::uint32_t point_step) {
  sensor_msgs::PointCloud2 result;
  result.header = header;
  result.height = 1;
  result.width = static_cast<std::uint32_t>(points);
  result.point_step = point_step;
  result.row_step = point_step * result.width;
  result.is_dense = false;  // as the bridge says, though no point is invalid
  result.data.resize(points * point_step);
  return result;
}

constexpr std::uint8_t kFloat32 = 7;  // sensor_msgs/PointField
constexpr std::uint8_t kUint32 = 6;
constexpr std::uint8_t kUint16 = 4;

}  // namespace

SemanticEncoding parse_semantic_encoding(const std::string& word) {
  if (word == "mono8") return SemanticEncoding::kMono8;
  if (word == "carla") return SemanticEncoding::kCarla;
  fail("there is no semantic encoding '{}'; encodings: mono8 (class ids), carla (bgra8 with the tag in red)", word);
}

std_msgs::Header make_header(StampNs stamp_ns, std::string frame_id) {
  std_msgs::Header header;
  header.stamp = to_ros_time(stamp_ns);
  header.frame_id = std::move(frame_id);
  return header;
}

std::vector<std::uint8_t> rgb_message(const std_msgs::Header& header, const ImageU8& bgra) {
  sensor_msgs::Image image = empty_image(header, bgra.width, bgra.height, "bgra8", 4);
  image.data = bgra.data;
  return serialized(image);
}

std::vector<std::uint8_t> semantic_message(const std_msgs::Header& header, const ImageU8& labels,
                                           const Ontology& ontology, SemanticEncoding encoding) {
  if (encoding == SemanticEncoding::kMono8) {
    sensor_msgs::Image image = empty_image(header, labels.width, labels.height, "mono8", 1);
    image.data = labels.data;
    return serialized(image);
  }
  sensor_msgs::Image image = empty_image(header, labels.width, labels.height, "bgra8", 4);
  const auto tags = tags_of(ontology);
  image.data.assign(labels.data.size() * 4, 0);
  for (std::size_t i = 0; i < labels.data.size(); ++i) {
    image.data[4 * i + 2] = tags[labels.data[i]];
    image.data[4 * i + 3] = 255;
  }
  return serialized(image);
}

std::vector<std::uint8_t> color_mask_message(const std_msgs::Header& header, const ImageU8& labels,
                                             const Ontology& ontology) {
  sensor_msgs::Image image = empty_image(header, labels.width, labels.height, "rgb8", 3);
  image.data = ontology.colorize(labels).data;
  return serialized(image);
}

std::vector<std::uint8_t> instance_message(const std_msgs::Header& header, const CameraFrame& frame,
                                           const Ontology& ontology, SemanticEncoding encoding) {
  const ImageU32& ids = frame.instance;
  if (encoding == SemanticEncoding::kMono8) {
    sensor_msgs::Image image = empty_image(header, ids.width, ids.height, "32SC1", 4);
    image.data.resize(ids.data.size() * sizeof(std::uint32_t));
    std::memcpy(image.data.data(), ids.data.data(), image.data.size());
    return serialized(image);
  }
  sensor_msgs::Image image = empty_image(header, ids.width, ids.height, "bgra8", 4);
  const auto tags = tags_of(ontology);
  image.data.resize(ids.data.size() * 4);
  for (std::size_t i = 0; i < ids.data.size(); ++i) {
    image.data[4 * i] = static_cast<std::uint8_t>(ids.data[i] >> 8);
    image.data[4 * i + 1] = static_cast<std::uint8_t>(ids.data[i]);
    image.data[4 * i + 2] = tags[frame.semantic.data[i]];
    image.data[4 * i + 3] = 255;
  }
  return serialized(image);
}

std::vector<std::uint8_t> panoptic_message(const std_msgs::Header& header, const CameraFrame& frame) {
  const ImageU32 ids = panoptic_ids(frame.instance, frame.semantic);
  sensor_msgs::Image image = empty_image(header, ids.width, ids.height, "32SC1", 4);
  image.data.resize(ids.data.size() * sizeof(std::int32_t));
  for (std::size_t i = 0; i < ids.data.size(); ++i) {
    const std::int32_t id = ids.data[i] == kIgnoreId ? -1 : static_cast<std::int32_t>(ids.data[i]);
    std::memcpy(image.data.data() + sizeof id * i, &id, sizeof id);
  }
  return serialized(image);
}

vision_msgs::Detection2DArray detections(const std_msgs::Header& header, const CameraFrame& frame,
                                         const Ontology& ontology, int min_pixels) {
  vision_msgs::Detection2DArray message;
  message.header = header;
  for (const InstanceBox& box : instance_boxes(frame.instance, frame.semantic, min_pixels)) {
    vision_msgs::Detection2D& detection = message.detections.emplace_back();
    detection.header = header;
    detection.id = std::to_string(box.instance);
    detection.bbox.center.position.x = 0.5 * (box.u0 + box.u1);
    detection.bbox.center.position.y = 0.5 * (box.v0 + box.v1);
    detection.bbox.size_x = box.u1 - box.u0;
    detection.bbox.size_y = box.v1 - box.v0;
    vision_msgs::ObjectHypothesisWithPose& result = detection.results.emplace_back();
    result.hypothesis.class_id = box.class_id < ontology.size() ? ontology[box.class_id].name : "";
    result.hypothesis.score = 1;
    result.pose.pose.orientation.w = 1;
  }
  return message;
}

std::vector<std::uint8_t> float_message(const std_msgs::Header& header, const ImageF32& values) {
  sensor_msgs::Image image = empty_image(header, values.width, values.height, fmt::format("32FC{}", values.channels),
                                         4 * static_cast<std::uint32_t>(values.channels));
  image.data.resize(values.data.size() * sizeof(float));
  std::memcpy(image.data.data(), values.data.data(), image.data.size());
  return serialized(image);
}

sensor_msgs::CameraInfo camera_info(const std_msgs::Header& header, const CameraModel& camera) {
  sensor_msgs::CameraInfo info;
  info.header = header;
  info.width = static_cast<std::uint32_t>(camera.width);
  info.height = static_cast<std::uint32_t>(camera.height);
  const bool fisheye = camera.projection == Projection::kFisheye;
  info.distortion_model = fisheye ? "equidistant" : "plumb_bob";
  info.d.assign(camera.distortion.begin(), camera.distortion.begin() + (fisheye ? 4 : 5));
  const double f = camera.focal_px();
  const double cx = 0.5 * camera.width;
  const double cy = 0.5 * camera.height;
  info.k = {f, 0, cx, 0, f, cy, 0, 0, 1};
  info.r = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  info.p = {f, 0, cx, 0, 0, f, cy, 0, 0, 0, 1, 0};
  return info;
}

sensor_msgs::PointCloud2 lidar_cloud(const std_msgs::Header& header, const std::vector<LidarPoint>& points) {
  sensor_msgs::PointCloud2 result = cloud(header, points.size(), 16);
  result.fields = {field("x", 0, kFloat32), field("y", 4, kFloat32), field("z", 8, kFloat32),
                   field("intensity", 12, kFloat32)};
  std::uint8_t* to = result.data.data();
  for (const LidarPoint& p : points) {
    const float values[4] = {p.x, p.y, p.z, p.intensity};
    std::memcpy(to, values, sizeof(values));
    to += sizeof(values);
  }
  return result;
}

sensor_msgs::PointCloud2 timed_lidar_cloud(const std_msgs::Header& header, const std::vector<LidarPoint>& points,
                                           double scan_s) {
  sensor_msgs::PointCloud2 result = cloud(header, points.size(), 22);
  result.fields = {field("x", 0, kFloat32),          field("y", 4, kFloat32),    field("z", 8, kFloat32),
                   field("intensity", 12, kFloat32), field("ring", 16, kUint16), field("time", 18, kFloat32)};
  std::uint8_t* to = result.data.data();
  for (const LidarPoint& p : points) {
    const float values[4] = {p.x, p.y, p.z, p.intensity};
    const auto ring = static_cast<std::uint16_t>(p.ring);
    const auto time = static_cast<float>(p.time_share * scan_s);
    std::memcpy(to, values, sizeof(values));
    std::memcpy(to + 16, &ring, sizeof(ring));
    std::memcpy(to + 18, &time, sizeof(time));
    to += 22;
  }
  return result;
}

sensor_msgs::PointCloud2 semantic_lidar_cloud(const std_msgs::Header& header, const std::vector<LidarPoint>& points,
                                              const Ontology& ontology, SemanticEncoding encoding) {
  sensor_msgs::PointCloud2 result = cloud(header, points.size(), 24);
  result.fields = {field("x", 0, kFloat32),         field("y", 4, kFloat32),      field("z", 8, kFloat32),
                   field("CosAngle", 12, kFloat32), field("ObjIdx", 16, kUint32), field("ObjTag", 20, kUint32)};
  const auto tags = tags_of(ontology);
  std::uint8_t* to = result.data.data();
  for (const LidarPoint& p : points) {
    const float values[4] = {p.x, p.y, p.z, p.cos_incidence};
    const std::uint32_t tag = encoding == SemanticEncoding::kCarla && p.class_id < 256 ? tags[p.class_id] : p.class_id;
    const std::uint32_t ids[2] = {p.instance, tag};
    std::memcpy(to, values, sizeof(values));
    std::memcpy(to + sizeof(values), ids, sizeof(ids));
    to += sizeof(values) + sizeof(ids);
  }
  return result;
}

geometry_msgs::Transform to_transform(const Pose& pose) {
  geometry_msgs::Transform result;
  result.translation = to_vector3(pose.translation());
  result.rotation = to_quaternion(pose.linear());
  return result;
}

geometry_msgs::Pose to_ros_pose(const Pose& pose) {
  geometry_msgs::Pose result;
  result.position.x = pose.translation().x();
  result.position.y = pose.translation().y();
  result.position.z = pose.translation().z();
  result.orientation = to_quaternion(pose.linear());
  return result;
}

tf2_msgs::TFMessage transforms(StampNs stamp_ns, const Rig& rig, const Pose& X_MB, bool with_vehicle) {
  tf2_msgs::TFMessage message;
  const auto add = [&](const std::string& parent, const std::string& child, const Pose& pose) {
    geometry_msgs::TransformStamped transform;
    transform.header = make_header(stamp_ns, parent);
    transform.child_frame_id = child;
    transform.transform = to_transform(pose);
    message.transforms.push_back(std::move(transform));
  };
  if (with_vehicle) add("map", rig.role_name, X_MB);
  for (const Sensor& sensor : rig.sensors) {
    const bool has_frame =
        sensor.is_camera() || sensor.is_lidar() || sensor.kind == SensorKind::kImu || sensor.kind == SensorKind::kGnss;
    if (!has_frame) continue;
    Pose mount = sensor.X_BS;
    if (sensor.is_camera()) mount.linear() = mount.linear() * R_body_optical();
    add(rig.role_name, rig.role_name + "/" + sensor.id, mount);
  }
  return message;
}

nav_msgs::Odometry odometry(StampNs stamp_ns, const std::string& role_name, const VehicleState& state) {
  nav_msgs::Odometry message;
  message.header = make_header(stamp_ns, "map");
  message.child_frame_id = role_name;
  message.pose.pose = to_ros_pose(state.X_MB);
  message.twist.twist.linear = to_vector3(state.velocity_B);
  message.twist.twist.angular = to_vector3(state.angular_velocity_B);
  return message;
}

carla_msgs::CarlaEgoVehicleStatus vehicle_status(StampNs stamp_ns, const VehicleState& state,
                                                 const VehicleControl& control) {
  carla_msgs::CarlaEgoVehicleStatus message;
  message.header = make_header(stamp_ns, "map");
  message.velocity = static_cast<float>(state.velocity_B.norm());
  message.acceleration.linear = to_vector3(state.X_MB.linear() * state.acceleration_B);
  message.orientation = to_quaternion(state.X_MB.linear());
  message.control.header = message.header;
  message.control.throttle = static_cast<float>(control.throttle);
  message.control.steer = static_cast<float>(control.steer);
  message.control.brake = static_cast<float>(control.brake);
  message.control.hand_brake = control.hand_brake;
  message.control.reverse = control.reverse;
  message.control.gear = state.gear;
  return message;
}

carla_msgs::CarlaEgoVehicleInfo vehicle_info(const Rig& rig, const VehicleConfig& config) {
  carla_msgs::CarlaEgoVehicleInfo message;
  message.id = 1;
  message.type = rig.vehicle_type;
  message.rolename = rig.role_name;
  message.use_gear_autobox = true;
  message.mass = static_cast<float>(config.mass_kg);
  message.drag_coefficient = static_cast<float>(config.resistance.air_drag_area_m2);
  message.center_of_mass = to_vector3(config.body.mass_centre_m);
  const double radius = config.wheels.radius_m;
  for (int w = 0; w < kWheelCount; ++w) {
    const bool front = w == kFrontLeft || w == kFrontRight;
    const bool left = w == kFrontLeft || w == kRearLeft;
    carla_msgs::CarlaEgoVehicleInfoWheel wheel;
    wheel.tire_friction = static_cast<float>(config.grip.at("other"));
    wheel.max_steer_angle = front ? static_cast<float>(config.steering.max_angle_deg / kDegrees) : 0.0F;
    wheel.radius = static_cast<float>(radius);
    wheel.max_brake_torque = static_cast<float>(0.25 * config.brakes.max_force_n * radius);
    wheel.max_handbrake_torque = front ? 0.0F : static_cast<float>(0.5 * config.brakes.hand_brake_force_n * radius);
    wheel.position = to_vector3(
        {(front ? 0.5 : -0.5) * config.wheels.wheelbase_m, (left ? 0.5 : -0.5) * config.wheels.track_m, radius});
    message.wheels.push_back(wheel);
  }
  return message;
}

sensor_msgs::Imu imu(const std_msgs::Header& header, const Sensor& sensor, const VehicleState& state,
                     const SensorDrift& drift, std::uint64_t seed, std::int64_t frame) {
  sensor_msgs::Imu message;
  message.header = header;
  const Eigen::Matrix3d R_MS = state.X_MB.linear() * sensor.X_BS.linear();
  message.orientation = to_quaternion(R_MS);
  // The mount's own acceleration: it swings about B's origin.
  const Eigen::Vector3d arm = sensor.X_BS.translation();
  const Eigen::Vector3d& w = state.angular_velocity_B;
  const Eigen::Vector3d swing = state.angular_acceleration_B.cross(arm) + w.cross(w.cross(arm));
  const Eigen::Vector3d up_B = state.X_MB.linear().transpose() * Eigen::Vector3d::UnitZ();
  const Eigen::Matrix3d R_SB = sensor.X_BS.linear().transpose();
  Random random(seed, stream_of("imu " + sensor.id), static_cast<std::uint64_t>(frame));
  const Eigen::Vector3d force = R_SB * (state.acceleration_B + swing + kGravityMps2 * up_B) +
                                white_noise(random, sensor.imu.accelerometer_stddev);
  const Eigen::Map<const Eigen::Vector3d> bias(sensor.imu.gyroscope_bias.data());
  message.linear_acceleration = to_vector3(force + drift.first);
  message.angular_velocity =
      to_vector3(R_SB * w + bias + drift.second + white_noise(random, sensor.imu.gyroscope_stddev));
  for (std::size_t i = 0; i < 3; ++i) {
    message.linear_acceleration_covariance[4 * i] = square(sensor.imu.accelerometer_stddev[i]);
    message.angular_velocity_covariance[4 * i] = square(sensor.imu.gyroscope_stddev[i]);
  }
  return message;
}

sensor_msgs::NavSatFix gnss(const std_msgs::Header& header, const Sensor& sensor, const VehicleState& state,
                            const SensorDrift& drift, std::uint64_t seed, std::int64_t frame) {
  sensor_msgs::NavSatFix message;
  message.header = header;
  const Eigen::Vector3d p = state.X_MB * sensor.X_BS.translation() + drift.first;
  const double scale = std::cos(kOriginLatitudeDeg / kDegrees);
  const double mercator_x = scale * kEarthRadiusM * kOriginLongitudeDeg / kDegrees + p.x();
  const double mercator_y =
      scale * kEarthRadiusM * std::log(std::tan((90 + kOriginLatitudeDeg) / kDegrees / 2)) + p.y();
  Random random(seed, stream_of("gnss " + sensor.id), static_cast<std::uint64_t>(frame));
  const Eigen::Vector3d error =
      white_noise(random, sensor.gnss.stddev) + Eigen::Map<const Eigen::Vector3d>(sensor.gnss.bias.data());
  message.latitude = 2 * kDegrees * std::atan(std::exp(mercator_y / (scale * kEarthRadiusM))) - 90 + error.x();
  message.longitude = mercator_x * kDegrees / (scale * kEarthRadiusM) + error.y();
  message.altitude = p.z() + error.z();
  // East, north, up in metres; a degree of latitude and longitude at the place.
  const double metres = kEarthRadiusM / kDegrees;
  const double east = sensor.gnss.stddev[1] * metres * scale, north = sensor.gnss.stddev[0] * metres;
  const double drift_variance = square(sensor.gnss.drift_stddev_m);
  message.position_covariance[0] = square(east) + drift_variance;
  message.position_covariance[4] = square(north) + drift_variance;
  message.position_covariance[8] = square(sensor.gnss.stddev[2]) + square(kAltitudeDrift) * drift_variance;
  const bool known = message.position_covariance[0] + message.position_covariance[8] > 0;
  message.position_covariance_type = known ? 2 : 0;  // sensor_msgs/NavSatFix: diagonal known, or unknown
  return message;
}

sensor_msgs::JointState joint_state(const std_msgs::Header& header, const WheelOdometry& wheels) {
  sensor_msgs::JointState message;
  message.header = header;
  message.name = {"front_left_wheel_joint", "front_right_wheel_joint", "rear_left_wheel_joint",
                  "rear_right_wheel_joint"};
  message.position.assign(wheels.angles_rad().begin(), wheels.angles_rad().end());
  message.velocity.assign(wheels.speeds_rad_per_s().begin(), wheels.speeds_rad_per_s().end());
  message.name.emplace_back("steering_joint");
  message.position.push_back(wheels.steer_rad());
  message.velocity.push_back(0);
  return message;
}

nav_msgs::Odometry wheel_odometry(StampNs stamp_ns, const std::string& role_name, const WheelOdometry& wheels) {
  nav_msgs::Odometry message;
  message.header = make_header(stamp_ns, "odom");
  message.child_frame_id = role_name;
  message.pose.pose = to_ros_pose(pose_from_xyz_rpy(wheels.x_m(), wheels.y_m(), 0, 0, 0, wheels.yaw_rad()));
  message.twist.twist.linear.x = wheels.speed_mps();
  message.twist.twist.angular.z = wheels.yaw_rate_rad_per_s();
  return message;
}

}  // namespace bramble
