#include "bramble/render/scene.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/world/noise.hpp"

namespace bramble {
namespace {

using Eigen::Vector2f;
using Eigen::Vector3f;

constexpr unsigned kGeometriesPerGround = 2;  // the ground and its water; those of all grounds come before instances

std::vector<Texture> load_textures(const World& world) {
  // A picture used as a normal map holds numbers, not colours.
  std::vector<bool> is_normal_map(world.textures.size(), false);
  for (const auto& material : world.materials)
    if (material.normal_texture >= 0) is_normal_map[material.normal_texture] = true;
  std::vector<std::unique_ptr<Texture>> loaded(world.textures.size());
  parallel_for(loaded.size(),
               [&](std::size_t i) { loaded[i] = std::make_unique<Texture>(world.textures[i], !is_normal_map[i]); });
  std::vector<Texture> textures;
  for (auto& texture : loaded) textures.push_back(std::move(*texture));
  return textures;
}

// Mixes the bits of a number (the finaliser of MurmurHash3, public domain).
std::uint32_t scramble(std::uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85ebca6bU;
  h = (h ^ (h >> 13)) * 0xc2b2ae35U;
  return h ^ (h >> 16);
}

// No leaf is like its neighbour: a factor of its own for every card.
Vector3f leaf_variation(std::uint32_t instance, unsigned primitive) {
  const std::uint32_t h = scramble(instance * 0x9e3779b9U + primitive / 2);
  const float light = 1 + 0.36F * (static_cast<float>(h & 0xffffU) * 0x1p-16F - 0.5F);
  const float hue = static_cast<float>(h >> 16) * 0x1p-16F - 0.5F;
  return {light * (1 + 0.30F * hue), light, light * (1 - 0.2F * hue)};
}

// Pictures of leaves are often more vivid than leaves: chlorophyll leaves at least some three fifths of the red and a
// quarter of the blue of what it leaves of the green, and little more blue than that. Other colours stay.
Vector3f natural_green(const Vector3f& albedo) {
  const float green = albedo.y();
  if (green <= albedo.x() || green <= albedo.z()) return albedo;
  return {std::max(albedo.x(), albedo.x() + 0.75F * (0.66F * green - albedo.x())), 0.97F * green,
          std::min(albedo.z(), albedo.z() + 0.75F * (0.30F * green - albedo.z()))};
}

// Height of the grain of a bare matt body, -1…1: noise laid on it from three sides, weighted by where it faces.
float grain(const Vector3f& p, const Vector3f& side) {
  static const Noise kGrain(31, 5);
  float sum = 0;
  for (int axis = 0; axis < 3; ++axis)
    if (side[axis] > 0.15F)
      sum += side[axis] *
             static_cast<float>(kGrain.fbm(p[(axis + 1) % 3] + 50.0 * axis, p[(axis + 2) % 3], 0.45, 4, 0.65));
  return sum;
}

// Gives a body without a picture of its own (stones above all) grain, stains and small bumps instead of bare paint.
void weather(Surface& s, float pixel_angle) {
  const Vector3f side = s.normal.cwiseAbs2();
  const float here = grain(s.position, side);
  const float stain = std::clamp(0.5F + 1.6F * grain(0.31F * s.position, side), 0.0F, 1.0F);
  s.albedo =
      s.albedo.cwiseProduct((0.92F + 0.75F * here) * Vector3f(0.94F + 0.14F * stain, 0.98F, 1.04F - 0.24F * stain));
  s.albedo = s.albedo.cwiseMax(0.01F);
  if (s.distance * pixel_angle > 0.03F) return;
  constexpr float kStep = 0.012F, kDepth = 0.045F;
  const Vector3f across = s.normal.unitOrthogonal(), along = s.normal.cross(across);
  const Vector3f slope = (grain(s.position + kStep * across, side) - here) * across +
                         (grain(s.position + kStep * along, side) - here) * along;
  s.normal = (s.normal - (kDepth / kStep) * slope).normalized();
}

}  // namespace

StaticScene::StaticScene(const World& world, RTCDevice device)
    : world_(world),
      device_(device),
      textures_(load_textures(world)),
      stock_(std::make_unique<MeshStock>(world, textures_, device)) {
  build();
}

void StaticScene::follow_world() {
  if (world_.revision != revision_) build();
}

void StaticScene::build() {
  revision_ = world_.revision;
  if (scene_) rtcReleaseScene(scene_);
  scene_ = rtcNewScene(device_);
  grounds_.clear();
  for (int i = 0; i <= static_cast<int>(world_.surroundings.size()); ++i) {
    grounds_.emplace_back(world_, textures_, i - 1);
    grounds_.back().attach(device_, scene_, kGeometriesPerGround * static_cast<unsigned>(i));
  }
  first_instance_ = kGeometriesPerGround * static_cast<unsigned>(grounds_.size());
  placed_.clear();
  placed_.reserve(world_.instances.size());
  for (const auto& instance : world_.instances) {
    const RTCScene mesh_scene = stock_->scene(instance.mesh);
    if (!mesh_scene) fail("mesh '{}' has no triangles that could be seen", world_.meshes[instance.mesh].name);
    const Eigen::Matrix3f linear = instance.X_MA.linear();
    placed_.push_back({linear.inverse(), instance.X_MA.translation(), instance.tint,
                       std::cbrt(std::abs(linear.determinant())), instance.mesh, world_.id_of(placed_.size()),
                       instance.class_id});
    RTCGeometry geometry = rtcNewGeometry(device_, RTC_GEOMETRY_TYPE_INSTANCE);
    rtcSetGeometryInstancedScene(geometry, mesh_scene);
    const Eigen::Matrix<float, 3, 4> matrix = instance.X_MA.matrix().topRows<3>();
    rtcSetGeometryTransform(geometry, 0, RTC_FORMAT_FLOAT3X4_COLUMN_MAJOR, matrix.data());
    rtcCommitGeometry(geometry);
    rtcAttachGeometryByID(scene_, geometry, first_instance_ + static_cast<unsigned>(placed_.size()) - 1);
    rtcReleaseGeometry(geometry);
  }
  rtcCommitScene(scene_);
  if (rtcGetDeviceError(device_) != RTC_ERROR_NONE) fail("Embree could not build the scene: out of memory?");
  for (Ground& ground : grounds_) ground.prepare_looks(*stock_);
}

const Ground& StaticScene::ground_at(const Vector3f& place) const {
  for (const Ground& ground : grounds_)
    if (ground.contains(place)) return ground;
  return grounds_.back();
}

StaticScene::~StaticScene() {
  if (scene_) rtcReleaseScene(scene_);
}

Surface StaticScene::surface(const Hit& hit, const Vector3f& origin, const Vector3f& direction,
                             float pixel_angle) const {
  if (hit.instance == RTC_INVALID_GEOMETRY_ID) {
    const Ground& ground = grounds_[hit.geometry / kGeometriesPerGround];
    Surface s = ground.surface(hit, origin, direction, pixel_angle);
    // A pond is one square over all the land; its bottom is known best where the ground is finest.
    if (grounds_.size() > 1 && ground.is_pond(hit)) ground_at(s.position).shade_water(s);
    return s;
  }
  const std::uint32_t index = hit.instance - first_instance_;
  const Placed& placed = placed_[index];
  const Facet& facet = stock_->facet(placed.mesh, hit.primitive);
  const Material& material = world_.materials[facet.material];
  Surface s;
  float u = 0, v = 0;
  s.distance = hit.t;
  meet(facet, placed.R_AM * (origin - placed.p_MA), placed.R_AM * direction, s.distance, u, v);
  s.position = origin + s.distance * direction;
  const Vector3f& half_extent = stock_->half_extent(placed.mesh);
  const Vector3f crown = (facet.corner + u * facet.edge_a + v * facet.edge_b - stock_->centre(placed.mesh))
                             .cwiseQuotient(half_extent);  // -1…1 in the bounding box
  const Vector2f uv = facet.uv + u * facet.uv_a + v * facet.uv_b;
  const float footprint = s.distance * pixel_angle / placed.scale * facet.texel_scale;
  const float height_m = 2 * half_extent.z() * placed.scale;
  // R_AM holds 1/scale; its transpose takes normals to M.
  const auto normal_to_M = [&](const Vector3f& n_A) -> Vector3f {
    return (placed.R_AM.transpose() * n_A).normalized();
  };

  // 1. Colour.
  const bool leafy = material.alpha_cutoff > 0 || material.translucency > 0;
  const bool grassy = leafy && height_m < 1.0F;
  s.albedo = material.color.cwiseProduct(placed.tint);
  if (material.color_texture >= 0)
    s.albedo = s.albedo.cwiseProduct(textures_[material.color_texture].sample(uv.x(), uv.y(), footprint));
  if (leafy)
    s.albedo = natural_green(s.albedo.cwiseProduct(leaf_variation(placed.id - kFirstScatterInstanceId, facet.number)));

  // 2. Normal. Leaf cards are flat: half of their shading normal is that of the crown they belong to, as leaves in
  //    nature turn all ways; blades of grass take the light that falls on the meadow. Bark and stone get their bumps
  //    from a normal map.
  Vector3f normal_A = facet.normal + u * facet.normal_a + v * facet.normal_b;
  if (material.normal_texture >= 0 && footprint < 0.05F) {
    const float det = facet.uv_a.x() * facet.uv_b.y() - facet.uv_a.y() * facet.uv_b.x();
    if (std::abs(det) > 1e-12F) {
      const Vector3f tangent = ((facet.edge_a * facet.uv_b.y() - facet.edge_b * facet.uv_a.y()) / det).normalized();
      const Vector3f bitangent = ((facet.edge_b * facet.uv_a.x() - facet.edge_a * facet.uv_b.x()) / det).normalized();
      const Vector3f map = 2 * textures_[material.normal_texture].sample(uv.x(), uv.y(), footprint) - Vector3f::Ones();
      normal_A = normal_A.normalized() + map.x() * tangent - map.y() * bitangent;
    }
  }
  Vector3f normal = normal_to_M(normal_A);
  s.flat_normal = normal_to_M(facet.edge_a.cross(facet.edge_b));
  if (s.flat_normal.dot(direction) > 0) s.flat_normal = -s.flat_normal;
  if (leafy) {
    if (normal.dot(direction) > 0) normal = -normal;
    if (grassy)
      normal = (0.45F * normal + Vector3f::UnitZ()).normalized();
    else
      normal = (normal + 0.9F * normal_to_M(crown + Vector3f(0, 0, 0.35F))).normalized();
  } else if (normal.dot(direction) > 0.2F) {
    normal = s.flat_normal;
  }
  s.normal = normal;
  if (!leafy && material.color_texture < 0 && material.roughness > 0.5F) weather(s, pixel_angle);
  s.translucency = material.translucency;
  if (leafy) {
    const float pixel_m = s.distance * pixel_angle;  // against the width of a blade or a leaf
    s.fineness = std::clamp((pixel_m - 0.012F) / (grassy ? 0.045F : 0.12F), 0.0F, 1.0F);
  }
  s.gloss = leafy ? (grassy ? 0.02F : 0.04F) : 0.12F * (1 - material.roughness);

  // 3. How much sky gets here: little inside a crown or at the foot of grass, and what stands around shelters it too.
  if (grassy) {
    s.sky_visibility = 0.45F + 0.55F * std::clamp(0.5F * (crown.z() + 1), 0.0F, 1.0F);
    s.sky_visibility *= std::exp(-0.45F * ground_at(s.position).shelter(s.position.x(), s.position.y()));
  } else if (leafy) {
    const float depth = std::min(1.0F, crown.norm() / 1.25F);
    s.sky_visibility = (0.30F + 0.70F * depth * depth) * (0.72F + 0.28F * std::clamp(crown.z() + 0.4F, 0.0F, 1.0F));
  } else if (height_m > 2.5F) {
    s.sky_visibility =
        std::clamp(0.75F - 0.30F * (crown.z() + 0.6F), 0.35F, 0.75F);  // trunk and branches stand inside the crown
  } else {
    s.sky_visibility = 0.45F + 0.55F * std::clamp(0.5F * (crown.z() + 1), 0.0F, 1.0F);
  }
  s.class_id = placed.class_id;
  s.instance_id = placed.id;
  return s;
}

ActorScene::~ActorScene() { clear(); }

void ActorScene::clear() {
  if (scene_) rtcReleaseScene(scene_);
  scene_ = nullptr;
  for (Placed& placed : placed_) rtcReleaseScene(placed.scene);
  placed_.clear();
}

void ActorScene::update(const std::vector<Actor>& actors) {
  // 1. Other meshes than in the frame before: build them anew.
  const bool same = std::equal(actors.begin(), actors.end(), placed_.begin(), placed_.end(),
                               [](const Actor& a, const Placed& p) { return a.mesh == p.actor.mesh; });
  if (!same) {
    clear();
    if (!actors.empty()) scene_ = rtcNewScene(device_);
    for (const Actor& actor : actors) {
      if (!actor.mesh || actor.mesh->triangles.empty() || !actor.materials || actor.materials->empty())
        fail("actor {} has no mesh or no materials", actor.instance_id);
      const Mesh& mesh = *actor.mesh;
      RTCGeometry geometry = rtcNewGeometry(device_, RTC_GEOMETRY_TYPE_TRIANGLE);
      auto* vertices = static_cast<float*>(
          rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12, mesh.positions.size()));
      auto* indices = static_cast<std::uint32_t*>(
          rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, mesh.triangles.size()));
      for (std::size_t k = 0; k < mesh.positions.size(); ++k)
        std::copy_n(mesh.positions[k].data(), 3, vertices + 3 * k);
      for (std::size_t k = 0; k < mesh.triangles.size(); ++k) std::copy_n(mesh.triangles[k].data(), 3, indices + 3 * k);
      rtcCommitGeometry(geometry);
      Placed placed;
      placed.scene = rtcNewScene(device_);
      rtcAttachGeometry(placed.scene, geometry);
      rtcReleaseGeometry(geometry);
      rtcCommitScene(placed.scene);
      placed.geometry = rtcNewGeometry(device_, RTC_GEOMETRY_TYPE_INSTANCE);
      rtcSetGeometryInstancedScene(placed.geometry, placed.scene);
      rtcAttachGeometryByID(scene_, placed.geometry, static_cast<unsigned>(placed_.size()));
      rtcReleaseGeometry(placed.geometry);  // the scene keeps it
      placed_.push_back(placed);
    }
  }
  // 2. Poses.
  for (std::size_t i = 0; i < actors.size(); ++i) {
    Placed& placed = placed_[i];
    placed.actor = actors[i];
    placed.R_MA = actors[i].X_MA.linear().cast<float>();
    placed.p_MA = actors[i].X_MA.translation().cast<float>();
    Eigen::Matrix<float, 3, 4> matrix;
    matrix << placed.R_MA, placed.p_MA;
    rtcSetGeometryTransform(placed.geometry, 0, RTC_FORMAT_FLOAT3X4_COLUMN_MAJOR, matrix.data());
    rtcCommitGeometry(placed.geometry);
  }
  if (scene_) rtcCommitScene(scene_);
}

Surface ActorScene::surface(const Hit& hit, const Vector3f& origin, const Vector3f& direction) const {
  const Placed& placed = placed_[hit.instance];
  const Mesh& mesh = *placed.actor.mesh;
  const auto [a, b, c] = mesh.triangles[hit.primitive];
  const auto& materials = *placed.actor.materials;
  const Material& material =
      materials[std::min<std::size_t>(mesh.triangle_material[hit.primitive], materials.size() - 1)];
  Facet facet{};
  facet.corner = mesh.positions[a];
  facet.edge_a = mesh.positions[b] - facet.corner;
  facet.edge_b = mesh.positions[c] - facet.corner;
  Surface s;
  float u = 0, v = 0;
  s.distance = hit.t;
  meet(facet, placed.R_MA.transpose() * (origin - placed.p_MA), placed.R_MA.transpose() * direction, s.distance, u, v);
  s.position = origin + s.distance * direction;
  s.flat_normal = (placed.R_MA * facet.edge_a.cross(facet.edge_b)).normalized();
  if (s.flat_normal.dot(direction) > 0) s.flat_normal = -s.flat_normal;
  s.normal = (placed.R_MA * ((1 - u - v) * mesh.normals[a] + u * mesh.normals[b] + v * mesh.normals[c])).normalized();
  if (s.normal.dot(direction) > 0.2F) s.normal = s.flat_normal;
  s.albedo = material.color;
  s.gloss = 0.8F * (1 - material.roughness);
  s.class_id = placed.actor.class_id;
  s.instance_id = placed.actor.instance_id;
  return s;
}

}  // namespace bramble
