#include "bramble/render/camera_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

constexpr double kDegree = std::numbers::pi / 180;

TEST(CameraModel, FocalLengthFollowsFromTheFieldOfView) {
  CameraModel camera;
  EXPECT_NEAR(camera.focal_px(), 512, 1e-9);
  camera.fov_rad = 2 * std::atan(1.0 / 3);
  EXPECT_NEAR(camera.focal_px(), 3 * 512, 1e-9);
}

CameraModel lens(Projection projection, double fov_deg, std::array<double, 5> distortion) {
  CameraModel camera;
  camera.projection = projection;
  camera.fov_rad = fov_deg * kDegree;
  camera.distortion = distortion;
  camera.check("test");
  return camera;
}

// Every pixel's direction is seen at that pixel again.
TEST(CameraModel, ProjectionUndoesDirection) {
  for (const CameraModel& camera :
       {lens(Projection::kPinhole, 90, {}), lens(Projection::kPinhole, 90, {-0.12, 0.02, 0.001, -0.002, 0}),
        lens(Projection::kPinhole, 60, {0.2, 0.05, 0, 0, 0.01}), lens(Projection::kFisheye, 190, {}),
        lens(Projection::kFisheye, 170, {-0.03, 0.004, -0.001, 0, 0})})
    for (int v = 0; v <= camera.height; v += 32)
      for (int u = 0; u <= camera.width; u += 32) {
        const Eigen::Vector3f direction = camera.direction(static_cast<float>(u), static_cast<float>(v));
        if (direction.isZero()) {
          EXPECT_EQ(camera.projection, Projection::kFisheye);
          continue;
        }
        ASSERT_NEAR(direction.norm(), 1, 1e-6);
        const auto seen = camera.project(7 * direction.cast<double>());
        ASSERT_TRUE(seen) << u << " " << v;
        EXPECT_NEAR(seen->x(), u, 2e-3);
        EXPECT_NEAR(seen->y(), v, 2e-3);
      }
}

TEST(CameraModel, DistortionIsOpenCvs) {
  // x' = 0.5, y' = 0.25 with k1, k2, p1, p2, k3 by the formula of OpenCV's documentation, worked out by hand:
  // r2 = 0.3125, radial = 1 - 0.1 r2 + 0.02 r2^2 + 0.001 r2^3 = 0.970733643
  const CameraModel camera = lens(Projection::kPinhole, 90, {-0.1, 0.02, 0.003, -0.002, 0.001});
  const auto seen = camera.project({1, 0.5, 2});
  ASSERT_TRUE(seen);
  const double r2 = 0.3125, radial = 1 - 0.1 * r2 + 0.02 * r2 * r2 + 0.001 * r2 * r2 * r2;
  EXPECT_NEAR(radial, 0.970733643, 1e-8);
  EXPECT_NEAR(seen->x(), 512 + 512 * (0.5 * radial + 2 * 0.003 * 0.125 - 0.002 * (r2 + 0.5)), 1e-6);
  EXPECT_NEAR(seen->y(), 384 + 512 * (0.25 * radial + 0.003 * (r2 + 0.125) - 2 * 0.002 * 0.125), 1e-6);
}

TEST(CameraModel, FisheyesImageCircleTouchesTheBorder) {
  const CameraModel camera = lens(Projection::kFisheye, 180, {});
  const auto middle = static_cast<float>(camera.height) / 2;
  EXPECT_NEAR(camera.direction(0.01F, middle).z(), 0, 1e-3) << "90 degrees off the axis";
  EXPECT_TRUE(camera.direction(1, 1).isZero()) << "the corner is outside";
  EXPECT_NEAR(camera.direction(512, 384).z(), 1, 1e-6);
  EXPECT_FALSE(camera.project({0, 0, -1}));
  // Equidistant: half the radius is half the angle.
  EXPECT_NEAR(std::acos(camera.direction(256, middle).z()), 45 * kDegree, 1e-4);
}

TEST(CameraModel, ImpossibleOnesAreRefused) {
  EXPECT_THROW(lens(Projection::kPinhole, 180, {}), Error);
  EXPECT_THROW(lens(Projection::kPinhole, 90, {-0.5, 0, 0, 0, 0}), Error) << "folds before the corner";
  EXPECT_THROW(lens(Projection::kFisheye, 190, {-0.3, 0, 0, 0, 0}), Error);
  CameraModel camera;
  camera.width = 0;
  EXPECT_THROW(camera.check("test"), Error);
}

TEST(CameraModel, QualityByName) {
  CameraModel camera;
  ASSERT_TRUE(set_quality("standard", camera));
  EXPECT_EQ(camera.samples_per_axis, 2);
  EXPECT_TRUE(camera.traced_sky_light);
  ASSERT_TRUE(set_quality("reference", camera));
  EXPECT_EQ(camera.samples_per_axis, 8);
  ASSERT_TRUE(set_quality("preview", camera));
  EXPECT_EQ(camera.samples_per_axis, 1);
  EXPECT_FALSE(camera.traced_sky_light);
  EXPECT_EQ(camera.ray_spacing, 1);
  ASSERT_TRUE(set_quality("draft", camera));
  EXPECT_EQ(camera.samples_per_axis, 1);
  EXPECT_EQ(camera.ray_spacing, 2);
  EXPECT_FALSE(set_quality("best", camera));
}

}  // namespace
}  // namespace bramble
