#include "bramble/core/pose.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {

Pose pose_from_xyz_rpy(double x, double y, double z, double roll, double pitch, double yaw) {
  Pose pose = Pose::Identity();
  pose.translation() = Eigen::Vector3d(x, y, z);
  pose.linear() =
      (Eigen::AngleAxisd(yaw, Eigen::Vector3d::UnitZ()) * Eigen::AngleAxisd(pitch, Eigen::Vector3d::UnitY()) *
       Eigen::AngleAxisd(roll, Eigen::Vector3d::UnitX()))
          .toRotationMatrix();
  return pose;
}

Eigen::Vector3d rpy_of(const Eigen::Matrix3d& r) {
  return {std::atan2(r(2, 1), r(2, 2)), std::asin(std::clamp(-r(2, 0), -1.0, 1.0)), std::atan2(r(1, 0), r(0, 0))};
}

Eigen::Matrix3d R_body_optical() {
  Eigen::Matrix3d r;
  r << 0, 0, 1, -1, 0, 0, 0, -1, 0;
  return r;
}

}  // namespace bramble
