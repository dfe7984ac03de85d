#include "bramble/render/mesh_stock.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {

using Eigen::Vector2f;
using Eigen::Vector3f;

bool meet(const Facet& facet, const Vector3f& origin, const Vector3f& direction, float& t, float& u, float& v) {
  const Vector3f p = direction.cross(facet.edge_b);
  const float determinant = facet.edge_a.dot(p);
  if (determinant == 0) return false;
  const float inverse = 1.0F / determinant;
  const Vector3f s = origin - facet.corner;
  u = std::clamp(s.dot(p) * inverse, 0.0F, 1.0F);
  const Vector3f q = s.cross(facet.edge_a);
  v = std::clamp(direction.dot(q) * inverse, 0.0F, 1.0F);
  t = facet.edge_b.dot(q) * inverse;
  return true;
}

// Embree asks this for each hit on a mesh with cut-outs, before it counts.
void MeshStock::refuse_holes(const RTCFilterFunctionNArguments* arguments) {
  const Card* cards = static_cast<const Entry*>(arguments->geometryUserPtr)->cards.data();
  const unsigned n = arguments->N;
  for (unsigned i = 0; i < n; ++i) {
    if (arguments->valid[i] != -1) continue;
    const Card& card = cards[RTCHitN_primID(arguments->hit, n, i)];
    if (!card.mask) continue;
    const float u = RTCHitN_u(arguments->hit, n, i), v = RTCHitN_v(arguments->hit, n, i);
    const Vector2f uv = card.uv + u * card.uv_a + v * card.uv_b;
    if (card.mask->hole(uv.x(), uv.y())) arguments->valid[i] = 0;
  }
}

MeshStock::MeshStock(const World& world, const std::vector<Texture>& textures, RTCDevice device) {
  for (const auto& material : world.materials)
    if (material.color_texture >= 0 && material.alpha_cutoff > 0) {
      auto& mask = masks_[{material.color_texture, material.alpha_cutoff}];
      if (!mask) mask = std::make_unique<HoleMask>(textures[material.color_texture], material.alpha_cutoff);
    }
  entries_.resize(world.meshes.size());  // never resized again: Embree keeps pointers to the entries
  for (std::size_t m = 0; m < world.meshes.size(); ++m) {
    const Mesh& mesh = world.meshes[m];
    Entry& entry = entries_[m];
    Vector3f low = Vector3f::Constant(1e9F), high = Vector3f::Constant(-1e9F);
    for (const auto& p : mesh.positions) {
      low = low.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    entry.centre = (low + high) / 2;
    entry.half_extent = ((high - low) / 2).cwiseMax(1e-3F);
    if (mesh.triangles.empty()) continue;

    bool holes = false;
    for (std::size_t k = 0; k < mesh.triangles.size(); ++k) {
      const auto [a, b, c] = mesh.triangles[k];
      Facet f;
      f.corner = mesh.positions[a];
      f.edge_a = mesh.positions[b] - f.corner;
      f.edge_b = mesh.positions[c] - f.corner;
      f.normal = mesh.normals[a];
      f.normal_a = mesh.normals[b] - f.normal;
      f.normal_b = mesh.normals[c] - f.normal;
      f.uv = mesh.uvs[a];
      f.uv_a = mesh.uvs[b] - f.uv;
      f.uv_b = mesh.uvs[c] - f.uv;
      const float area = f.edge_a.cross(f.edge_b).norm();
      f.texel_scale = area > 0 ? std::sqrt(std::abs(f.uv_a.x() * f.uv_b.y() - f.uv_a.y() * f.uv_b.x()) / area) : 0.0F;
      f.material = mesh.triangle_material[k];
      const Material& material = world.materials[f.material];
      holes = holes || (material.color_texture >= 0 && material.alpha_cutoff > 0);
      entry.facets.push_back(f);
    }
    if (holes)
      for (const Facet& f : entry.facets) {
        const Material& material = world.materials[f.material];
        const auto mask = masks_.find({material.color_texture, material.alpha_cutoff});
        entry.cards.push_back({f.uv, f.uv_a, f.uv_b, mask == masks_.end() ? nullptr : mask->second.get()});
      }

    RTCGeometry geometry = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
    auto* vertices = static_cast<float*>(
        rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12, mesh.positions.size()));
    auto* indices = static_cast<std::uint32_t*>(
        rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, mesh.triangles.size()));
    for (std::size_t i = 0; i < mesh.positions.size(); ++i) std::copy_n(mesh.positions[i].data(), 3, vertices + 3 * i);
    for (std::size_t i = 0; i < mesh.triangles.size(); ++i) std::copy_n(mesh.triangles[i].data(), 3, indices + 3 * i);
    if (holes) {
      rtcSetGeometryUserData(geometry, &entry);
      rtcSetGeometryIntersectFilterFunction(geometry, refuse_holes);
      rtcSetGeometryOccludedFilterFunction(geometry, refuse_holes);
    }
    rtcCommitGeometry(geometry);
    entry.scene = rtcNewScene(device);
    rtcSetSceneBuildQuality(entry.scene, RTC_BUILD_QUALITY_HIGH);
    rtcAttachGeometry(entry.scene, geometry);
    rtcReleaseGeometry(geometry);
    rtcCommitScene(entry.scene);
  }
}

MeshStock::~MeshStock() {
  for (Entry& entry : entries_)
    if (entry.scene) rtcReleaseScene(entry.scene);
}

}  // namespace bramble
