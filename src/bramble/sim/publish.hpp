#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bramble/ontology/ontology.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/sim/rig.hpp"
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
std::vector<std::uint8_t> rgb_message(const std_msgs::Header& header, const ImageU8& bgra);        ///< bgra8
std::vector<std::uint8_t> depth_message(const std_msgs::Header& header, const ImageF32& depth_m);  ///< 32FC1, metres
std::vector<std::uint8_t> semantic_message(const std_msgs::Header& header, const ImageU8& labels,
                                           const Ontology& ontology,
                                           SemanticEncoding encoding);  ///< mono8 ids, or bgra8 with the tag in red
/// The ontology's colours as rgb8; ignored pixels are black.
std::vector<std::uint8_t> color_mask_message(const std_msgs::Header& header, const ImageU8& labels,
                                             const Ontology& ontology);
sensor_msgs::CameraInfo camera_info(const std_msgs::Header& header, const CameraModel& camera);

/// x, y, z, intensity: FLOAT32, 16 bytes a point.
sensor_msgs::PointCloud2 lidar_cloud(const std_msgs::Header& header, const std::vector<LidarPoint>& points);
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
/// Specific force (gravity included) and rate at the mount, with the sensor's noise; draw number `frame` of the seed.
sensor_msgs::Imu imu(const std_msgs::Header& header, const Sensor& sensor, const VehicleState& state,
                     std::uint64_t seed, std::int64_t frame);
/// Position of the mount on the globe: Mercator's projection about 42° north, 2° east, as CARLA without a
/// geo-reference.
sensor_msgs::NavSatFix gnss(const std_msgs::Header& header, const Sensor& sensor, const VehicleState& state,
                            std::uint64_t seed, std::int64_t frame);

}  // namespace bramble
