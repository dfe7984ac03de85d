#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <vector>

#include "bramble/render/embree.hpp"
#include "bramble/render/ground.hpp"
#include "bramble/render/mesh_stock.hpp"
#include "bramble/render/renderer.hpp"
#include "bramble/render/surface.hpp"
#include "bramble/render/texture.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// Everything of a World that stands still, in Embree's hands, and the reading of surfaces from hits.
class StaticScene {
 public:
  /// `world` must outlive this.
  StaticScene(const World& world, RTCDevice device);
  ~StaticScene();
  StaticScene(const StaticScene&) = delete;
  StaticScene& operator=(const StaticScene&) = delete;

  /// Takes up the world's ground and instances if they have changed; meshes and textures stay as they were.
  void follow_world();

  RTCScene scene() const { return scene_; }
  /// `direction` unit; `pixel_angle` is the angle [rad] between neighbouring rays, for texture filtering.
  Surface surface(const Hit& hit, const Eigen::Vector3f& origin, const Eigen::Vector3f& direction,
                  float pixel_angle) const;

 private:
  // An instance as shading needs it.
  struct Placed {
    Eigen::Matrix3f R_AM;  ///< inverse of X_MA's linear part, scale included
    Eigen::Vector3f p_MA;  ///< origin of the asset frame
    Eigen::Vector3f tint;
    float scale;
    std::uint32_t mesh;
    std::uint32_t id;
    ClassId class_id;
  };
  void build();
  // The innermost ground at a place.
  const Ground& ground_at(const Eigen::Vector3f& place) const;

  const World& world_;
  RTCDevice device_;
  std::vector<Texture> textures_;
  std::unique_ptr<MeshStock> stock_;
  std::vector<Ground> grounds_;  // World::terrain, then its surroundings
  std::vector<Placed> placed_;
  unsigned first_instance_ = 0;  // geometry
  std::uint64_t revision_ = 0;   // of the world that was built
  RTCScene scene_ = nullptr;
};

/// The bodies that move, in a scene of their own, traced after the static one. Meshes are prepared once; from frame to
/// frame only poses change.
class ActorScene {
 public:
  explicit ActorScene(RTCDevice device) : device_(device) {}
  ~ActorScene();
  ActorScene(const ActorScene&) = delete;
  ActorScene& operator=(const ActorScene&) = delete;

  /// Puts every actor where its pose says. Throws Error for an actor without a mesh or materials.
  void update(const std::vector<Actor>& actors);
  bool empty() const { return placed_.empty(); }
  RTCScene scene() const { return scene_; }
  Surface surface(const Hit& hit, const Eigen::Vector3f& origin, const Eigen::Vector3f& direction) const;

 private:
  struct Placed {
    Actor actor;  // keeps mesh and materials alive
    Eigen::Matrix3f R_MA = Eigen::Matrix3f::Identity();
    Eigen::Vector3f p_MA = Eigen::Vector3f::Zero();
    RTCScene scene = nullptr;
    RTCGeometry geometry = nullptr;
  };
  void clear();

  RTCDevice device_;
  RTCScene scene_ = nullptr;
  std::vector<Placed> placed_;
};

}  // namespace bramble
