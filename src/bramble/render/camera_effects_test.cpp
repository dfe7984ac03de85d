#include "bramble/render/camera_effects.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bramble/core/parallel.hpp"
#include "bramble/render/scene_for_tests.hpp"

namespace bramble {
namespace {

using namespace scene_test;

TEST(CameraEffects, WhiteBalanceTakesItsLightForWhite) {
  EXPECT_NEAR((white_balance(6500) - Vector3f::Ones()).norm(), 0, 1e-6);
  // Lamp light is red: a camera set to it turns daylight blue, one set to shade turns it red.
  EXPECT_GT(white_balance(3000).z(), 1.5F);
  EXPECT_LT(white_balance(3000).x(), 0.8F);
  EXPECT_LT(white_balance(10000).z(), 0.9F);
  for (double t = 1800; t < 20000; t += 200) EXPECT_GE(white_balance(t).z(), white_balance(t + 200).z()) << t;
}

TEST(CameraEffects, ExposureIsInStops) {
  CameraEffects effects;
  effects.linear = 1;
  const Vector3f light(0.1F, 0.05F, 0.2F);
  const Vector3f once = Development(effects, 1)(light, 1);
  effects.exposure_ev = 1;
  EXPECT_NEAR((Development(effects, 1)(light, 1) - 2 * once).norm(), 0, 1e-6);
  EXPECT_NEAR((Development(effects, 100)(light, 1) - Vector3f::Ones()).norm(), 0, 1e-6) << "clips at white";
}

TEST(CameraEffects, VignettingIsTheFourthPowerOfTheCosine) {
  CameraEffects effects;
  effects.linear = 1;
  effects.vignetting = 1;
  const Development develop(effects, 1);
  EXPECT_NEAR(develop({0.5F, 0.5F, 0.5F}, 0.8F).x(), 0.5F * std::pow(0.8F, 4.0F), 1e-6);
  EXPECT_NEAR(develop({0.5F, 0.5F, 0.5F}, 1.0F).x(), 0.5F, 1e-6);
}

TEST(CameraEffects, NoiseGrowsWithLightAndSensitivity) {
  const auto spread = [](float value, double iso) {
    ImageF32 image(128, 128, 3, value);
    sensor_noise(image, iso, 4, 9);
    double sum = 0, squares = 0;
    for (const float v : image.data) {
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    const auto n = static_cast<double>(image.data.size());
    EXPECT_NEAR(sum / n, value, 5 * std::sqrt((squares / n - sum / n * sum / n) / n)) << "no bias";
    return std::sqrt(squares / n - sum / n * sum / n);
  };
  for (const double iso : {100.0, 1600.0})
    for (const float value : {0.2F, 0.6F}) {
      const double electrons = 20000 * 100 / iso;
      EXPECT_NEAR(spread(value, iso), std::sqrt(value * electrons + 36) / electrons, 0.02 * spread(value, iso));
    }
  ImageF32 image(8, 8, 3, 0.5F);
  sensor_noise(image, 0, 4, 9);
  EXPECT_EQ(image.data, ImageF32(8, 8, 3, 0.5F).data);
}

TEST(CameraEffects, MotionBlurSmearsAnEdgeOverItsMotion) {
  ImageF32 step(100, 4, 3, 0.0F), flow(100, 4, 2, 0.0F), blurred(100, 4, 3);
  for (int v = 0; v < 4; ++v)
    for (int u = 0; u < 100; ++u) {
      flow.at(u, v)[0] = 0.2F;  // 20 pixels a frame
      if (u >= 50) std::fill_n(step.at(u, v), 3, 1.0F);
    }
  motion_blur(step, flow, 0.5, blurred);  // open for half of it: 10 pixels
  for (int u = 1; u < 99; ++u) {
    const double expected = std::clamp((u - 44.5) / 10, 0.0, 1.0);
    EXPECT_NEAR(*blurred.at(u, 2), expected, 0.11) << u;
  }
}

CameraFrame with_effects(const World& world, const CameraEffects& effects, std::uint64_t frame_index,
                         CameraModel camera = small_camera()) {
  const Renderer renderer(world);
  CameraFrame frame;
  FrameRequest request;
  request.effects = effects;
  request.frame_index = frame_index;
  request.X_MC_before = look({-0.2, 0, 2}, {1, 0.05, -0.1});
  renderer.render(camera, look({0, 0, 2}, {1, 0, -0.1}), {}, frame, request);
  return frame;
}

TEST(CameraEffects, LeaveTheLabelsAndRepeat) {
  World world = busy_world();
  world.sky.rain = 0.7F;
  CameraEffects effects;
  effects.iso = 1600;
  effects.shutter_s = 0.02;
  effects.vignetting = 0.5;
  const CameraFrame plain = with_effects(world, {}, 3), one = with_effects(world, effects, 3),
                    other = with_effects(world, effects, 4);
  EXPECT_EQ(plain.semantic.data, one.semantic.data);
  EXPECT_EQ(plain.instance.data, one.instance.data);
  EXPECT_EQ(plain.depth_m.data, one.depth_m.data);
  EXPECT_NE(plain.bgra.data, one.bgra.data);
  EXPECT_NE(one.bgra.data, other.bgra.data) << "noise and drops of every frame are its own";
  const int threads = thread_count();
  set_thread_count(1);
  EXPECT_EQ(with_effects(world, effects, 3).bgra.data, one.bgra.data) << "and the same again on one thread";
  set_thread_count(threads);
}

TEST(CameraEffects, RainFallsBeforeWhatIsFar) {
  World world = flat_world();
  world.sky.cloud_cover = 1;
  world.sky.rain = 0;
  const CameraFrame dry = with_effects(world, {}, 1);
  world.sky.rain = 1;
  const CameraFrame wet = with_effects(world, {}, 1), later = with_effects(world, {}, 2);
  // Streaks: the difference of two rainy frames is in few pixels, and there it is strong.
  int drops = 0;
  for (std::size_t i = 0; i < wet.bgra.data.size(); i += 4)
    drops += std::abs(wet.bgra.data[i] - later.bgra.data[i]) > 8;
  EXPECT_GT(drops, 50);
  EXPECT_LT(drops, 160 * 120 / 3);
  EXPECT_EQ(dry.semantic.data, wet.semantic.data);
}

TEST(Fisheye, SeesNothingOutsideItsCircle) {
  CameraModel camera = small_camera();
  camera.projection = Projection::kFisheye;
  camera.fov_rad = std::numbers::pi;
  const CameraFrame frame = picture(busy_world(), camera, look({0, 0, 2}, {1, 0, -0.1}));
  int dark = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const double radius = std::hypot(u + 0.5 - 80, v + 0.5 - 60);
      const bool outside = radius > 80;
      ASSERT_EQ(*frame.semantic.at(u, v) == kIgnoreId, outside) << u << " " << v;
      if (!outside) continue;
      ++dark;
      EXPECT_EQ(frame.bgra.at(u, v)[1], 0);
    }
  EXPECT_GT(dark, 100);
}

TEST(Fisheye, DepthIsTheDistance) {
  CameraModel camera = small_camera();
  camera.projection = Projection::kFisheye;
  camera.fov_rad = 2.2;
  const Pose X_MC = look({0, 0, 2}, {1, 0, -1});
  const CameraFrame frame = picture(flat_world(), camera, X_MC);
  for (const auto& [u, v] : {std::pair{80, 60}, {40, 80}, {120, 100}}) {
    const Eigen::Vector3d ray =
        X_MC.linear() * camera.direction(static_cast<float>(u) + 0.5F, static_cast<float>(v) + 0.5F).cast<double>();
    EXPECT_NEAR(*frame.depth_m.at(u, v), 2 / -ray.z(), 1e-3);
  }
}

// Sky light by rays agrees with the surfaces' own estimate where nothing stands in the way, and is less where a wall
// hides half the sky.
TEST(TracedSkyLight, IsTheSkyThatASurfaceSees) {
  World open = flat_world();
  open.sky.cloud_cover = 1;  // no sun: sky light alone
  World walled = open;
  place(walled, box({1, 100, 30}, add_material(walled, {0.02F, 0.02F, 0.02F})), {4, 0, 0}, kTree);
  CameraModel camera = small_camera();
  camera.samples_per_axis = 4;
  const Pose X_MC = look({0, 0, 2}, {0.6, 0, -1});
  const auto mean = [&](const World& world, bool traced) {
    camera.traced_sky_light = traced;
    const CameraFrame frame = picture(world, camera, X_MC);
    double sum = 0;
    int count = 0;
    for (int v = 0; v < camera.height; ++v)
      for (int u = 0; u < camera.width; ++u)
        if (*frame.instance.at(u, v) == kGroundInstanceId) {
          sum += luminance(frame, u, v);
          ++count;
        }
    return sum / count;
  };
  EXPECT_NEAR(mean(open, true), mean(open, false), 0.05 * mean(open, false));
  const double beside_wall = mean(walled, true) / mean(open, true);
  EXPECT_LT(beside_wall, 0.85);
  EXPECT_GT(beside_wall, 0.3);
}

}  // namespace
}  // namespace bramble
