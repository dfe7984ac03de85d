#pragma once
#include <Eigen/Core>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "bramble/render/embree.hpp"
#include "bramble/render/texture.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// A triangle with all that shading reads, side by side in memory: corner, edges, and what changes along them.
struct Facet {
  Eigen::Vector3f corner, edge_a, edge_b;      // metres, asset frame
  Eigen::Vector3f normal, normal_a, normal_b;  // at the corner, and its change along the edges
  Eigen::Vector2f uv, uv_a, uv_b;
  float texel_scale;  ///< picture sides per metre of surface
  std::uint32_t material;
  std::uint32_t number;  ///< of the triangle in the mesh; of the first of two when they form one card
};

/// Where the ray meets the facet's plane: origin + t * direction = corner + u * edge_a + v * edge_b. Embree's own
/// numbers come from approximate reciprocals that differ between kinds of processors; these do not. False when the ray
/// lies in the plane. (Möller and Trumbore, "Fast, minimum storage ray/triangle intersection", 1997.)
bool meet(const Facet& facet, const Eigen::Vector3f& origin, const Eigen::Vector3f& direction, float& t, float& u,
          float& v);

/// The meshes of a World as scenes that many instances share. Cut-outs are holes for every kind of ray.
class MeshStock {
 public:
  /// `world` and `textures` (one per World::textures) must outlive this.
  MeshStock(const World& world, const std::vector<Texture>& textures, RTCDevice device);
  MeshStock(const MeshStock&) = delete;
  MeshStock& operator=(const MeshStock&) = delete;
  ~MeshStock();

  /// Null for a mesh without triangles.
  RTCScene scene(std::uint32_t mesh) const { return entries_[mesh].scene; }
  /// What Embree's primitive number stands for.
  const Facet& facet(std::uint32_t mesh, unsigned primitive) const {
    const Entry& entry = entries_[mesh];
    return entry.facets[entry.owner.empty() ? primitive : entry.owner[primitive]];
  }
  /// How many triangles stand for a mesh, cards cut to what is solid of them.
  std::size_t primitives(std::uint32_t mesh) const {
    return entries_[mesh].owner.empty() ? entries_[mesh].facets.size() : entries_[mesh].owner.size();
  }
  /// Bounding box in the asset frame.
  const Eigen::Vector3f& centre(std::uint32_t mesh) const { return entries_[mesh].centre; }
  const Eigen::Vector3f& half_extent(std::uint32_t mesh) const { return entries_[mesh].half_extent; }

 private:
  // A facet whose texture has holes: what a ray must ask.
  struct Card {
    Eigen::Vector2f uv, uv_a, uv_b;
    const HoleMask* mask;  // null: no holes
  };
  struct Entry {
    RTCScene scene = nullptr;
    std::vector<Facet> facets;
    std::vector<Card> cards;           // by primitive; empty when the mesh has no holes
    std::vector<std::uint32_t> owner;  // facet of each primitive; empty when they are the same
    Eigen::Vector3f centre, half_extent;
  };
  struct Geometry {
    std::vector<Eigen::Vector3f> positions;
    std::vector<std::array<std::uint32_t, 3>> triangles;
  };
  // Cuts away what is empty of the leaf cards among the triangles of a mesh.
  static Geometry trim(const Mesh& mesh, const std::vector<const HoleMask*>& masks, Entry& entry);
  static void refuse_holes(const RTCFilterFunctionNArguments* arguments);

  std::map<std::pair<int, float>, std::unique_ptr<HoleMask>> masks_;  // by texture and cut-off
  std::vector<Entry> entries_;
};

}  // namespace bramble
