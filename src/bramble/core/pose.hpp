#pragma once
#include <Eigen/Geometry>

namespace bramble {

/// Frames, by letter (Drake's monogram notation): M map, B base_link, C camera (optical), L lidar, W wheel, A asset.
/// `X_MB` is the pose of B in M: p_MQ = X_MB * p_BQ. Map, base and sensor frames are x forward, y left, z up
/// (REP 103); optical frames are x right, y down, z forward. Metres and radians.
using Pose = Eigen::Isometry3d;

/// Pose from a position [m] and roll, pitch, yaw [rad] about the fixed x, y, z axes (ROS convention).
Pose pose_from_xyz_rpy(double x, double y, double z, double roll, double pitch, double yaw);

/// Roll, pitch, yaw [rad] of a rotation, the inverse of pose_from_xyz_rpy; pitch lies in [-pi/2, pi/2].
Eigen::Vector3d rpy_of(const Eigen::Matrix3d& rotation);

/// The rotation of an optical frame in the frame of the camera body (x forward, y left, z up).
Eigen::Matrix3d R_body_optical();

}  // namespace bramble
