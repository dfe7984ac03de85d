#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/core/pose.hpp"
#include "bramble/render/renderer.hpp"

namespace bramble {

/// Simulated time between two frames; every sensor delivers once per frame.
inline constexpr double kFrameS = 0.05;

enum class SensorKind {
  kRgb,
  kSemantic,
  kDepth,
  kLidar,
  kSemanticLidar,
  kImu,
  kGnss,
  kCollision,
  kTf,
  kOdometry,
  kSpeedometer
};

/// One sensor of the vehicle.
struct Sensor {
  SensorKind kind = SensorKind::kRgb;
  std::string type;              ///< «sensor.camera.rgb»
  std::string id;                ///< «rgb_front»: part of topic and frame names
  Pose X_BS = Pose::Identity();  ///< mount: x forward, y left, z up, also for cameras
  CameraModel camera;            ///< cameras
  LidarModel lidar;              ///< LiDARs
  bool sees_vehicle = false;     ///< cameras: whether the vehicle itself is drawn; only rgb_view unless asked for
  std::array<double, 3> accelerometer_noise{}, gyroscope_noise{}, gyroscope_bias{};  ///< IMU: x, y, z; m/s², rad/s
  std::array<double, 3> position_noise{};  ///< GNSS: standard deviations of latitude, longitude [degrees], altitude [m]

  bool is_camera() const {
    return kind == SensorKind::kRgb || kind == SensorKind::kSemantic || kind == SensorKind::kDepth;
  }
  bool is_lidar() const { return kind == SensorKind::kLidar || kind == SensorKind::kSemanticLidar; }
};

/// The ego vehicle and what it carries, from a file in the format of carla_spawn_objects (objects.json): the first
/// entry of type vehicle.* with its «sensors». Mounts (spawn_point) in metres and degrees, ROS axes; positive pitch
/// looks down; missing values are 0. Attributes as CARLA's blueprints call them, numbers or strings:
///   cameras   image_size_x, image_size_y, fov; ours: samples_per_axis, sees_vehicle
///   LiDARs    channels, points_per_second, range, upper_fov, lower_fov, rotation_frequency (20: a turn per frame),
///             noise_stddev
///   IMU       noise_accel_stddev_x…, noise_gyro_stddev_x…, noise_gyro_bias_x…;  GNSS noise_lat_stddev…
/// Sensors that Bramble has none of (radar, dvs, …) and unknown attributes are warned of and left out; of two sensors
/// with the same type and id the second is ignored, as there.
struct Rig {
  std::string role_name = "hero";
  std::string vehicle_type = "vehicle.bramble.jeep";
  std::vector<Sensor> sensors;  ///< in file order

  /// Throws Error with file, line or the path of the entry, and what was expected.
  static Rig load(const std::filesystem::path& file);
  static Rig parse(const std::string& text, const std::string& name);
  /// Another picture size for every camera; a size of 0 keeps what the file says.
  void resize_cameras(int width, int height);
};

}  // namespace bramble
