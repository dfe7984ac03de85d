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
  u = std::clamp(s.dot(p) * inverse, -1.0F, 2.0F);  // a card goes beyond its first triangle
  const Vector3f q = s.cross(facet.edge_a);
  v = std::clamp(direction.dot(q) * inverse, -1.0F, 2.0F);
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
      f.number = static_cast<std::uint32_t>(k);
      const Material& material = world.materials[f.material];
      holes = holes || (material.color_texture >= 0 && material.alpha_cutoff > 0);
      entry.facets.push_back(f);
    }
    Geometry shape{mesh.positions, mesh.triangles};
    if (holes) {
      std::vector<const HoleMask*> masks;
      for (const Facet& f : entry.facets) {
        const Material& material = world.materials[f.material];
        const auto mask = masks_.find({material.color_texture, material.alpha_cutoff});
        masks.push_back(mask == masks_.end() ? nullptr : mask->second.get());
      }
      shape = trim(mesh, masks, entry);
    }
    if (shape.triangles.empty()) continue;  // nothing but holes

    RTCGeometry geometry = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
    auto* vertices = static_cast<float*>(
        rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12, shape.positions.size()));
    auto* indices = static_cast<std::uint32_t*>(
        rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, shape.triangles.size()));
    for (std::size_t i = 0; i < shape.positions.size(); ++i)
      std::copy_n(shape.positions[i].data(), 3, vertices + 3 * i);
    for (std::size_t i = 0; i < shape.triangles.size(); ++i) std::copy_n(shape.triangles[i].data(), 3, indices + 3 * i);
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

MeshStock::Geometry MeshStock::trim(const Mesh& mesh, const std::vector<const HoleMask*>& masks, Entry& entry) {
  Geometry out{mesh.positions, {}};
  const auto add = [&](std::array<std::uint32_t, 3> triangle, const Card& card, std::size_t facet) {
    out.triangles.push_back(triangle);
    entry.cards.push_back(card);
    entry.owner.push_back(static_cast<std::uint32_t>(facet));
  };
  for (std::size_t k = 0; k < mesh.triangles.size(); ++k) {
    const Facet& f = entry.facets[k];
    const Card whole{f.uv, f.uv_a, f.uv_b, masks[k]};
    // A card: two triangles in a row that make a parallelogram, upon which the whole picture lies straight.
    const float det = f.uv_a.x() * f.uv_b.y() - f.uv_a.y() * f.uv_b.x();
    bool card = masks[k] && k + 1 < mesh.triangles.size() && masks[k + 1] == masks[k] &&
                entry.facets[k + 1].material == f.material && std::abs(std::abs(det) - 1) < 1e-3F;
    // Place on the facet's plane for a place on the picture.
    const auto at = [&](const Vector2f& uv) -> Vector3f {
      const Vector2f d = uv - f.uv;
      return f.corner + ((d.x() * f.uv_b.y() - d.y() * f.uv_b.x()) * f.edge_a +
                         (f.uv_a.x() * d.y() - f.uv_a.y() * d.x()) * f.edge_b) /
                            det;
    };
    const float tolerance = card ? 1e-4F * (f.edge_a.norm() + f.edge_b.norm()) : 0;
    for (std::size_t t = k; card && t < k + 2; ++t)
      for (std::uint32_t corner : mesh.triangles[t]) {
        const Vector2f& uv = mesh.uvs[corner];
        const Vector2f nearest(std::round(uv.x()), std::round(uv.y()));
        card = card && (uv - nearest).cwiseAbs().maxCoeff() < 1e-3F && nearest.minCoeff() >= 0 &&
               nearest.maxCoeff() <= 1 && (at(uv) - mesh.positions[corner]).norm() < tolerance;
      }
    // The two triangles must be the two halves, not one half twice.
    if (card) {
      Vector2f sum_a(0, 0), sum_b(0, 0);
      for (int c = 0; c < 3; ++c) {
        sum_a += mesh.uvs[mesh.triangles[k][c]];
        sum_b += mesh.uvs[mesh.triangles[k + 1][c]];
      }
      card = (sum_a + sum_b - Vector2f(3, 3)).cwiseAbs().maxCoeff() < 1e-2F;
    }
    if (!card) {
      add(mesh.triangles[k], whole, k);
      continue;
    }
    for (const auto& r : masks[k]->solid()) {
      const auto base = static_cast<std::uint32_t>(out.positions.size());
      const Vector2f corners[4] = {{r.u0, r.v0}, {r.u1, r.v0}, {r.u1, r.v1}, {r.u0, r.v1}};
      for (const Vector2f& corner : corners) out.positions.push_back(at(corner));
      add({base, base + 1, base + 2}, {corners[0], corners[1] - corners[0], corners[2] - corners[0], masks[k]}, k);
      add({base, base + 2, base + 3}, {corners[0], corners[2] - corners[0], corners[3] - corners[0], masks[k]}, k);
    }
    ++k;
  }
  return out;
}

MeshStock::~MeshStock() {
  for (Entry& entry : entries_)
    if (entry.scene) rtcReleaseScene(entry.scene);
}

}  // namespace bramble
