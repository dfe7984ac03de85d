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

constexpr unsigned kGroundGeometry = 0;
constexpr unsigned kWaterGeometry = 1;

}  // namespace

// --- cut-outs
// ---------------------------------------------------------------------------------------------------------

struct MeshScenes::CutOut {
  const Mesh* mesh;
  const std::vector<Material>* materials;
  const std::vector<Texture>* textures;
};

namespace {

// Refuses hits on the empty part of a leaf card.
template <typename CutOut>
void cut_out_filter(const RTCFilterFunctionNArguments* args) {
  const auto* cut_out = static_cast<const CutOut*>(args->geometryUserPtr);
  for (unsigned i = 0; i < args->N; ++i) {
    if (args->valid[i] != -1) continue;
    const unsigned primitive = RTCHitN_primID(args->hit, args->N, i);
    const Material& material = (*cut_out->materials)[cut_out->mesh->triangle_material[primitive]];
    if (material.alpha_cutoff <= 0 || material.color_texture < 0) continue;
    const auto& triangle = cut_out->mesh->triangles[primitive];
    const float u = RTCHitN_u(args->hit, args->N, i), v = RTCHitN_v(args->hit, args->N, i);
    const Vector2f uv = (1 - u - v) * cut_out->mesh->uvs[triangle[0]] + u * cut_out->mesh->uvs[triangle[1]] +
                        v * cut_out->mesh->uvs[triangle[2]];
    if ((*cut_out->textures)[material.color_texture].alpha(uv.x(), uv.y()) < material.alpha_cutoff * 255.0F)
      args->valid[i] = 0;
  }
}

}  // namespace

MeshScenes::~MeshScenes() {
  for (RTCScene scene : scenes_) rtcReleaseScene(scene);
}

RTCScene MeshScenes::add(RTCDevice device, const Mesh& mesh, const std::vector<Material>& materials,
                         const std::vector<Texture>& textures) {
  RTCGeometry geometry = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
  auto* vertices = static_cast<float*>(
      rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12, mesh.positions.size()));
  auto* indices = static_cast<std::uint32_t*>(
      rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, mesh.triangles.size()));
  for (std::size_t i = 0; i < mesh.positions.size(); ++i) std::copy_n(mesh.positions[i].data(), 3, vertices + 3 * i);
  for (std::size_t i = 0; i < mesh.triangles.size(); ++i) std::copy_n(mesh.triangles[i].data(), 3, indices + 3 * i);
  const bool holes = std::any_of(mesh.triangle_material.begin(), mesh.triangle_material.end(), [&](auto m) {
    return materials[m].alpha_cutoff > 0 && materials[m].color_texture >= 0;
  });
  if (holes) {
    cut_outs_.push_back(std::make_unique<CutOut>(CutOut{&mesh, &materials, &textures}));
    rtcSetGeometryUserData(geometry, cut_outs_.back().get());
    rtcSetGeometryIntersectFilterFunction(geometry, cut_out_filter<CutOut>);
    rtcSetGeometryOccludedFilterFunction(geometry, cut_out_filter<CutOut>);
  }
  rtcCommitGeometry(geometry);
  RTCScene scene = rtcNewScene(device);
  rtcSetSceneBuildQuality(scene, RTC_BUILD_QUALITY_HIGH);
  rtcAttachGeometry(scene, geometry);
  rtcReleaseGeometry(geometry);
  rtcCommitScene(scene);
  scenes_.push_back(scene);
  return scene;
}

// --- the world
// --------------------------------------------------------------------------------------------------------

StaticScene::StaticScene(const World& world, RTCDevice device) : world_(world) {
  // 1. Textures: a picture used as a normal map holds numbers, not colours.
  std::vector<bool> is_normal_map(world.textures.size(), false);
  for (const auto& material : world.materials)
    if (material.normal_texture >= 0) is_normal_map[material.normal_texture] = true;
  std::vector<std::unique_ptr<Texture>> textures(world.textures.size());
  parallel_for(textures.size(),
               [&](std::size_t i) { textures[i] = std::make_unique<Texture>(world.textures[i], !is_normal_map[i]); });
  for (auto& texture : textures) textures_.push_back(std::move(*texture));

  // 2. Meshes, with their size and texture scale for shading.
  std::vector<RTCScene> scenes;
  for (const auto& mesh : world.meshes) {
    scenes.push_back(mesh.triangles.empty() ? nullptr : mesh_scenes_.add(device, mesh, world.materials, textures_));
    Vector3f low = Vector3f::Constant(1e9F), high = Vector3f::Constant(-1e9F);
    for (const auto& p : mesh.positions) {
      low = low.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    MeshInfo info{(low + high) / 2, ((high - low) / 2).cwiseMax(1e-3F), {}};
    for (const auto& t : mesh.triangles) {
      const float area =
          (mesh.positions[t[1]] - mesh.positions[t[0]]).cross(mesh.positions[t[2]] - mesh.positions[t[0]]).norm();
      const Vector2f a = mesh.uvs[t[1]] - mesh.uvs[t[0]], b = mesh.uvs[t[2]] - mesh.uvs[t[0]];
      info.texel_scale.push_back(area > 0 ? std::sqrt(std::abs(a.x() * b.y() - a.y() * b.x()) / area) : 0.0F);
    }
    mesh_info_.push_back(std::move(info));
  }

  // 3. The scene: ground, water, instances.
  scene_ = rtcNewScene(device);
  build_ground(device);
  for (const auto& instance : world.instances) {
    const Eigen::Matrix3f linear = instance.X_MA.linear();
    normal_matrix_.push_back(linear.inverse().transpose());
    inverse_scale_.push_back(1.0F / std::cbrt(std::abs(linear.determinant())));
    RTCGeometry geometry = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_INSTANCE);
    rtcSetGeometryInstancedScene(geometry, scenes.at(instance.mesh));
    const Eigen::Matrix<float, 3, 4> matrix = instance.X_MA.matrix().topRows<3>();
    rtcSetGeometryTransform(geometry, 0, RTC_FORMAT_FLOAT3X4_COLUMN_MAJOR, matrix.data());
    rtcCommitGeometry(geometry);
    rtcAttachGeometry(scene_, geometry);
    rtcReleaseGeometry(geometry);
  }
  rtcCommitScene(scene_);
  if (rtcGetDeviceError(device) != RTC_ERROR_NONE) fail("Embree could not build the scene: out of memory?");
  build_shelter();
}

StaticScene::~StaticScene() {
  if (scene_) rtcReleaseScene(scene_);
}

void StaticScene::build_ground(RTCDevice device) {
  const Terrain& terrain = world_.terrain;
  const int n = terrain.samples;
  RTCGeometry ground = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
  auto* vertices = static_cast<float*>(rtcSetNewGeometryBuffer(ground, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12,
                                                               static_cast<std::size_t>(n) * n));
  auto* indices = static_cast<std::uint32_t*>(
      rtcSetNewGeometryBuffer(ground, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, 2UL * (n - 1) * (n - 1)));
  ground_normals_.resize(static_cast<std::size_t>(n) * n);
  const double spacing = terrain.spacing_m(), half = terrain.size_m / 2;
  parallel_for(static_cast<std::size_t>(n), [&](std::size_t j) {
    for (int i = 0; i < n; ++i) {
      const std::size_t k = j * n + i;
      vertices[3 * k] = static_cast<float>(i * spacing - half);
      vertices[3 * k + 1] = static_cast<float>(static_cast<double>(j) * spacing - half);
      vertices[3 * k + 2] = terrain.heights[k];
      ground_normals_[k] = terrain.normal(i * spacing - half, static_cast<double>(j) * spacing - half).cast<float>();
    }
  });
  // Each cell is cut from (i, j) to (i + 1, j + 1), as Terrain::height has it.
  std::size_t t = 0;
  for (std::uint32_t j = 0; j + 1 < static_cast<std::uint32_t>(n); ++j)
    for (std::uint32_t i = 0; i + 1 < static_cast<std::uint32_t>(n); ++i) {
      const std::uint32_t k = j * n + i;
      for (std::uint32_t index : {k, k + 1, k + n + 1, k, k + n + 1, k + n}) indices[t++] = index;
    }
  rtcCommitGeometry(ground);
  rtcAttachGeometryByID(scene_, ground, kGroundGeometry);
  rtcReleaseGeometry(ground);

  RTCGeometry water = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
  const bool pond = terrain.water_level_m > -1e8 && std::any_of(terrain.heights.begin(), terrain.heights.end(),
                                                                [&](float h) { return h < terrain.water_level_m; });
  const float side = static_cast<float>(half), level = pond ? static_cast<float>(terrain.water_level_m) : -1e6F;
  auto* corners =
      static_cast<float*>(rtcSetNewGeometryBuffer(water, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12, 4));
  auto* faces =
      static_cast<std::uint32_t*>(rtcSetNewGeometryBuffer(water, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, 2));
  for (int k = 0; k < 4; ++k) {
    corners[3 * k] = k == 1 || k == 2 ? side : -side;
    corners[3 * k + 1] = k >= 2 ? side : -side;
    corners[3 * k + 2] = level;
  }
  std::copy_n(std::array<std::uint32_t, 6>{0, 1, 2, 0, 2, 3}.data(), 6, faces);
  rtcCommitGeometry(water);
  rtcAttachGeometryByID(scene_, water, kWaterGeometry);
  rtcReleaseGeometry(water);
}

// How much of the sky stands above each half metre of ground, as the density of crowns, bushes and stones over it.
void StaticScene::build_shelter() {
  constexpr double kCell = 0.5;
  shelter_cells_ = std::max(1, static_cast<int>(world_.terrain.size_m / kCell));
  shelter_.assign(static_cast<std::size_t>(shelter_cells_) * shelter_cells_, 0.0F);
  for (std::size_t i = 0; i < world_.instances.size(); ++i) {
    const auto& instance = world_.instances[i];
    const auto& info = mesh_info_[instance.mesh];
    const float scale = 1.0F / inverse_scale_[i];
    const float radius = scale * 0.5F * (info.half_extent.x() + info.half_extent.y());
    const float height = scale * 2 * info.half_extent.z();
    if (height < 0.25F) continue;  // blades of grass are seen one by one
    const float strength = height > 2.5F ? 0.75F : 0.9F * std::min(1.0F, height);
    const float reach = height > 2.5F ? 1.15F * radius : radius + 0.35F;
    const Eigen::Vector3f foot = instance.X_MA * Eigen::Vector3f(info.centre.x(), info.centre.y(), 0);
    const auto cell = [&](float p) { return static_cast<int>(std::floor((p + world_.terrain.size_m / 2) / kCell)); };
    for (int y = std::max(0, cell(foot.y() - reach)); y <= std::min(shelter_cells_ - 1, cell(foot.y() + reach)); ++y)
      for (int x = std::max(0, cell(foot.x() - reach)); x <= std::min(shelter_cells_ - 1, cell(foot.x() + reach));
           ++x) {
        const float dx = static_cast<float>((x + 0.5) * kCell - world_.terrain.size_m / 2) - foot.x();
        const float dy = static_cast<float>((y + 0.5) * kCell - world_.terrain.size_m / 2) - foot.y();
        const float d = std::sqrt(dx * dx + dy * dy) / reach;
        if (d < 1) shelter_[static_cast<std::size_t>(y) * shelter_cells_ + x] += strength * (1 - d * d);
      }
  }
}

float StaticScene::shelter(float x, float y) const {
  const float cells = static_cast<float>(shelter_cells_ / world_.terrain.size_m);
  const float px =
      std::clamp((x + 0.5F * static_cast<float>(world_.terrain.size_m)) * cells - 0.5F, 0.0F, shelter_cells_ - 1.001F);
  const float py =
      std::clamp((y + 0.5F * static_cast<float>(world_.terrain.size_m)) * cells - 0.5F, 0.0F, shelter_cells_ - 1.001F);
  const int cx = static_cast<int>(px), cy = static_cast<int>(py);
  const float wx = px - cx, wy = py - cy;
  const int right = std::min(cx + 1, shelter_cells_ - 1), above = std::min(cy + 1, shelter_cells_ - 1);
  const auto at = [&](int a, int b) { return shelter_[static_cast<std::size_t>(b) * shelter_cells_ + a]; };
  return (1 - wy) * ((1 - wx) * at(cx, cy) + wx * at(right, cy)) +
         wy * ((1 - wx) * at(cx, above) + wx * at(right, above));
}

void StaticScene::label(const Hit& hit, const Vector3f& position, ClassId& class_id, std::uint32_t& instance_id) const {
  if (hit.instance != RTC_INVALID_GEOMETRY_ID) {
    const std::uint32_t index = hit.instance - first_instance_geometry_;
    class_id = world_.instances[index].class_id;
    instance_id = kFirstScatterInstanceId + index;
  } else if (hit.geometry == kWaterGeometry) {
    class_id = world_.terrain.water_id;
    instance_id = kWaterInstanceId;
  } else {
    class_id = world_.terrain.cover_at(position.x(), position.y()).dirt >= 0.5F ? world_.terrain.dirt_id
                                                                                : world_.terrain.grass_id;
    instance_id = kGroundInstanceId;
  }
}

void StaticScene::ground_surface(const Hit& hit, float pixel_angle, const Vector3f& direction, Surface& s) const {
  const Terrain& terrain = world_.terrain;
  const int n = terrain.samples;
  // Smooth normal over the triangle (corner order as built).
  const std::uint32_t cell = hit.primitive / 2;
  const std::uint32_t i = cell % (n - 1), j = cell / (n - 1), k = j * n + i;
  const std::uint32_t b = hit.primitive % 2 == 0 ? k + 1 : k + n + 1, c = hit.primitive % 2 == 0 ? k + n + 1 : k + n;
  s.normal =
      ((1 - hit.u - hit.v) * ground_normals_[k] + hit.u * ground_normals_[b] + hit.v * ground_normals_[c]).normalized();
  s.flat_normal = s.normal;
  const float x = s.position.x(), y = s.position.y();
  const GroundCover cover = terrain.cover_at(x, y);
  const float slant = std::max(0.05F, std::abs(s.normal.dot(direction)));
  const float footprint_m = hit.t * pixel_angle / std::sqrt(slant);

  // Two pictures of each ground at sizes that do not divide each other, and slow changes of shade: no visible tiling.
  const auto ground_color = [&](int number, float tile_m, const Vector3f& fallback, Vector3f& bump) {
    if (number < 0) return fallback;
    const Material& material = world_.materials[number];
    Vector3f color = material.color;
    if (material.color_texture >= 0) {
      const Texture& texture = textures_[material.color_texture];
      const Vector3f fine = texture.sample(x / tile_m, -y / tile_m, footprint_m / tile_m);
      const float coarse_m = tile_m * 4.7F;
      const Vector3f coarse =
          texture.sample((0.8F * x + 0.6F * y) / coarse_m, (0.6F * x - 0.8F * y) / coarse_m, footprint_m / coarse_m);
      const Vector3f mean = texture.sample(0.5F, 0.5F, 1.0F);
      color = color.cwiseProduct(fine).cwiseProduct(
          (0.45F * Vector3f::Ones() + 0.55F * coarse.cwiseQuotient(mean.cwiseMax(1e-3F))));
    }
    if (material.normal_texture >= 0 && footprint_m < 0.25F) {
      const Vector3f map =
          2 * textures_[material.normal_texture].sample(x / tile_m, -y / tile_m, footprint_m / tile_m) -
          Vector3f::Ones();
      bump = Vector3f(map.x(), map.y(), 0);
    }
    return color;
  };
  Vector3f grass_bump = Vector3f::Zero(), dirt_bump = Vector3f::Zero();
  const float dirt = std::clamp((cover.dirt - 0.42F) / 0.16F, 0.0F, 1.0F);
  const float blend = dirt * dirt * (3 - 2 * dirt);
  Vector3f color = Vector3f::Zero();
  Vector3f bump = Vector3f::Zero();
  if (blend < 1) {
    Vector3f grass = ground_color(terrain.grass_material, 2.3F, Vector3f(0.10F, 0.13F, 0.035F), grass_bump);
    static const Noise kPatches(1234, 1);
    const float patch = static_cast<float>(kPatches.fbm(x, y, 9.0, 3));
    grass = grass.cwiseProduct(Vector3f(1 + 0.55F * patch, 1 + 0.22F * patch, 1 + 0.1F * patch));
    color += (1 - blend) * grass;
    bump += (1 - blend) * grass_bump;
  }
  if (blend > 0) {
    Vector3f earth = ground_color(terrain.dirt_material, 1.9F, Vector3f(0.26F, 0.18F, 0.11F), dirt_bump);
    earth *= 1.08F - 0.22F * cover.wear;  // packed earth in the ruts is darker and smoother
    color += blend * earth;
    bump += blend * (1 - 0.6F * cover.wear) * dirt_bump;
  }
  color *= 1 - 0.55F * cover.wetness;
  s.gloss = 0.25F * cover.wetness * blend;
  s.normal = (s.normal + 0.7F * bump).normalized();
  s.albedo = color;
  s.sky_visibility = std::exp(-0.9F * shelter(x, y));
  s.class_id = cover.dirt >= 0.5F ? terrain.dirt_id : terrain.grass_id;
  s.instance_id = kGroundInstanceId;
}

void StaticScene::water_surface(Surface& s) const {
  static const Noise kWaves(99, 2);
  const float x = s.position.x(), y = s.position.y();
  constexpr float kStep = 0.05F;
  const auto height = [&](float a, float b) {
    return static_cast<float>(0.020 * kWaves.at(a, b, 1.3) + 0.010 * kWaves.at(a + 40, b, 0.45));
  };
  s.normal = Vector3f(-(height(x + kStep, y) - height(x - kStep, y)) / (2 * kStep),
                      -(height(x, y + kStep) - height(x, y - kStep)) / (2 * kStep), 1)
                 .normalized();
  s.flat_normal = Vector3f::UnitZ();
  const float depth = static_cast<float>(world_.terrain.water_level_m - world_.terrain.height(x, y));
  const Vector3f tint =
      world_.terrain.water_material >= 0 ? world_.materials[world_.terrain.water_material].color : Vector3f::Ones();
  // Shallow water shows the mud below, deep water is dark green.
  const float clear = std::exp(-2.2F * std::max(0.0F, depth));
  s.albedo = tint.cwiseProduct(clear * Vector3f(0.17F, 0.13F, 0.08F) + (1 - clear) * Vector3f(0.022F, 0.035F, 0.025F));
  s.water = true;
  s.gloss = 0.6F;
  s.class_id = world_.terrain.water_id;
  s.instance_id = kWaterInstanceId;
}

Surface StaticScene::surface(const Hit& hit, const Vector3f& origin, const Vector3f& direction,
                             float pixel_angle) const {
  Surface s;
  s.position = origin + hit.t * direction;
  if (hit.instance == RTC_INVALID_GEOMETRY_ID) {
    if (hit.geometry == kWaterGeometry)
      water_surface(s);
    else
      ground_surface(hit, pixel_angle, direction, s);
    return s;
  }
  const std::uint32_t index = hit.instance - first_instance_geometry_;
  const Instance& instance = world_.instances[index];
  const Mesh& mesh = world_.meshes[instance.mesh];
  const MeshInfo& info = mesh_info_[instance.mesh];
  const auto& triangle = mesh.triangles[hit.primitive];
  const Material& material = world_.materials[mesh.triangle_material[hit.primitive]];
  const float w = 1 - hit.u - hit.v;
  const Vector3f p_A =
      w * mesh.positions[triangle[0]] + hit.u * mesh.positions[triangle[1]] + hit.v * mesh.positions[triangle[2]];
  const Vector2f uv = w * mesh.uvs[triangle[0]] + hit.u * mesh.uvs[triangle[1]] + hit.v * mesh.uvs[triangle[2]];
  const Vector3f edge_a = mesh.positions[triangle[1]] - mesh.positions[triangle[0]],
                 edge_b = mesh.positions[triangle[2]] - mesh.positions[triangle[0]];
  Vector3f flat_A = edge_a.cross(edge_b);
  Vector3f normal_A =
      w * mesh.normals[triangle[0]] + hit.u * mesh.normals[triangle[1]] + hit.v * mesh.normals[triangle[2]];
  const Vector3f crown = (p_A - info.centre).cwiseQuotient(info.half_extent);  // -1…1 in the bounding box
  const float footprint = hit.t * pixel_angle * inverse_scale_[index] * info.texel_scale[hit.primitive];

  // 1. Colour.
  s.albedo = material.color.cwiseProduct(instance.tint);
  if (material.color_texture >= 0)
    s.albedo = s.albedo.cwiseProduct(textures_[material.color_texture].sample(uv.x(), uv.y(), footprint));

  // 2. Normal. Leaf cards are flat: half of their shading normal is that of the crown they belong to, as leaves in
  //    nature turn all ways; bark and stone get their bumps from a normal map.
  const bool leafy = material.alpha_cutoff > 0 || material.translucency > 0;
  if (material.normal_texture >= 0 && footprint < 0.05F) {
    const Vector2f da = mesh.uvs[triangle[1]] - mesh.uvs[triangle[0]],
                   db = mesh.uvs[triangle[2]] - mesh.uvs[triangle[0]];
    const float det = da.x() * db.y() - da.y() * db.x();
    if (std::abs(det) > 1e-12F) {
      const Vector3f tangent = ((edge_a * db.y() - edge_b * da.y()) / det).normalized();
      const Vector3f bitangent = ((edge_b * da.x() - edge_a * db.x()) / det).normalized();
      const Vector3f map = 2 * textures_[material.normal_texture].sample(uv.x(), uv.y(), footprint) - Vector3f::Ones();
      normal_A = normal_A.normalized() + map.x() * tangent - map.y() * bitangent;
    }
  }
  Vector3f normal = (normal_matrix_[index] * normal_A).normalized();
  s.flat_normal = (normal_matrix_[index] * flat_A).normalized();
  if (s.flat_normal.dot(direction) > 0) s.flat_normal = -s.flat_normal;
  if (leafy) {
    const Vector3f outward = (normal_matrix_[index] * (crown + Vector3f(0, 0, 0.35F))).normalized();
    if (normal.dot(direction) > 0) normal = -normal;
    normal = (normal + 0.9F * outward).normalized();
  } else if (normal.dot(direction) > 0.2F) {
    normal = s.flat_normal;
  }
  s.normal = normal;
  s.translucency = material.translucency;
  s.gloss = leafy ? 0.03F : 0.12F * (1 - material.roughness);

  // 3. How much sky gets here: little inside a crown or at the foot of grass, and what stands around shelters it too.
  const float height_m = 2 * info.half_extent.z() / inverse_scale_[index];
  if (leafy && height_m < 1.2F) {
    s.sky_visibility = 0.30F + 0.70F * std::clamp(0.5F * (crown.z() + 1), 0.0F, 1.0F);
    s.sky_visibility *= std::exp(-0.5F * shelter(s.position.x(), s.position.y()));
  } else if (leafy) {
    const float depth = std::min(1.0F, crown.norm() / 1.25F);
    s.sky_visibility = (0.22F + 0.78F * depth * depth) * (0.72F + 0.28F * std::clamp(crown.z() + 0.4F, 0.0F, 1.0F));
  } else if (height_m > 2.5F) {
    s.sky_visibility =
        std::clamp(0.75F - 0.30F * (crown.z() + 0.6F), 0.35F, 0.75F);  // trunk and branches stand inside the crown
  } else {
    s.sky_visibility = 0.45F + 0.55F * std::clamp(0.5F * (crown.z() + 1), 0.0F, 1.0F);
  }
  s.class_id = instance.class_id;
  s.instance_id = kFirstScatterInstanceId + index;
  return s;
}

// --- actors
// -----------------------------------------------------------------------------------------------------------

ActorScene::ActorScene(const std::vector<Actor>& actors, RTCDevice device) : actors_(actors) {
  if (actors.empty()) return;
  scene_ = rtcNewScene(device);
  rtcSetSceneBuildQuality(scene_, RTC_BUILD_QUALITY_LOW);
  for (unsigned i = 0; i < actors.size(); ++i) {
    const Mesh& mesh = *actors[i].mesh;
    RTCGeometry geometry = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
    auto* vertices = static_cast<float*>(
        rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12, mesh.positions.size()));
    auto* indices = static_cast<std::uint32_t*>(
        rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, mesh.triangles.size()));
    for (std::size_t k = 0; k < mesh.positions.size(); ++k) {
      const Vector3f p_M = (actors[i].X_MA * mesh.positions[k].cast<double>()).cast<float>();
      std::copy_n(p_M.data(), 3, vertices + 3 * k);
    }
    for (std::size_t k = 0; k < mesh.triangles.size(); ++k) std::copy_n(mesh.triangles[k].data(), 3, indices + 3 * k);
    rtcCommitGeometry(geometry);
    rtcAttachGeometryByID(scene_, geometry, i);
    rtcReleaseGeometry(geometry);
  }
  rtcCommitScene(scene_);
}

ActorScene::~ActorScene() {
  if (scene_) rtcReleaseScene(scene_);
}

Surface ActorScene::surface(const Hit& hit, const Vector3f& origin, const Vector3f& direction) const {
  const Actor& actor = actors_[hit.geometry];
  const Mesh& mesh = *actor.mesh;
  const auto& triangle = mesh.triangles[hit.primitive];
  const Material& material = (*actor.materials)[mesh.triangle_material[hit.primitive]];
  Surface s;
  s.position = origin + hit.t * direction;
  const Eigen::Matrix3f rotation = actor.X_MA.linear().cast<float>();
  s.flat_normal = (rotation * (mesh.positions[triangle[1]] - mesh.positions[triangle[0]])
                                  .cross(mesh.positions[triangle[2]] - mesh.positions[triangle[0]]))
                      .normalized();
  if (s.flat_normal.dot(direction) > 0) s.flat_normal = -s.flat_normal;
  s.normal = (rotation * ((1 - hit.u - hit.v) * mesh.normals[triangle[0]] + hit.u * mesh.normals[triangle[1]] +
                          hit.v * mesh.normals[triangle[2]]))
                 .normalized();
  if (s.normal.dot(direction) > 0.2F) s.normal = s.flat_normal;
  s.albedo = material.color;
  s.gloss = 0.8F * (1 - material.roughness);
  s.class_id = actor.class_id;
  s.instance_id = actor.instance_id;
  return s;
}

}  // namespace bramble
