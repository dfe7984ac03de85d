#pragma once
#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <vector>

#include "bramble/render/renderer.hpp"
#include "bramble/render/texture.hpp"

/// Small worlds whose pictures are known in closed form, for tests of the render room.
namespace bramble::scene_test {

using Eigen::Vector3d;
using Eigen::Vector3f;

// Flat ground at z = 0; boxes, spheres and cards on it.
inline constexpr ClassId kGrass = 0, kDirt = 1, kTree = 2, kBush = 3, kRubble = 4, kWater = 5, kSky = 6;

inline Ontology test_ontology() {
  return Ontology("test", {{kGrass, "grass", {0, 102, 0}, 0},
                           {kDirt, "dirt", {108, 64, 20}, 0},
                           {kTree, "tree", {0, 255, 0}, 0},
                           {kBush, "bush", {255, 153, 204}, 0},
                           {kRubble, "rubble", {110, 22, 138}, 0},
                           {kWater, "water", {0, 128, 255}, 0},
                           {kSky, "sky", {0, 0, 255}, 0}});
}

inline World flat_world(double size_m = 256) {
  World world;
  world.ontology = test_ontology();
  world.seed = 7;
  world.terrain.size_m = size_m;
  world.terrain.samples = 33;
  world.terrain.heights.assign(33 * 33, 0.0F);
  world.terrain.cover = ImageU8(64, 64, 3, 0);
  world.path.points = {{-10, 0, 0}, {10, 0, 0}};
  world.path.closed = false;
  world.sky.sun_direction = Vector3f(0.3F, -0.5F, 0.8F).normalized();
  world.sky.cloud_cover = 0;
  return world;
}

inline int add_material(World& world, const Vector3f& color) {
  Material material;
  material.color = color;
  world.materials.push_back(material);
  return static_cast<int>(world.materials.size()) - 1;
}

inline void add_quad(Mesh& mesh, const Vector3f& a, const Vector3f& b, const Vector3f& c, const Vector3f& d,
                     int material) {
  const auto k = static_cast<std::uint32_t>(mesh.positions.size());
  const Vector3f normal = (b - a).cross(c - a).normalized();
  for (const auto& p : {a, b, c, d}) {
    mesh.positions.push_back(p);
    mesh.normals.push_back(normal);
  }
  mesh.uvs.insert(mesh.uvs.end(), {{0, 1}, {1, 1}, {1, 0}, {0, 0}});
  mesh.triangles.push_back({k, k + 1, k + 2});
  mesh.triangles.push_back({k, k + 2, k + 3});
  mesh.triangle_material.insert(mesh.triangle_material.end(), 2, static_cast<std::uint16_t>(material));
}

// An upright box with its foot's middle at the origin.
inline Mesh box(const Vector3f& size, int material) {
  Mesh mesh;
  const float x = size.x() / 2, y = size.y() / 2, z = size.z();
  add_quad(mesh, {-x, -y, 0}, {x, -y, 0}, {x, -y, z}, {-x, -y, z}, material);
  add_quad(mesh, {x, -y, 0}, {x, y, 0}, {x, y, z}, {x, -y, z}, material);
  add_quad(mesh, {x, y, 0}, {-x, y, 0}, {-x, y, z}, {x, y, z}, material);
  add_quad(mesh, {-x, y, 0}, {-x, -y, 0}, {-x, -y, z}, {-x, y, z}, material);
  add_quad(mesh, {-x, -y, z}, {x, -y, z}, {x, y, z}, {-x, y, z}, material);
  return mesh;
}

inline Mesh sphere(float radius, int material, int rings = 128) {
  Mesh mesh;
  const int around = 2 * rings;
  for (int j = 0; j <= rings; ++j)
    for (int i = 0; i <= around; ++i) {
      const float polar = std::numbers::pi_v<float> * j / rings, azimuth = 2 * std::numbers::pi_v<float> * i / around;
      const Vector3f n(std::sin(polar) * std::cos(azimuth), std::sin(polar) * std::sin(azimuth), std::cos(polar));
      mesh.positions.push_back(radius * n);
      mesh.normals.push_back(n);
      mesh.uvs.emplace_back(static_cast<float>(i) / around, static_cast<float>(j) / rings);
    }
  for (int j = 0; j < rings; ++j)
    for (int i = 0; i < around; ++i) {
      const auto k = static_cast<std::uint32_t>(j * (around + 1) + i), below = k + around + 1;
      mesh.triangles.push_back({k, below, below + 1});
      mesh.triangles.push_back({k, below + 1, k + 1});
      mesh.triangle_material.insert(mesh.triangle_material.end(), 2, static_cast<std::uint16_t>(material));
    }
  return mesh;
}

inline void place(World& world, Mesh mesh, const Vector3f& position, ClassId class_id) {
  Instance instance;
  instance.mesh = static_cast<std::uint32_t>(world.meshes.size());
  instance.class_id = class_id;
  instance.X_MA.translation() = position;
  world.meshes.push_back(std::move(mesh));
  world.instances.push_back(instance);
}

// Optical frame at `position`, looking along `forward`.
inline Pose look(const Vector3d& position, Vector3d forward) {
  forward.normalize();
  const Vector3d right =
      (std::abs(forward.z()) > 0.99 ? Vector3d(0, -1, 0) : forward.cross(Vector3d::UnitZ())).normalized();
  Pose X_MC = Pose::Identity();
  X_MC.linear().col(0) = right;
  X_MC.linear().col(1) = forward.cross(right);
  X_MC.linear().col(2) = forward;
  X_MC.translation() = position;
  return X_MC;
}

inline CameraModel small_camera() {
  CameraModel camera;
  camera.width = 160;
  camera.height = 120;
  return camera;
}

// Direction of the ray through the pixel's centre in M, with unit length along the optical axis.
inline Vector3d ray_of(const CameraModel& camera, const Pose& X_MC, int u, int v) {
  return X_MC.linear() * Vector3d((u + 0.5 - camera.width / 2.0) / camera.focal_px(),
                                  (v + 0.5 - camera.height / 2.0) / camera.focal_px(), 1);
}

inline double luminance(const CameraFrame& frame, int u, int v) {
  const std::uint8_t* bgra = frame.bgra.at(u, v);
  return 0.0722 * srgb_to_linear(bgra[0]) + 0.7152 * srgb_to_linear(bgra[1]) + 0.2126 * srgb_to_linear(bgra[2]);
}

inline CameraFrame picture(const World& world, const CameraModel& camera, const Pose& X_MC,
                           const std::vector<Actor>& actors = {}) {
  const Renderer renderer(world);
  CameraFrame frame;
  renderer.render(camera, X_MC, actors, frame);
  return frame;
}

// A card that faces the camera whose texture has a square hole from 1/4 to 3/4 of each side.
inline World world_with_card(bool with_card, bool flat = false) {
  World world = flat_world(128);
  Material leaf;
  leaf.color = {0.3F, 0.25F, 0.02F};
  leaf.color_texture = 0;
  leaf.alpha_cutoff = 0.5F;
  world.materials.push_back(leaf);
  ImageU8 image(64, 64, 4, 255);
  for (int v = 16; v < 48; ++v)
    for (int u = 16; u < 48; ++u) image.at(u, v)[3] = 0;
  world.textures.push_back(image);
  Mesh card;
  if (flat)
    add_quad(card, {-2, -2, 0}, {2, -2, 0}, {2, 2, 0}, {-2, 2, 0}, 0);
  else
    add_quad(card, {0, 2, 0}, {0, -2, 0}, {0, -2, 4}, {0, 2, 4}, 0);
  if (with_card) place(world, card, flat ? Vector3f(0, 0, 2) : Vector3f(6, 0, 3), kBush);
  return world;
}

inline Actor box_actor(const Pose& X_MA) {
  Actor actor;
  actor.mesh = std::make_shared<Mesh>(box({2, 2, 2}, 0));
  Material paint;
  paint.color = {0.02F, 0.1F, 0.9F};
  actor.materials = std::make_shared<std::vector<Material>>(1, paint);
  actor.X_MA = X_MA;
  actor.class_id = kDirt;
  actor.instance_id = 123456;
  return actor;
}

// A crowded little world with cut-outs, water, dirt and turned instances.
inline World busy_world() {
  World world = world_with_card(true);
  for (int j = 0; j < 33; ++j)
    for (int i = 0; i < 33; ++i)
      world.terrain.heights[j * 33 + i] =
          0.8F * std::sin(0.9F * static_cast<float>(i)) * std::cos(0.7F * static_cast<float>(j));
  world.terrain.water_level_m = -0.5;
  for (int k = 0; k < 64 * 64; ++k) world.terrain.cover.data[3 * k] = static_cast<std::uint8_t>(k * 7);
  world.sky.cloud_cover = 0.5F;
  place(world, sphere(0.7F, add_material(world, {0.4F, 0.4F, 0.3F}), 24), {5, 3, 0.5F}, kRubble);
  for (int k = 0; k < 300; ++k) {
    Instance instance;
    instance.mesh = static_cast<std::uint32_t>(k % 2);
    instance.class_id = k % 2 ? kRubble : kBush;
    instance.X_MA.translation() =
        Vector3f(static_cast<float>(k % 20) * 2.1F, static_cast<float>(k / 20) * 2.3F - 16, 0.2F);
    instance.X_MA.linear() =
        0.4F *
        Eigen::AngleAxisf(0.37F * static_cast<float>(k), Vector3f(0.2F, 0.1F, 1).normalized()).toRotationMatrix();
    world.instances.push_back(instance);
  }
  return world;
}

}  // namespace bramble::scene_test
