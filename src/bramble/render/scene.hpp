#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <vector>

#include "bramble/render/embree.hpp"
#include "bramble/render/renderer.hpp"
#include "bramble/render/texture.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// A surface point found by a ray, before light falls on it.
struct Surface {
  Eigen::Vector3f position;     ///< M
  Eigen::Vector3f normal;       ///< unit, M, towards the viewer; with bumps
  Eigen::Vector3f flat_normal;  ///< unit, of the triangle, towards the viewer: where shadow rays start
  Eigen::Vector3f albedo;       ///< linear
  float translucency = 0;
  float sky_visibility = 1;  ///< 0…1: how much of the sky's light gets here
  float gloss = 0;           ///< strength of the sun's highlight
  bool water = false;
  ClassId class_id = kIgnoreId;
  std::uint32_t instance_id = 0;
};

/// What one hit needs from Embree.
struct Hit {
  unsigned geometry = RTC_INVALID_GEOMETRY_ID;  ///< RTC_INVALID_GEOMETRY_ID: nothing was hit
  unsigned primitive = 0;
  unsigned instance = RTC_INVALID_GEOMETRY_ID;
  float u = 0, v = 0, t = 0;
};

/// Meshes with Embree's geometries: cut-outs are holes for every kind of ray.
class MeshScenes {
 public:
  MeshScenes() = default;
  MeshScenes(const MeshScenes&) = delete;
  MeshScenes& operator=(const MeshScenes&) = delete;
  ~MeshScenes();
  /// `textures` and `mesh` must outlive this.
  RTCScene add(RTCDevice device, const Mesh& mesh, const std::vector<Material>& materials,
               const std::vector<Texture>& textures);

 private:
  struct CutOut;
  std::vector<std::unique_ptr<CutOut>> cut_outs_;
  std::vector<RTCScene> scenes_;
};

/// A World in Embree's hands: acceleration structures, textures, and the reading of surfaces from hits.
class StaticScene {
 public:
  explicit StaticScene(const World& world, RTCDevice device);
  ~StaticScene();
  StaticScene(const StaticScene&) = delete;
  StaticScene& operator=(const StaticScene&) = delete;

  RTCScene scene() const { return scene_; }
  /// `direction` unit; `pixel_angle` is the angle [rad] between neighbouring rays, for texture filtering.
  Surface surface(const Hit& hit, const Eigen::Vector3f& origin, const Eigen::Vector3f& direction,
                  float pixel_angle) const;
  /// Class and instance only.
  void label(const Hit& hit, const Eigen::Vector3f& position, ClassId& class_id, std::uint32_t& instance_id) const;

 private:
  struct MeshInfo {
    Eigen::Vector3f centre, half_extent;
    std::vector<float> texel_scale;  // [T] picture sides per metre of surface, in the asset frame
  };
  void ground_surface(const Hit& hit, float pixel_angle, const Eigen::Vector3f& direction, Surface& s) const;
  void water_surface(Surface& s) const;
  void build_ground(RTCDevice device);
  void build_shelter();
  float shelter(float x, float y) const;

  const World& world_;
  std::vector<Texture> textures_;
  MeshScenes mesh_scenes_;
  std::vector<MeshInfo> mesh_info_;
  std::vector<Eigen::Matrix3f> normal_matrix_;  // per instance: inverse transpose of X_MA's linear part
  std::vector<float> inverse_scale_;            // per instance
  RTCScene scene_ = nullptr;
  std::vector<Eigen::Vector3f> ground_normals_;
  // How much of the sky plants and stones hide from the ground: sums of soft discs on a grid over the terrain.
  int shelter_cells_ = 0;
  std::vector<float> shelter_;
  unsigned first_instance_geometry_ = 2;
};

/// The bodies that move, in a scene of their own: rebuilt every frame, traced after the static one.
class ActorScene {
 public:
  ActorScene(const std::vector<Actor>& actors, RTCDevice device);
  ~ActorScene();
  ActorScene(const ActorScene&) = delete;
  ActorScene& operator=(const ActorScene&) = delete;
  bool empty() const { return actors_.empty(); }
  RTCScene scene() const { return scene_; }
  Surface surface(const Hit& hit, const Eigen::Vector3f& origin, const Eigen::Vector3f& direction) const;

 private:
  const std::vector<Actor>& actors_;
  RTCScene scene_ = nullptr;
};

}  // namespace bramble
