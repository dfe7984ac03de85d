#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/render/scene_for_tests.hpp"

namespace bramble {
namespace {

using namespace scene_test;

ScanRequest number(std::uint64_t scan) {
  ScanRequest request;
  request.scan_index = scan;
  return request;
}

TEST(Lidar, RangesOverFlatGroundAreInClosedForm) {
  const World world = flat_world();
  const Renderer renderer(world);
  LidarModel lidar;
  lidar.range_noise_stddev_m = 0;
  lidar.columns = 90;
  std::vector<LidarPoint> points;
  renderer.scan(lidar, pose_from_xyz_rpy(1, 2, 2, 0, 0, 0.3), {}, number(0), points);
  // Beam c looks down by the angle e where 2 m / sin(e) stays within 80 m.
  int beams = 0;
  std::vector<double> expected;
  for (int c = 0; c < lidar.channels; ++c) {
    const double e = -(lidar.upper_fov_rad + (lidar.lower_fov_rad - lidar.upper_fov_rad) * c / (lidar.channels - 1));
    if (e > 0 && 2 / std::sin(e) < lidar.range_m) {
      ++beams;
      expected.push_back(e);
    }
  }
  ASSERT_EQ(points.size(), static_cast<std::size_t>(beams) * lidar.columns);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const LidarPoint& p = points[i];
    const double e = expected[i % beams], range = std::hypot(p.x, p.y, p.z);
    const double azimuth = -2 * std::numbers::pi * static_cast<double>(i / beams) / lidar.columns;
    ASSERT_NEAR(range, 2 / std::sin(e), 1e-4 * range * range) << i;
    ASSERT_NEAR(p.z, -2, 1e-3);
    ASSERT_NEAR(p.x, range * std::cos(e) * std::cos(azimuth), 2e-3);
    ASSERT_NEAR(p.y, range * std::cos(e) * std::sin(azimuth), 2e-3);
    ASSERT_NEAR(p.cos_incidence, std::sin(e), 1e-3);
    ASSERT_EQ(p.class_id, kGrass);
    ASSERT_EQ(p.instance, kGroundInstanceId);
    ASSERT_GT(p.intensity, 0);
    ASSERT_LE(p.intensity, 1);
  }
}

TEST(Lidar, SeesThingsAndActors) {
  World world = flat_world();
  place(world, box({2, 40, 10}, add_material(world, {0.5F, 0.5F, 0.5F})), {21, 0, 0}, kTree);
  const Renderer renderer(world);
  LidarModel lidar;
  lidar.range_noise_stddev_m = 0;
  std::vector<LidarPoint> points;
  renderer.scan(lidar, pose_from_xyz_rpy(0, 0, 1.9, 0, 0, 0), {box_actor(pose_from_xyz_rpy(-9, 0, 0, 0, 0, 0))}, {},
                points);
  int wall = 0, vehicle = 0;
  for (const LidarPoint& p : points) {
    if (p.class_id == kTree) {
      ++wall;
      EXPECT_EQ(p.instance, kFirstScatterInstanceId);
      if (p.x < 21) {
        EXPECT_NEAR(p.x, 20, 2e-3);
      }
    }
    if (p.instance == 123456U) {
      ++vehicle;
      EXPECT_EQ(p.class_id, static_cast<std::uint32_t>(kDirt));
      EXPECT_NEAR(p.x, -8, 2.01);
    }
  }
  EXPECT_GT(wall, 1000);
  EXPECT_GT(vehicle, 100);
}

TEST(Lidar, NoiseIsNormalAndRepeatable) {
  const World world = flat_world();
  const Renderer renderer(world);
  LidarModel lidar;
  lidar.columns = 512;
  const Pose X_ML = pose_from_xyz_rpy(0, 0, 2, 0, 0, 0);
  std::vector<LidarPoint> exact, noisy, again, other;
  lidar.range_noise_stddev_m = 0;
  renderer.scan(lidar, X_ML, {}, number(5), exact);
  lidar.range_noise_stddev_m = 0.02;
  renderer.scan(lidar, X_ML, {}, number(5), noisy);
  renderer.scan(lidar, X_ML, {}, number(5), again);
  renderer.scan(lidar, X_ML, {}, number(6), other);
  ASSERT_EQ(noisy.size(), exact.size());
  ASSERT_EQ(again.size(), exact.size());
  double sum = 0, squares = 0;
  int differ = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double noise =
        std::hypot(noisy[i].x, noisy[i].y, noisy[i].z) - std::hypot(exact[i].x, exact[i].y, exact[i].z);
    sum += noise;
    squares += noise * noise;
    ASSERT_EQ(std::memcmp(&noisy[i], &again[i], sizeof(LidarPoint)), 0);
    differ += noisy[i].x != other[i].x;
  }
  const auto n = static_cast<double>(exact.size());
  ASSERT_GT(n, 10000);
  EXPECT_NEAR(sum / n, 0, 5 * 0.02 / std::sqrt(n));                        // five standard errors
  EXPECT_NEAR(std::sqrt(squares / n), 0.02, 5 * 0.02 / std::sqrt(2 * n));  // fixed seed: no false alarms
  EXPECT_GT(differ, 0.95 * n);
}

// A wall 10 m ahead, wide and high, over flat ground.
World world_with_wall(double x = 10) {
  World world = flat_world();
  place(world, box({2, 60, 20}, add_material(world, {0.5F, 0.5F, 0.5F})), {static_cast<float>(x) + 1, 0, 0}, kTree);
  return world;
}

TEST(Lidar, PresetsHaveTheirMakersFigures) {
  struct Expected {
    const char* name;
    int channels;
    double upper_deg, lower_deg, range_m;
    int points_a_second;
  };
  const auto degrees = [](double radians) { return radians * 180 / std::numbers::pi; };
  for (const Expected& e :
       {Expected{"vlp-16", 16, 15, -15, 100, 300000}, Expected{"hdl-32e", 32, 10.67, -30.67, 100, 695000},
        Expected{"hdl-64e", 64, 2, -24.33, 120, 1300000}, Expected{"os1-128", 128, 22.5, -22.5, 120, 2621440}}) {
    const auto lidar = lidar_preset(e.name, 0.05);
    ASSERT_TRUE(lidar) << e.name;
    EXPECT_EQ(lidar->channels, e.channels) << e.name;
    EXPECT_NEAR(degrees(lidar->elevation_rad(0)), e.upper_deg, 1e-6) << e.name;
    EXPECT_NEAR(degrees(lidar->elevation_rad(e.channels - 1)), e.lower_deg, 0.01) << e.name;
    EXPECT_EQ(lidar->range_m, e.range_m) << e.name;
    EXPECT_NEAR(lidar->columns * lidar->channels * 20, e.points_a_second, 0.01 * e.points_a_second) << e.name;
    for (int c = 1; c < e.channels; ++c) EXPECT_LT(lidar->elevation_rad(c), lidar->elevation_rad(c - 1)) << e.name;
  }
  EXPECT_FALSE(lidar_preset("vlp-17", 0.05));
  for (const std::string& name : lidar_preset_names()) EXPECT_TRUE(lidar_preset(name, 0.1)) << name;
}

TEST(Lidar, HalfATurnGoesOnWhereTheLastOneEnded) {
  LidarModel lidar;
  lidar.turns_per_scan = 0.5;
  lidar.columns = 100;
  EXPECT_NEAR((lidar.beam(0, 99, 0) - lidar.beam(0, 0, 1)).norm(), 2 * std::numbers::pi / 200, 0.01);
  EXPECT_NEAR((lidar.beam(3, 17, 0) - lidar.beam(3, 17, 2)).norm(), 0, 1e-12);
  EXPECT_GT((lidar.beam(3, 17, 0) - lidar.beam(3, 17, 1)).norm(), 1);
}

TEST(Lidar, RosetteFillsItsConeWithOtherBeamsInEveryScan) {
  const LidarModel lidar = *lidar_preset("mid-40", 0.05);
  double widest = 0, mean = 0;
  for (int i = 0; i < lidar.columns; ++i) {
    const double angle = std::acos(lidar.beam(0, i, 7).x());
    widest = std::max(widest, angle);
    mean += angle / lidar.columns;
    EXPECT_GT((lidar.beam(0, i, 7) - lidar.beam(0, i, 8)).norm(), 1e-4);
  }
  EXPECT_NEAR(widest, 0.5 * lidar.horizontal_fov_rad, 0.01);
  EXPECT_GT(mean, 0.4 * widest);
}

TEST(Lidar, MovesOnWhileItScans) {
  // The wall stands at x = 10; the LiDAR comes from x = -1 to 0 during its turn. A beam at time t sees it 1 - t nearer.
  const World world = world_with_wall();
  const Renderer renderer(world);
  LidarModel lidar;
  lidar.range_noise_stddev_m = 0;
  lidar.upper_fov_rad = lidar.lower_fov_rad = 0.01;
  lidar.channels = 1;
  lidar.columns = 360;
  ScanRequest request;
  request.X_ML_before = pose_from_xyz_rpy(-1, 0, 2, 0, 0, 0);
  std::vector<LidarPoint> points;
  renderer.scan(lidar, pose_from_xyz_rpy(0, 0, 2, 0, 0, 0), {}, request, points);
  int checked = 0;
  for (const LidarPoint& p : points) {
    if (p.class_id != kTree) continue;
    EXPECT_NEAR(p.x, 10 - p.time_share, 2e-3);
    EXPECT_GT(p.time_share, -1);
    EXPECT_LE(p.time_share, 0);
    ++checked;
  }
  EXPECT_GT(checked, 100);
}

TEST(Lidar, WideBeamAnswersWithItsStrongestEcho) {
  // Beams along the edge of a wall before another one: what spreads over both gives one of the two, never between.
  World world = world_with_wall(20);
  place(world, box({1, 4, 20}, add_material(world, {0.5F, 0.5F, 0.5F})), {10.5F, 2, 0}, kRubble);
  const Renderer renderer(world);
  LidarModel lidar;
  lidar.range_noise_stddev_m = 0;
  lidar.attenuation_per_m = 0;
  lidar.channels = 8;
  lidar.upper_fov_rad = 0.2;
  lidar.lower_fov_rad = 0.1;
  lidar.columns = 3600;
  lidar.beam_divergence_rad = 0.01;
  std::vector<LidarPoint> points;
  renderer.scan(lidar, pose_from_xyz_rpy(0, 0, 2, 0, 0, 0), {}, {}, points);
  int near = 0, far = 0;
  for (const LidarPoint& p : points) {
    if (p.x < 5 || std::abs(p.y) > 3.5) continue;
    const bool on_near = p.class_id == kRubble;
    EXPECT_NEAR(p.x, on_near ? 10 : 20, on_near ? 0.9 : 0.2) << p.y << " (the near wall is a metre thick)";
    (on_near ? near : far) += 1;
  }
  EXPECT_GT(near, 500);
  EXPECT_GT(far, 500);
}

TEST(Lidar, PointsDropOffAsAskedFor) {
  const World world = flat_world();
  const Renderer renderer(world);
  LidarModel lidar;
  std::vector<LidarPoint> all, some, weak;
  const Pose X_ML = pose_from_xyz_rpy(0, 0, 2, 0, 0, 0);
  renderer.scan(lidar, X_ML, {}, {}, all);
  lidar.dropoff_general_rate = 0.45;
  renderer.scan(lidar, X_ML, {}, {}, some);
  const auto n = static_cast<double>(all.size());
  EXPECT_NEAR(static_cast<double>(some.size()), 0.55 * n, 5 * std::sqrt(0.45 * 0.55 * n));
  lidar.dropoff_general_rate = 0;
  lidar.dropoff_zero_intensity = 0.4;
  renderer.scan(lidar, X_ML, {}, {}, weak);
  double expected = 0, variance = 0;
  for (const LidarPoint& p : all) {
    const double lost = p.intensity < 0.8F ? 0.4 * (1 - p.intensity / 0.8) : 0;
    expected += 1 - lost;
    variance += lost * (1 - lost);
  }
  EXPECT_NEAR(static_cast<double>(weak.size()), expected, 5 * std::sqrt(variance));
  EXPECT_LT(weak.size(), all.size());
}

TEST(Lidar, FogSwallowsFarPointsAndAnswersItself) {
  World world = world_with_wall(40);
  std::vector<LidarPoint> clear, foggy;
  LidarModel lidar;
  const Pose X_ML = pose_from_xyz_rpy(0, 0, 2, 0, 0, 0);
  Renderer(world).scan(lidar, X_ML, {}, {}, clear);
  world.sky.fog_per_m = 0.06F;
  Renderer(world).scan(lidar, X_ML, {}, {}, foggy);
  const auto count = [](const std::vector<LidarPoint>& points, std::uint32_t id) {
    return std::count_if(points.begin(), points.end(), [&](const LidarPoint& p) { return p.class_id == id; });
  };
  EXPECT_GT(count(clear, kTree), 100);
  EXPECT_LT(count(foggy, kTree), count(clear, kTree) / 4);
  EXPECT_EQ(count(clear, kIgnoreId), 0);
  EXPECT_GT(count(foggy, kIgnoreId), 100);
}

}  // namespace
}  // namespace bramble
