#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/core/pose.hpp"
#include "bramble/render/renderer.hpp"
#include "bramble/sim/sensor_noise.hpp"

namespace bramble {

/// Simulated time between two frames; every sensor delivers once per frame.
inline constexpr double kFrameS = 0.05;

enum class SensorKind {
  kRgb,
  kSemantic,
  kDepth,
  kInstance,
  kPanoptic,
  kDetections,
  kCoverage,
  kNormals,
  kOpticalFlow,
  kLidar,
  kSemanticLidar,
  kImu,
  kGnss,
  kWheelEncoder,
  kCollision,
  kTf,
  kOdometry,
  kSpeedometer,
  kObjects,
  kMarkers,
  kActorList,
  kRoadMap
};

/// What carla_ros_bridge publishes about the scene as a whole: a «sensor.pseudo.*» that nobody carries.
struct SceneSensor {
  SensorKind kind = SensorKind::kObjects;
  std::string id;  ///< «markers»: the topic is /carla/markers
};

/// One sensor of the vehicle.
struct Sensor {
  SensorKind kind = SensorKind::kRgb;
  std::string type;              ///< «sensor.camera.rgb»
  std::string id;                ///< «rgb_front»: part of topic and frame names
  Pose X_BS = Pose::Identity();  ///< mount: x forward, y left, z up, also for cameras
  CameraModel camera;            ///< cameras
  CameraEffects::Own effects;    ///< RGB cameras: what differs from the scenario's `camera:`
  int min_pixels = 20;           ///< detections: things of which less is seen have no box
  bool sees_vehicle = true;      ///< cameras and LiDARs: whether the vehicle itself is there for them
  LidarModel lidar;              ///< LiDARs
  bool motion_distortion =
      false;                   ///< LiDARs: the vehicle moves on while they scan; points are in the frame of their time
  bool ring_and_time = false;  ///< LiDARs: clouds with channel and time of each point
  ImuNoise imu;
  GnssNoise gnss;
  WheelEncoder wheels;

  bool is_camera() const {
    return kind >= SensorKind::kRgb && kind <= SensorKind::kOpticalFlow;  // they stand first
  }
  bool is_lidar() const { return kind == SensorKind::kLidar || kind == SensorKind::kSemanticLidar; }
};

/// The ego vehicle and what it carries, from a file in the format of carla_spawn_objects (objects.json): the first
/// entry of type vehicle.* with its «sensors». Mounts (spawn_point) in metres and degrees, ROS axes; positive pitch
/// looks down; missing values are 0. Attributes as CARLA's blueprints call them, numbers or strings:
///   cameras   image_size_x, image_size_y, fov; RGB: exposure_compensation, temp, iso, shutter_speed
///             ours: projection (pinhole, fisheye), distortion [5], quality (preview, standard, reference),
///             samples_per_axis, sees_vehicle; RGB: vignetting
///   LiDARs    channels, points_per_second, range, upper_fov, lower_fov, horizontal_fov, rotation_frequency,
///             noise_stddev, atmosphere_attenuation_rate, dropoff_general_rate, dropoff_intensity_limit,
///             dropoff_zero_intensity (nothing drops off unless asked for)
///             ours: preset, pattern (spinning, raster, rosette), elevations [channels], min_range, beam_divergence
///             (degrees), motion_distortion, ring_and_time
///   IMU       noise_accel_stddev_x…, noise_gyro_stddev_x…, noise_gyro_bias_x…
///             ours: accel_bias_stddev, gyro_bias_stddev, bias_time (seconds)
///   GNSS      noise_lat_stddev…, noise_lat_bias… (degrees; alt: metres); ours: drift_stddev (metres), drift_time
/// Types of ours: sensor.camera.normals, sensor.camera.optical_flow (as CARLA's), sensor.camera.panoptic_segmentation,
///             sensor.camera.detections (min_pixels), sensor.camera.coverage (samples_per_axis),
///             sensor.other.wheel_encoder (ticks_per_turn, radius_error, noise_stddev in rad/s).
/// At the top level, sensor.pseudo.objects, markers, actor_list and opendrive_map say what is told of the whole scene.
/// Sensors that Bramble has none of (radar, dvs, …) and unknown attributes are warned of and left out; of two sensors
/// with the same type and id the second is ignored, as there.
struct Rig {
  std::string role_name = "hero";
  std::string vehicle_type = "vehicle.bramble.jeep";
  std::vector<Sensor> sensors;  ///< in file order
  std::vector<SceneSensor> scene;

  /// Throws Error with file, line or the path of the entry, and what was expected.
  static Rig load(const std::filesystem::path& file);
  static Rig parse(const std::string& text, const std::string& name);
  /// Another picture size for every camera; a size of 0 keeps what the file says.
  void resize_cameras(int width, int height);
  /// Every RGB camera in another quality (set_quality); in quality «draft» the annotations' cameras share rays between
  /// pixels, too. Throws Error when there is none of that name.
  void set_quality(const std::string& name);
  /// Gives cameras that have no distortion this one (k1, k2, p1, p2, k3 or a fisheye's k1…k4).
  void distort_cameras(const std::array<double, 5>& distortion);
};

}  // namespace bramble
