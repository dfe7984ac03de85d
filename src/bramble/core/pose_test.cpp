#include "bramble/core/pose.hpp"

#include <gtest/gtest.h>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

TEST(Pose, RollPitchYawRoundTrip) {
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    const Eigen::Vector3d rpy(random.uniform(-3.1, 3.1), random.uniform(-1.5, 1.5), random.uniform(-3.1, 3.1));
    const Pose pose = pose_from_xyz_rpy(1, 2, 3, rpy.x(), rpy.y(), rpy.z());
    EXPECT_TRUE(rpy_of(pose.linear()).isApprox(rpy, 1e-9));
  }
}

TEST(Pose, OpticalAxes) {
  // Optical z looks along body x, optical x to the right (body -y), optical y down (body -z).
  EXPECT_TRUE((R_body_optical() * Eigen::Vector3d::UnitZ()).isApprox(Eigen::Vector3d::UnitX()));
  EXPECT_TRUE((R_body_optical() * Eigen::Vector3d::UnitX()).isApprox(-Eigen::Vector3d::UnitY()));
  EXPECT_TRUE((R_body_optical() * Eigen::Vector3d::UnitY()).isApprox(-Eigen::Vector3d::UnitZ()));
  // Positive pitch looks down (REP 103, z up).
  EXPECT_LT((pose_from_xyz_rpy(0, 0, 0, 0, 0.3, 0) * Eigen::Vector3d::UnitX()).z(), 0);
}

}  // namespace
}  // namespace bramble
