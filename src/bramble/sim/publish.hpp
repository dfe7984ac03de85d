#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bramble/ontology/ontology.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/sim/rig.hpp"
#include "bramble/sim/wheel_odometry.hpp"
#include "bramble/vehicle/vehicle.hpp"

/// ROS messages out of simulated readings, as carla_ros_bridge would publish them (frames, encodings, field layouts),
/// except that twists are true body twists.
namespace bramble {

/// How class labels are written: the ids themselves in one channel, or CARLA's tags in red with the other channels 0.
enum class SemanticEncoding { kMono8, kCarla };
/// «mono8» or «carla»; throws Error for another word.
SemanticEncoding parse_semantic_encoding(const std::string& word);

std_msgs::Header make_header(StampNs stamp_ns, std::string frame_id);

// Pictures: CDR bytes made in one go, as the pixels are most of it.
std::vector<std::uint8_t> rgb_message(const std_msgs::Header& header, const ImageU8& bgra);  ///< bgra8
/// 32FC1 depth in metres, 32FC3 normals, 32FC2 optical flow or 32FCn coverage, as CameraFrame has them.
std::vector<std::uint8_t> float_message(const std_msgs::Header& header, const ImageF32& values);
std::vector<std::uint8_t> semantic_message(const std_msgs::Header& header, const ImageU8& labels,
                                           const Ontology& ontology,
                                           SemanticEncoding encoding);  ///< mono8 ids, or bgra8 with the tag in red
/// The ontology's colours as rgb8; ignored pixels are black.
std::vector<std::uint8_t> color_mask_message(const std_msgs::Header& header, const ImageU8& labels,
                                             const Ontology& ontology);
/// Instance ids: 32SC1 whole, or as CARLA's bgra8: tag in red, the lower 16 bits of the id in green and blue.
std::vector<std::uint8_t> instance_message(const std_msgs::Header& header, const CameraFrame& frame,
                                           const Ontology& ontology, SemanticEncoding encoding);
/// Panoptic ids (panoptic_ids): 32SC1, -1 for what has no class.
std::vector<std::uint8_t> panoptic_message(const std_msgs::Header& header, const CameraFrame& frame);
/// The boxes of what is seen (instance_boxes) as vision_msgs has detections: class name with score 1, id the
/// instance's.
vision_msgs::Detection2DArray detections(const std_msgs::Header& header, const CameraFrame& frame,
                                         const Ontology& ontology, int min_pixels);
/// plumb_bob, or equidistant for a fisheye.
sensor_msgs::CameraInfo camera_info(const std_msgs::Header& header, const CameraModel& camera);

/// x, y, z, intensity: FLOAT32, 16 bytes a point.
sensor_msgs::PointCloud2 lidar_cloud(const std_msgs::Header& header, const std::vector<LidarPoint>& points);
/// The same with ring (UINT16) and time (FLOAT32, seconds before the stamp, 0 or less): 22 bytes a point, as
/// velodyne_pointcloud lays them out.
sensor_msgs::PointCloud2 timed_lidar_cloud(const std_msgs::Header& header, const std::vector<LidarPoint>& points,
                                           double scan_s);
/// x, y, z, CosAngle: FLOAT32; ObjIdx, ObjTag: UINT32; 24 bytes a point. ObjTag is the class id, or CARLA's tag.
sensor_msgs::PointCloud2 semantic_lidar_cloud(const std_msgs::Header& header, const std::vector<LidarPoint>& points,
                                              const Ontology& ontology, SemanticEncoding encoding);

geometry_msgs::Transform to_transform(const Pose& pose);
geometry_msgs::Pose to_ros_pose(const Pose& pose);
/// map → vehicle (if `with_vehicle`) and vehicle → every sensor that has a frame; cameras' frames are optical.
tf2_msgs::TFMessage transforms(StampNs stamp_ns, const Rig& rig, const Pose& X_MB, bool with_vehicle);
nav_msgs::Odometry odometry(StampNs stamp_ns, const std::string& role_name, const VehicleState& state);
carla_msgs::CarlaEgoVehicleStatus vehicle_status(StampNs stamp_ns, const VehicleState& state,
                                                 const VehicleControl& control);
carla_msgs::CarlaEgoVehicleInfo vehicle_info(const Rig& rig, const VehicleConfig& config);
/// Errors that wander from frame to frame.
struct SensorDrift {
  Eigen::Vector3d first = Eigen::Vector3d::Zero();   ///< accelerometer [m/s²] or GNSS position [m; east, north, up]
  Eigen::Vector3d second = Eigen::Vector3d::Zero();  ///< gyroscope [rad/s]
};
/// Specific force (gravity included) and rate at the mount, with the sensor's noise; draw number `frame` of the seed.
/// Covariances are those of the white noise; 0 (unknown) without, as the bridge's.
sensor_msgs::Imu imu(const std_msgs::Header& header, const Sensor& sensor, const VehicleState& state,
                     const SensorDrift& drift, std::uint64_t seed, std::int64_t frame);
/// Position of the mount on the globe: Mercator's projection about 42° north, 2° east, as CARLA without a
/// geo-reference.
sensor_msgs::NavSatFix gnss(const std_msgs::Header& header, const Sensor& sensor, const VehicleState& state,
                            const SensorDrift& drift, std::uint64_t seed, std::int64_t frame);
/// Angle and speed of the four wheels, and the angle of the steering.
sensor_msgs::JointState joint_state(const std_msgs::Header& header, const WheelOdometry& wheels);
/// Dead reckoning: frame odom, in the plane.
nav_msgs::Odometry wheel_odometry(StampNs stamp_ns, const std::string& role_name, const WheelOdometry& wheels);

}  // namespace bramble
