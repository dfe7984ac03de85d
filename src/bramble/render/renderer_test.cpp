#include "bramble/render/renderer.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/render/render_bench.hpp"
#include "bramble/render/scene_for_tests.hpp"

namespace bramble {
namespace {

using namespace scene_test;

TEST(Renderer, FlatGroundHasItsDepthAndTheSkyStandsAboveTheHorizon) {
  const World world = flat_world();
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 2}, {1, 0.2, 0});
  const CameraFrame frame = picture(world, camera, X_MC);
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d ray = ray_of(camera, X_MC, u, v);
      const double depth = -2 / ray.z();
      const Vector3d point = X_MC.translation() + depth * ray;
      const bool ground = ray.z() < 0 && std::max(std::abs(point.x()), std::abs(point.y())) < world.terrain.size_m / 2;
      ASSERT_EQ(*frame.semantic.at(u, v), ground ? kGrass : kSky) << u << "," << v;
      ASSERT_EQ(*frame.instance.at(u, v), ground ? kGroundInstanceId : kSkyInstanceId);
      ASSERT_NEAR(*frame.depth_m.at(u, v), ground ? depth : 1000.0, ground ? 1e-5 * depth * depth + 1e-5 : 0);
      ASSERT_EQ(frame.bgra.at(u, v)[3], 255);
    }
}

TEST(Renderer, SkyWithoutAClassIsIgnored) {
  World world = flat_world();
  auto classes = test_ontology().classes();
  classes.pop_back();
  world.ontology = Ontology("no sky", classes);
  const CameraFrame frame = picture(world, small_camera(), look({0, 0, 2}, {1, 0, 0.5}));
  EXPECT_EQ(*frame.semantic.at(80, 10), kIgnoreId);
}

TEST(Renderer, GroundTakesItsClassFromTheCover) {
  World world = flat_world(64);
  for (int v = 0; v < 64; ++v)
    for (int u = 0; u < 64; ++u) *world.terrain.cover.at(u, v) = static_cast<std::uint8_t>((37 * u + 91 * v) % 256);
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 10}, {0, 0, -1});
  const CameraFrame frame = picture(world, camera, X_MC);
  int dirt = 0, close = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d point = X_MC.translation() + 10 * ray_of(camera, X_MC, u, v);
      const float cover = world.terrain.cover_at(point.x(), point.y()).dirt;
      dirt += cover >= 0.5F;
      if (std::abs(cover - 0.5F) < 1e-3F) {
        ++close;
        continue;
      }
      ASSERT_EQ(*frame.semantic.at(u, v), cover >= 0.5F ? kDirt : kGrass) << u << "," << v;
    }
  EXPECT_GT(dirt, 2000);
  EXPECT_LT(close, 200);
}

TEST(Renderer, BoxFillsExactlyTheRectangleItProjectsTo) {
  World world = flat_world();
  const int red = add_material(world, {0.8F, 0.02F, 0.02F});
  // Front face at x = 8 from y = -1 to 1 and z = 2 to 5, before nothing but sky.
  place(world, box({2, 2, 3}, red), {9, 0, 2}, kTree);
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 2.5}, {1, 0, 0});
  const CameraFrame frame = picture(world, camera, X_MC);
  int inside_count = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d at = X_MC.translation() + 8 * ray_of(camera, X_MC, u, v);
      const bool inside = std::abs(at.y()) < 1 && at.z() > 2 && at.z() < 5;
      if (!inside && at.z() < 2.5) continue;  // ground and the underside
      inside_count += inside;
      ASSERT_EQ(*frame.semantic.at(u, v), inside ? kTree : kSky) << u << "," << v;
      ASSERT_EQ(*frame.instance.at(u, v), inside ? kFirstScatterInstanceId : kSkyInstanceId);
      ASSERT_NEAR(*frame.depth_m.at(u, v), inside ? 8.0 : 1000.0, inside ? 1e-4 : 0);
      // The label's edge is the picture's edge: red on the box, blue off it.
      const std::uint8_t* bgra = frame.bgra.at(u, v);
      ASSERT_EQ(bgra[2] > bgra[0], inside) << u << "," << v;
    }
  EXPECT_GT(inside_count, 200);
}

TEST(Renderer, SphereInstanceHasTheDepthOfASphere) {
  World world = flat_world();
  const int grey = add_material(world, {0.5F, 0.5F, 0.5F});
  place(world, sphere(1, grey), {12, 1, 4}, kRubble);
  world.instances[0].X_MA.linear() =
      (2.0F * Eigen::AngleAxisf(0.7F, Vector3f(1, 2, 3).normalized()).toRotationMatrix());  // radius 2, turned
  CameraModel camera = small_camera();
  camera.fov_rad = 1.0;
  const Pose X_MC = look({0, 0, 3}, {1, 0, 0.1});
  const CameraFrame frame = picture(world, camera, X_MC);
  const Vector3d centre(12, 1, 4);
  int inside = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d ray = ray_of(camera, X_MC, u, v), offset = X_MC.translation() - centre;
      const double a = ray.squaredNorm(), b = ray.dot(offset), c = offset.squaredNorm() - 4;
      const double discriminant = b * b - a * c;
      if (std::abs(discriminant) < 0.02 * a) continue;  // the limb, where 128 facets differ from a sphere
      if (discriminant < 0) {
        ASSERT_NE(*frame.semantic.at(u, v), kRubble) << u << "," << v;
        continue;
      }
      ++inside;
      ASSERT_EQ(*frame.semantic.at(u, v), kRubble) << u << "," << v;
      ASSERT_NEAR(*frame.depth_m.at(u, v), (-b - std::sqrt(discriminant)) / a, 6e-3);
    }
  EXPECT_GT(inside, 1500);
}

TEST(Renderer, ShadowFallsWhereTheSunIsHidden) {
  World world = flat_world(64);
  const Vector3f size(1.5F, 1, 3);
  place(world, box(size, add_material(world, {0.5F, 0.5F, 0.5F})), {0, 0, 0}, kRubble);
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 9}, {0, 0, -1});
  const CameraFrame frame = picture(world, camera, X_MC);
  // Whether the box, grown by `margin`, stands between p and the sun.
  const auto hidden = [&](const Vector3d& p, double margin) {
    const Vector3d sun = world.sky.sun_direction.cast<double>();
    const Vector3d low(-size.x() / 2.0 - margin, -size.y() / 2.0 - margin, 0),
        high(size.x() / 2.0 + margin, size.y() / 2.0 + margin, size.z() + margin);
    double enter = 0, leave = 1e9;
    for (int k = 0; k < 3; ++k) {
      const double a = (low[k] - p[k]) / sun[k], b = (high[k] - p[k]) / sun[k];
      enter = std::max(enter, std::min(a, b));
      leave = std::min(leave, std::max(a, b));
    }
    return enter < leave;
  };
  double darkest_lit = 1, brightest_hidden = 0;
  int lit = 0, in_shadow = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      if (*frame.instance.at(u, v) != kGroundInstanceId) continue;
      const Vector3d p = X_MC.translation() + 9 * ray_of(camera, X_MC, u, v);
      if (p.head<2>().norm() < 1.8) continue;  // the foot, where the box also hides some sky
      if (hidden(p, -0.05)) {
        ++in_shadow;
        brightest_hidden = std::max(brightest_hidden, luminance(frame, u, v));
      } else if (!hidden(p, 0.05)) {
        ++lit;
        darkest_lit = std::min(darkest_lit, luminance(frame, u, v));
      }
    }
  EXPECT_GT(in_shadow, 50);
  EXPECT_GT(lit, 5000);
  EXPECT_LT(brightest_hidden, darkest_lit);
}

TEST(Renderer, CutOutShowsTheSkyInEveryPicture) {
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 3}, {1, 0, 0});
  const CameraFrame with = picture(world_with_card(true), camera, X_MC);
  const CameraFrame without = picture(world_with_card(false), camera, X_MC);
  int holes = 0, leaves = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d at = X_MC.translation() + 6 * ray_of(camera, X_MC, u, v);
      const double y = std::abs(at.y()), z = std::abs(at.z() - 5);
      if (at.z() < 3 || std::abs(std::max(y, z) - 1) < 0.04 || std::abs(std::max(y, z) - 2) < 0.01) continue;
      const bool leaf = std::max(y, z) < 2 && std::max(y, z) > 1;
      (leaf ? leaves : holes) += std::max(y, z) < 2;
      ASSERT_EQ(*with.semantic.at(u, v), leaf ? kBush : kSky) << u << "," << v;
      ASSERT_EQ(*with.instance.at(u, v), leaf ? kFirstScatterInstanceId : kSkyInstanceId);
      ASSERT_NEAR(*with.depth_m.at(u, v), leaf ? 6.0 : 1000.0, leaf ? 1e-4 : 0);
      const bool same = std::equal(with.bgra.at(u, v), with.bgra.at(u, v) + 4, without.bgra.at(u, v));
      ASSERT_EQ(same, !leaf) << u << "," << v;
    }
  EXPECT_GT(leaves, 500);
  EXPECT_GT(holes, 150);
}

TEST(Renderer, LeafOnACardIsWhereItsPictureHasIt) {
  // The card is cut down to what is solid; nothing of the leaf may be lost and nothing added, whichever way it lies.
  World world = world_with_card(true);
  ImageU8& image = world.textures[0];
  const auto solid = [](int u, int v) {
    return (u - 40) * (u - 40) + (v - 20) * (v - 20) < 90 || (u > 12 && u < 20 && v > 30) || (u == 63 && v == 0);
  };
  for (int v = 0; v < 64; ++v)
    for (int u = 0; u < 64; ++u) image.at(u, v)[3] = solid(u, v) ? 255 : 0;
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 3}, {1, 0, 0});
  for (int turn = 0; turn < 4; ++turn) {
    Mesh& card = world.meshes[0];
    card.uvs = {{0, 1}, {1, 1}, {1, 0}, {0, 0}};
    std::rotate(card.uvs.begin(), card.uvs.begin() + turn, card.uvs.end());
    const CameraFrame frame = picture(world, camera, X_MC);
    int leaf = 0;
    for (int v = 0; v < camera.height; ++v)
      for (int u = 0; u < camera.width; ++u) {
        const Vector3d at = X_MC.translation() + 6 * ray_of(camera, X_MC, u, v);
        // Place on the card, 0…1 to the right and down, as the picture lies without a turn.
        double right = (2 - at.y()) / 4, down = (7 - at.z()) / 4;
        if (at.z() < 3 || right <= 0 || right >= 1 || down <= 0 || down >= 1) continue;
        const Eigen::Vector2d p =
            (1 - right) * down * card.uvs[0].cast<double>() + right * down * card.uvs[1].cast<double>() +
            right * (1 - down) * card.uvs[2].cast<double>() + (1 - right) * (1 - down) * card.uvs[3].cast<double>();
        const double x = 64 * p.x(), y = 64 * p.y();
        if (std::abs(x - std::round(x)) < 0.02 || std::abs(y - std::round(y)) < 0.02) continue;  // between texels
        const bool expected = solid(static_cast<int>(x), static_cast<int>(y));
        leaf += expected;
        ASSERT_EQ(*frame.semantic.at(u, v), expected ? kBush : kSky) << turn << ": " << u << "," << v;
      }
    EXPECT_GT(leaf, 80);
  }
}

TEST(Renderer, SunShinesThroughTheHolesOfACutOut) {
  World world = world_with_card(true, true);
  world.sky.sun_direction = Vector3f(0, 0, 1);
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 1.5}, {0, 0, -1});  // under the card
  const CameraFrame frame = picture(world, camera, X_MC);
  double lit = 1, dark = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d p = X_MC.translation() + 1.5 * ray_of(camera, X_MC, u, v);
      const double reach = std::max(std::abs(p.x()), std::abs(p.y()));
      if (reach < 0.95) lit = std::min(lit, luminance(frame, u, v));
      if (reach > 1.05 && reach < 1.95) dark = std::max(dark, luminance(frame, u, v));
    }
  EXPECT_GT(lit, 1.5 * dark);
  EXPECT_GT(dark, 0);
}

TEST(Renderer, WaterStandsWhereTheGroundIsLower) {
  World world = flat_world(64);
  for (int j = 0; j < 33; ++j)
    for (int i = 17; i < 33; ++i) world.terrain.heights[j * 33 + i] = -2;  // deep for x >= 2
  world.terrain.water_level_m = -1;
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 10}, {0, 0, -1});
  const CameraFrame frame = picture(world, camera, X_MC);
  int water = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d ray = ray_of(camera, X_MC, u, v);
      const double x_at_ground = 10 * ray.x(), x_at_water = 11 * ray.x();
      if (x_at_water > 1.02) {  // the slope from x = 0 to 2 dips under the water at x = 1
        ASSERT_EQ(*frame.semantic.at(u, v), kWater) << u << "," << v;
        ASSERT_EQ(*frame.instance.at(u, v), kWaterInstanceId);
        ASSERT_NEAR(*frame.depth_m.at(u, v), 11, 1e-4);
        ++water;
      } else if (x_at_ground < 0) {
        ASSERT_EQ(*frame.semantic.at(u, v), kGrass) << u << "," << v;
      }
    }
  EXPECT_GT(water, 3000);
}

TEST(Renderer, ActorsAreDrawnWhereTheirPoseSays) {
  World world = flat_world(128);
  place(world, box({1, 4, 4}, add_material(world, {0.5F, 0.5F, 0.5F})), {20, 0, 0}, kRubble);
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 1.5}, {1, 0, 0});
  const Renderer renderer(world);
  CameraFrame frame;
  // Before the stone: seen; behind it: hidden; elsewhere: there.
  renderer.render(camera, X_MC, {box_actor(pose_from_xyz_rpy(10, 0, 0, 0, 0, 0))}, frame);
  EXPECT_EQ(*frame.semantic.at(80, 60), kDirt);
  EXPECT_EQ(*frame.instance.at(80, 60), 123456U);
  EXPECT_NEAR(*frame.depth_m.at(80, 60), 9, 1e-4);
  EXPECT_GT(frame.bgra.at(80, 60)[0], frame.bgra.at(80, 60)[2] + 20);  // blue paint
  renderer.render(camera, X_MC, {box_actor(pose_from_xyz_rpy(30, 0, 0, 0, 0, 0))}, frame);
  EXPECT_EQ(*frame.semantic.at(80, 60), kRubble);
  EXPECT_NEAR(*frame.depth_m.at(80, 60), 19.5, 1e-4);
  renderer.render(camera, X_MC, {box_actor(pose_from_xyz_rpy(10, 5, 0, 0, 0, 0.5))}, frame);
  EXPECT_EQ(*frame.semantic.at(80, 60), kRubble);
  EXPECT_EQ(*frame.semantic.at(40, 60), kDirt);
  renderer.render(camera, X_MC, {}, frame);
  EXPECT_EQ(std::count(frame.semantic.data.begin(), frame.semantic.data.end(), kDirt), 0);
}

TEST(Renderer, ActorsThrowShadows) {
  const World world = flat_world(128);
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 12}, {0, 0, -1});
  const Renderer renderer(world);
  CameraFrame with, without;
  renderer.render(camera, X_MC, {box_actor(pose_from_xyz_rpy(0, 0, 3, 0, 0, 0))}, with);
  renderer.render(camera, X_MC, {}, without);
  // The middle of the box is at z = 4; its shadow's middle lies 4 / sun.z away from the sun.
  const Vector3d sun = world.sky.sun_direction.cast<double>();
  const Vector3d p = Vector3d(0, 0, 4) - 4 / sun.z() * sun - X_MC.translation();
  const Vector3d p_C = X_MC.linear().transpose() * p;
  const int u = static_cast<int>(80 + camera.focal_px() * p_C.x() / p_C.z()),
            v = static_cast<int>(60 + camera.focal_px() * p_C.y() / p_C.z());
  ASSERT_EQ(*with.instance.at(u, v), kGroundInstanceId);
  EXPECT_LT(luminance(with, u, v), 0.6 * luminance(without, u, v));
}

TEST(Renderer, MoreSamplesSmoothThePictureAndLeaveTheLabels) {
  World world = flat_world();
  place(world, sphere(2, add_material(world, {0.6F, 0.02F, 0.02F}), 48), {8, 0, 3}, kRubble);
  CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 3}, {1, 0, 0});
  const CameraFrame one = picture(world, camera, X_MC);
  camera.samples_per_axis = 3;
  const CameraFrame nine = picture(world, camera, X_MC);
  EXPECT_EQ(one.semantic, nine.semantic);
  EXPECT_EQ(one.instance, nine.instance);
  EXPECT_EQ(one.depth_m, nine.depth_m);
  EXPECT_NE(one.bgra, nine.bgra);
  // Along the middle row, the step from sky to ball has values between the two only with many samples.
  const auto between = [&](const CameraFrame& frame) {
    int count = 0;
    for (int v = 0; v < camera.height; ++v)
      for (int u = 1; u + 1 < camera.width; ++u) {
        const int left = frame.bgra.at(u - 1, v)[0], here = frame.bgra.at(u, v)[0], right = frame.bgra.at(u + 1, v)[0];
        count += std::abs(left - right) > 60 && std::abs(here - left) > 15 && std::abs(here - right) > 15;
      }
    return count;
  };
  EXPECT_GT(between(nine), between(one) + 20);
}

TEST(Renderer, PixelsThatShareARayHaveItsLabels) {
  const World world = busy_world();
  CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 2}, {1, 0.2, -0.1});
  CameraModel coarse = camera;
  coarse.width /= 2;
  coarse.height /= 2;
  FrameRequest request;
  request.normal = request.coverage = true;
  Renderer renderer(world);
  CameraFrame frame, rays;
  renderer.render(coarse, X_MC, {}, rays, request);
  camera.ray_spacing = 2;
  renderer.render(camera, X_MC, {}, frame, request);
  ASSERT_EQ(frame.bgra.width, camera.width);
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      ASSERT_EQ(*frame.semantic.at(u, v), *rays.semantic.at(u / 2, v / 2)) << u << "," << v;
      ASSERT_EQ(*frame.instance.at(u, v), *rays.instance.at(u / 2, v / 2));
      ASSERT_EQ(*frame.depth_m.at(u, v), *rays.depth_m.at(u / 2, v / 2));
      for (int c = 0; c < 3; ++c) ASSERT_EQ(frame.normal.at(u, v)[c], rays.normal.at(u / 2, v / 2)[c]);
    }
  EXPECT_EQ(frame.coverage.pixel_count(), frame.semantic.pixel_count());
  EXPECT_TRUE(frame.flow.empty());
  // A size that blocks do not fill has a ray for every pixel.
  camera.width -= 1;
  renderer.render(camera, X_MC, {}, frame, request);
  CameraModel whole = camera;
  whole.ray_spacing = 1;
  renderer.render(whole, X_MC, {}, rays, request);
  EXPECT_EQ(frame.bgra, rays.bgra);
}

TEST(Renderer, ImpossibleCameraIsRefused) {
  const World world = flat_world(64);
  const Renderer renderer(world);
  CameraFrame frame;
  CameraModel camera;
  camera.width = 0;
  EXPECT_THROW(renderer.render(camera, Pose::Identity(), {}, frame), Error);
  LidarModel lidar;
  lidar.channels = 0;
  std::vector<LidarPoint> points;
  EXPECT_THROW(renderer.scan(lidar, Pose::Identity(), {}, {0, 0, {}}, points), Error);
}

TEST(Renderer, SameBytesForAnyNumberOfThreads) {
  const World world = busy_world();
  const CameraModel camera = small_camera();
  const Pose X_MC = look({-3, 0, 2.5}, {1, 0.1, -0.15});
  const std::vector<Actor> actors = {box_actor(pose_from_xyz_rpy(6, -2, 0.3, 0, 0, 0.4))};
  const auto run = [&](int threads) {
    set_thread_count(threads);
    const Renderer renderer(world);
    std::pair<CameraFrame, std::vector<LidarPoint>> result;
    renderer.render(camera, X_MC, actors, result.first);
    LidarModel lidar;
    lidar.columns = 200;
    renderer.scan(lidar, pose_from_xyz_rpy(-3, 0, 2.5, 0, 0, 0), actors, {3, 0, {}}, result.second);
    return result;
  };
  const auto one = run(1), two = run(2);
  set_thread_count(0);
  EXPECT_EQ(one.first.bgra, two.first.bgra);
  EXPECT_EQ(one.first.semantic, two.first.semantic);
  EXPECT_EQ(one.first.instance, two.first.instance);
  EXPECT_EQ(one.first.depth_m, two.first.depth_m);
  ASSERT_EQ(one.second.size(), two.second.size());
  EXPECT_GT(one.second.size(), 1000U);
  for (std::size_t i = 0; i < one.second.size(); ++i)
    ASSERT_EQ(std::memcmp(&one.second[i], &two.second[i], sizeof(LidarPoint)), 0) << i;
  // The scene is worth the comparison: every class stands in it.
  EXPECT_GE(std::set<int>(one.first.semantic.data.begin(), one.first.semantic.data.end()).size(), 6U);
}

TEST(Renderer, SameBytesForAnyPacketWidth) {
  const World world = busy_world();
  const CameraModel camera = small_camera();
  const Pose X_MC = look({-3, 0, 2.5}, {1, 0.1, -0.15});
  std::vector<CameraFrame> frames(3);
  for (int k = 0; k < 3; ++k) {
    RendererOptions options;
    options.packet_width = 4 << k;
    Renderer(world, options).render(camera, X_MC, {}, frames[k]);
  }
  for (int k = 1; k < 3; ++k) {
    EXPECT_EQ(frames[0].semantic, frames[k].semantic);
    EXPECT_EQ(frames[0].instance, frames[k].instance);
    EXPECT_EQ(frames[0].depth_m, frames[k].depth_m);
    EXPECT_EQ(frames[0].bgra, frames[k].bgra);
  }
}

TEST(RendererAnnotations, NormalsAreTheSurfaces) {
  World world = flat_world();
  const int grey = add_material(world, {0.5F, 0.5F, 0.5F});
  place(world, sphere(1, grey), {6, 0, 2}, kRubble);
  const CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 2}, {1, 0, -0.1});
  CameraFrame frame;
  FrameRequest request;
  request.normal = true;
  Renderer(world).render(camera, X_MC, {}, frame, request);
  int ball = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const Vector3d n_M = X_MC.linear() * Eigen::Map<const Vector3f>(frame.normal.at(u, v)).cast<double>();
      const double depth = *frame.depth_m.at(u, v);
      const Vector3d p_M = X_MC.translation() + depth * ray_of(camera, X_MC, u, v);
      if (*frame.semantic.at(u, v) == kSky) {
        ASSERT_EQ(n_M.norm(), 0);
      } else if (*frame.semantic.at(u, v) == kRubble) {
        ASSERT_GT(n_M.dot((p_M - Vector3d(6, 0, 2)).normalized()), 0.995) << u << "," << v;
        ++ball;
      } else {
        ASSERT_NEAR((n_M - Vector3d::UnitZ()).norm(), 0, 1e-5);
      }
    }
  EXPECT_GT(ball, 500);
  // Not asked for: not there.
  Renderer(world).render(camera, X_MC, {}, frame);
  EXPECT_TRUE(frame.normal.data.empty());
}

TEST(RendererAnnotations, FlowTakesEveryPointBackToWhereItWas) {
  World world = flat_world();
  place(world, box({2, 2, 3}, add_material(world, {0.5F, 0.5F, 0.5F})), {12, 3, 0}, kRubble);
  const CameraModel camera = small_camera();
  const Pose before = look({0, 0, 2}, {1, 0.02, -0.1}), now = look({0.4, 0.1, 2.05}, {1, -0.03, -0.12});
  const Pose actor_before = pose_from_xyz_rpy(9, -2, 0, 0, 0, 0.2),
             actor_now = pose_from_xyz_rpy(8.6, -1.7, 0, 0, 0, 0.4);
  CameraFrame frame;
  FrameRequest request;
  request.flow = true;
  request.X_MC_before = before;
  request.X_MA_before = {actor_before};
  Renderer(world).render(camera, now, {box_actor(actor_now)}, frame, request);
  const double f = camera.focal_px();
  int on_actor = 0;
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const bool sky = *frame.semantic.at(u, v) == kSky, actor = *frame.instance.at(u, v) == 123456U;
      const Vector3d ray = ray_of(camera, now, u, v);
      Vector3d p_C;
      if (sky) {
        p_C = before.linear().transpose() * ray;
      } else {
        Vector3d p_M = now.translation() + *frame.depth_m.at(u, v) * ray;
        if (actor) p_M = actor_before * (actor_now.inverse() * p_M);
        p_C = before.inverse() * p_M;
      }
      on_actor += actor;
      const double u_before = f * p_C.x() / p_C.z() + 0.5 * camera.width,
                   v_before = f * p_C.y() / p_C.z() + 0.5 * camera.height;
      ASSERT_NEAR(frame.flow.at(u, v)[0] * camera.width, u + 0.5 - u_before, 0.02) << u << "," << v;
      ASSERT_NEAR(frame.flow.at(u, v)[1] * camera.height, v + 0.5 - v_before, 0.02) << u << "," << v;
    }
  EXPECT_GT(on_actor, 100);
  // Nothing moved: no flow.
  request.X_MC_before = now;
  request.X_MA_before = {actor_now};
  Renderer(world).render(camera, now, {box_actor(actor_now)}, frame, request);
  for (const float by : frame.flow.data) ASSERT_NEAR(by, 0, 2e-5F);
  request.X_MA_before = {actor_now, actor_now};
  EXPECT_THROW(Renderer(world).render(camera, now, {box_actor(actor_now)}, frame, request), Error);
}

TEST(RendererAnnotations, CoverageIsTheShareOfThePixel) {
  World world = flat_world();
  place(world, box({2, 2, 3}, add_material(world, {0.5F, 0.5F, 0.5F})), {9, 0, 2}, kTree);  // as in the box test
  CameraModel camera = small_camera();
  camera.samples_per_axis = 8;
  const Pose X_MC = look({0, 0, 2.5}, {1, 0, 0});
  CameraFrame frame;
  FrameRequest request;
  request.coverage = true;
  Renderer(world).render(camera, X_MC, {}, frame, request);
  ASSERT_EQ(frame.coverage.channels, 7);
  double area = 0;
  for (int v = 0; v < camera.height / 2; ++v)  // above the horizon
    for (int u = 0; u < camera.width; ++u) {
      const float* share = frame.coverage.at(u, v);
      ASSERT_NEAR(std::accumulate(share, share + 7, 0.0F), 1, 1e-5F);
      area += share[kTree];
    }
  // 2 m x 2.5 m at 8 m, all of it above the horizon.
  const double f = camera.focal_px();
  EXPECT_NEAR(area, (2 * f / 8) * (2.5 * f / 8), 0.01 * (2 * f / 8) * (2.5 * f / 8));
}

TEST(RendererAnnotations, SameBytesForAnyNumberOfThreads) {
  World world = flat_world();
  place(world, sphere(1, add_material(world, {0.5F, 0.5F, 0.5F})), {6, 0, 2}, kRubble);
  CameraModel camera = small_camera();
  camera.samples_per_axis = 2;
  const Pose X_MC = look({0, 0, 2}, {1, 0, -0.1});
  FrameRequest request;
  request.normal = request.flow = request.coverage = true;
  request.X_MC_before = look({-0.3, 0, 2}, {1, 0, -0.1});
  const Renderer renderer(world);
  CameraFrame first, second;
  const int threads = thread_count();
  set_thread_count(1);
  renderer.render(camera, X_MC, {}, first, request);
  set_thread_count(2);
  renderer.render(camera, X_MC, {}, second, request);
  set_thread_count(threads);
  EXPECT_EQ(first.normal.data, second.normal.data);
  EXPECT_EQ(first.flow.data, second.flow.data);
  EXPECT_EQ(first.coverage.data, second.coverage.data);
}

// The error against many samples falls as the samples grow: an edge's error goes with one over their number along an
// axis (a regular grid), that is by half for every step of 1, 2, 4.
TEST(RendererAnnotations, PictureConvergesWithItsSamples) {
  World world = flat_world();
  world.sky.sun_radius_rad = 0;
  const int grey = add_material(world, {0.7F, 0.6F, 0.5F});
  for (int i = 0; i < 7; ++i)
    place(world, box({0.21F, 0.33F, 3}, grey), {8.0F + 0.37F * static_cast<float>(i), -3.0F + static_cast<float>(i), 1},
          kTree);
  CameraModel camera = small_camera();
  const Pose X_MC = look({0, 0, 2.03}, {1, 0.013, 0.017});
  const Renderer renderer(world);
  const auto at_quality = [&](int n) {
    camera.samples_per_axis = n;
    CameraFrame frame;
    renderer.render(camera, X_MC, {}, frame);
    return frame.bgra;
  };
  const ImageU8 reference = at_quality(16);
  const auto error = [&](int n) {
    const ImageU8 image = at_quality(n);
    double sum = 0;
    for (std::size_t i = 0; i < image.data.size(); ++i) {
      const double d = static_cast<double>(image.data[i]) - reference.data[i];
      sum += d * d;
    }
    return std::sqrt(sum / static_cast<double>(image.data.size()));
  };
  const double one = error(1), two = error(2), four = error(4);
  EXPECT_LT(two, 0.72 * one);
  EXPECT_LT(four, 0.72 * two);
  EXPECT_GT(one, 0.5);
}

TEST(RenderBench, ReportsTheRatioOfItsTimes) {
  const World world = busy_world();
  CameraModel camera;
  camera.width = 64;
  camera.height = 48;
  const nlohmann::json result = bench_render(world, camera, 2);
  for (const char* key : {"raw_ms", "frame_ms", "frame_over_raw", "lidar_ms", "lidar_over_raw"})
    EXPECT_GT(result.at(key).get<double>(), 0) << key;
  EXPECT_EQ(result.at("width"), 64);
  EXPECT_EQ(result.at("height"), 48);
  EXPECT_GE(result.at("threads").get<int>(), 1);
  EXPECT_GE(result.at("rays").get<int>(), 64 * 48);
}

}  // namespace
}  // namespace bramble
