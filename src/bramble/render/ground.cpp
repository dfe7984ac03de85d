#include "bramble/render/ground.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/noise.hpp"
#include "bramble/world/tint_drift.hpp"

namespace bramble {

using Eigen::Vector2f;
using Eigen::Vector3f;

namespace {

constexpr float kCell = 0.25F;           // metres: of the map of looks of the innermost terrain
constexpr float kCellPerSpacing = 0.5F;  // of the others: share of the distance of their heights

constexpr float kCoarsestShelter = 2.0F;  // metres: beyond it a cell is larger than what shelters it

float smooth(float low, float high, float value) {
  const float t = std::clamp((value - low) / (high - low), 0.0F, 1.0F);
  return t * t * (3 - 2 * t);
}

Vector3f mix(const Vector3f& a, const Vector3f& b, float t) { return a + t * (b - a); }

}  // namespace

Ground::Ground(const World& world, const std::vector<Texture>& textures, int number)
    : world_(world),
      terrain_(number == kInnermost ? world.terrain : world.surroundings[number]),
      textures_(textures),
      inner_(number == kInnermost ? nullptr
             : number == 0        ? &world.terrain
                                  : &world.surroundings[number - 1]),
      outermost_(number + 1 == static_cast<int>(world.surroundings.size())),
      cell_m_(number == kInnermost ? kCell : kCellPerSpacing * static_cast<float>(terrain_.spacing_m())) {}

void Ground::attach(RTCDevice device, RTCScene scene, unsigned first) {
  first_geometry_ = first;
  // 1. The terrain; each cell is cut from (i, j) to (i + 1, j + 1), as Terrain::height has it.
  const Terrain& terrain = terrain_;
  const int n = terrain.samples;
  const double spacing = terrain.spacing_m(), half = terrain.size_m / 2;
  const double west = terrain.centre_m.x() - half, south = terrain.centre_m.y() - half;
  cells_shown_.clear();
  if (inner_) {
    // A cell's width of what lies below the inner terrain stays, so that no gap opens between the two.
    const double hidden = 0.5 * inner_->size_m - spacing;
    for (int j = 0; j + 1 < n; ++j)
      for (int i = 0; i + 1 < n; ++i) {
        const Eigen::Vector2d middle(west + (i + 0.5) * spacing, south + (j + 0.5) * spacing);
        if ((middle - inner_->centre_m).cwiseAbs().maxCoeff() + 0.5 * spacing < hidden) continue;
        cells_shown_.push_back(static_cast<unsigned>(j * (n - 1) + i));
      }
  }
  const std::size_t cells = inner_ ? cells_shown_.size() : static_cast<std::size_t>(n - 1) * (n - 1);
  RTCGeometry ground = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
  auto* vertices = static_cast<float*>(rtcSetNewGeometryBuffer(ground, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12,
                                                               static_cast<std::size_t>(n) * n));
  auto* indices = static_cast<std::uint32_t*>(
      rtcSetNewGeometryBuffer(ground, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, 2 * cells));
  normals_.resize(static_cast<std::size_t>(n) * n);
  parallel_for(static_cast<std::size_t>(n), [&](std::size_t j) {
    for (int i = 0; i < n; ++i) {
      const std::size_t k = j * n + i;
      const double x = west + i * spacing, y = south + static_cast<double>(j) * spacing;
      vertices[3 * k] = static_cast<float>(x);
      vertices[3 * k + 1] = static_cast<float>(y);
      vertices[3 * k + 2] = terrain.heights[k];
      normals_[k] = terrain.normal(x, y).cast<float>();
    }
  });
  for (std::size_t c = 0; c < cells; ++c) {
    const auto cell = static_cast<std::uint32_t>(inner_ ? cells_shown_[c] : c);
    const std::uint32_t side = static_cast<std::uint32_t>(n), k = cell / (side - 1) * side + cell % (side - 1);
    const std::uint32_t corners[] = {k, k + 1, k + side + 1, k, k + side + 1, k + side};
    std::copy_n(corners, 6, indices + 6 * c);
  }
  rtcCommitGeometry(ground);
  rtcAttachGeometryByID(scene, ground, first);
  rtcReleaseGeometry(ground);

  // 2. The water: one square at the ponds' level; where it is below the ground, the ground hides it. Without ponds it
  //    has no corners. Then the triangles of puddles and streams, those of the ground at the water's height.
  const bool pond = outermost_ && std::any_of(terrain.heights.begin(), terrain.heights.end(),
                                              [&](float h) { return h < terrain.water_level_m; });
  RTCGeometry water = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
  wet_.clear();
  if (!terrain.local_water.empty())
    for (unsigned primitive = 0; primitive < 2U * (n - 1) * (n - 1); ++primitive) {
      const unsigned cell = primitive / 2, k = cell / (n - 1) * n + cell % (n - 1);
      const unsigned three[] = {k, primitive % 2 == 0 ? k + 1 : k + n, k + n + 1};
      const bool known =
          std::all_of(three, three + 3, [&](unsigned c) { return terrain.local_water[c] > kNoWater / 2; });
      const bool deep =
          std::any_of(three, three + 3, [&](unsigned c) { return terrain.local_water[c] > terrain.heights[c]; });
      if (known && deep) wet_.push_back(primitive);
    }
  auto* corners = static_cast<float*>(
      rtcSetNewGeometryBuffer(water, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 12, 4 + 3 * wet_.size()));
  auto* faces = static_cast<std::uint32_t*>(
      rtcSetNewGeometryBuffer(water, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 12, 2 + wet_.size()));
  const float side = pond ? static_cast<float>(half) : 0.0F;
  const float level = pond ? static_cast<float>(terrain.water_level_m) : -1e6F;
  for (int k = 0; k < 4; ++k) {
    corners[3 * k] = static_cast<float>(terrain.centre_m.x()) + (k == 1 || k == 2 ? side : -side);
    corners[3 * k + 1] = static_cast<float>(terrain.centre_m.y()) + (k >= 2 ? side : -side);
    corners[3 * k + 2] = level;
  }
  std::copy_n(std::array<std::uint32_t, 6>{0, 1, 2, 0, 2, 3}.data(), 6, faces);
  for (std::size_t i = 0; i < wet_.size(); ++i) {
    const Facet f = facet(wet_[i], terrain.local_water);
    const Vector3f three[] = {f.corner, f.corner + f.edge_a, f.corner + f.edge_b};
    for (std::size_t c = 0; c < 3; ++c) {
      std::copy_n(three[c].data(), 3, corners + 3 * (4 + 3 * i + c));
      faces[6 + 3 * i + c] = static_cast<std::uint32_t>(4 + 3 * i + c);
    }
  }
  rtcCommitGeometry(water);
  rtcAttachGeometryByID(scene, water, first + 1);
  rtcReleaseGeometry(water);
}

void Ground::prepare_looks(const MeshStock& stock) {
  const auto size = static_cast<float>(terrain_.size_m);
  const Vector2f centre_m = terrain_.centre_m.cast<float>();
  cells_ = std::max(2, static_cast<int>(size / cell_m_));
  looks_.assign(static_cast<std::size_t>(cells_) * cells_, {});
  const auto middle = [&](int i) {  // off the terrain's centre
    return (static_cast<float>(i) + 0.5F) * size / static_cast<float>(cells_) - size / 2;
  };

  // 1. Noise, in bands of rows.
  const Noise patches(world_.seed, stream_of("ground patches")), fine(world_.seed, stream_of("ground grain"));
  const TintDrift drift(world_.seed);
  parallel_for(static_cast<std::size_t>(cells_), [&](std::size_t y) {
    for (int x = 0; x < cells_; ++x) {
      Cell& cell = looks_[y * cells_ + x];
      const float px = middle(x) + centre_m.x(), py = middle(static_cast<int>(y)) + centre_m.y();
      cell.patch = static_cast<float>(patches.fbm(px, py, 9.0, 4, 0.6));
      cell.fine = static_cast<float>(fine.fbm(px, py, 2.6, 3, 0.7));
      cell.drift = drift.factor(px, py, terrain_.tint_drift);
    }
  });

  // 2. Shelter: each thing hides some of the sky around its foot, trees below their whole crown.
  if (cell_m_ > kCoarsestShelter) return;
  const float cells_per_m = static_cast<float>(cells_) / size;
  for (const Instance& instance : world_.instances) {
    const Vector3f& half_extent = stock.half_extent(instance.mesh);
    const float scale = std::cbrt(std::abs(instance.X_MA.linear().determinant()));
    const float radius = scale * 0.5F * (half_extent.x() + half_extent.y()), height = scale * 2 * half_extent.z();
    float strength, reach;
    if (height > 2.5F) {
      strength = 0.75F;
      reach = 1.15F * radius;
    } else if (height > 0.6F) {
      strength = 0.9F * std::min(1.0F, height);
      reach = radius + 0.35F;
    } else {
      strength = 0.45F * height;
      reach = radius + 0.15F;
    }
    const Vector3f& centre = stock.centre(instance.mesh);
    const Vector2f foot = (instance.X_MA * Vector3f(centre.x(), centre.y(), 0)).head<2>() - centre_m;
    const auto cell = [&](float p) { return static_cast<int>(std::floor((p + size / 2) * cells_per_m)); };
    for (int y = std::max(0, cell(foot.y() - reach)); y <= std::min(cells_ - 1, cell(foot.y() + reach)); ++y)
      for (int x = std::max(0, cell(foot.x() - reach)); x <= std::min(cells_ - 1, cell(foot.x() + reach)); ++x) {
        const float d = Vector2f(middle(x) - foot.x(), middle(y) - foot.y()).squaredNorm() / (reach * reach);
        if (d < 1) looks_[static_cast<std::size_t>(y) * cells_ + x].shelter += strength * (1 - d);
      }
  }
}

Ground::Cell Ground::cell_at(float x, float y) const {
  const auto size = static_cast<float>(terrain_.size_m);
  const float scale = static_cast<float>(cells_) / size, last = static_cast<float>(cells_) - 1.001F;
  const float px = std::clamp((x - static_cast<float>(terrain_.centre_m.x()) + size / 2) * scale - 0.5F, 0.0F, last);
  const float py = std::clamp((y - static_cast<float>(terrain_.centre_m.y()) + size / 2) * scale - 0.5F, 0.0F, last);
  const int cx = static_cast<int>(px), cy = static_cast<int>(py);
  const float wx = px - static_cast<float>(cx), wy = py - static_cast<float>(cy);
  const Cell* low = looks_.data() + static_cast<std::size_t>(cy) * cells_ + cx;
  const Cell* high = low + cells_;
  const float w[4] = {(1 - wx) * (1 - wy), wx * (1 - wy), (1 - wx) * wy, wx * wy};
  return {w[0] * low[0].shelter + w[1] * low[1].shelter + w[2] * high[0].shelter + w[3] * high[1].shelter,
          w[0] * low[0].patch + w[1] * low[1].patch + w[2] * high[0].patch + w[3] * high[1].patch,
          w[0] * low[0].fine + w[1] * low[1].fine + w[2] * high[0].fine + w[3] * high[1].fine, low[0].drift};
}

Facet Ground::facet(unsigned primitive, const std::vector<float>& heights) const {
  const Terrain& terrain = terrain_;
  const auto n = static_cast<unsigned>(terrain.samples);
  const unsigned cell = primitive / 2, i = cell % (n - 1), j = cell / (n - 1);
  const double spacing = terrain.spacing_m(), half = terrain.size_m / 2;
  const double west = terrain.centre_m.x() - half, south = terrain.centre_m.y() - half;
  const auto corner = [&](unsigned a, unsigned b) {
    return Vector3f(static_cast<float>(west + a * spacing), static_cast<float>(south + b * spacing),
                    heights[static_cast<std::size_t>(b) * n + a]);
  };
  const unsigned bi = i + 1, bj = j + (primitive % 2), ci = i + 1 - (primitive % 2), cj = j + 1;
  Facet f{};
  f.corner = corner(i, j);
  f.edge_a = corner(bi, bj) - f.corner;
  f.edge_b = corner(ci, cj) - f.corner;
  f.normal = normals_[static_cast<std::size_t>(j) * n + i];
  f.normal_a = normals_[static_cast<std::size_t>(bj) * n + bi] - f.normal;
  f.normal_b = normals_[static_cast<std::size_t>(cj) * n + ci] - f.normal;
  return f;
}

Surface Ground::surface(const Hit& hit, const Vector3f& origin, const Vector3f& direction, float pixel_angle) const {
  Surface s;
  s.distance = hit.t;
  if (hit.geometry == first_geometry_ + 1) {
    float a = 0, b = 0;
    if (hit.primitive >= 2)
      meet(facet(wet_[hit.primitive - 2], terrain_.local_water), origin, direction, s.distance, a, b);
    else if (direction.z() != 0)
      s.distance = (static_cast<float>(terrain_.water_level_m) - origin.z()) / direction.z();
    s.position = origin + s.distance * direction;
    shade_water(s);
    return s;
  }
  const unsigned primitive = inner_ ? 2 * cells_shown_[hit.primitive / 2] + hit.primitive % 2 : hit.primitive;
  const Facet f = facet(primitive, terrain_.heights);
  float u = 0, v = 0;
  meet(f, origin, direction, s.distance, u, v);
  s.position = origin + s.distance * direction;
  s.normal = (f.normal + u * f.normal_a + v * f.normal_b).normalized();
  s.flat_normal = f.edge_a.cross(f.edge_b).normalized();
  if (s.flat_normal.dot(direction) > 0) s.flat_normal = -s.flat_normal;
  shade_ground(hit, direction, u, v, pixel_angle, s);
  return s;
}

// A picture laid on the ground, and once more turned and larger, so that its repetition does not show. Seen at a low
// angle a pixel covers a long strip: up to three samples along it keep the picture sharp across and calm along.
Vector3f Ground::ground_color(int number, float tile_m, const Vector2f& place, const Vector2f& away, float across_m,
                              float along_m, const Vector3f& fallback, Vector3f& bump) const {
  if (number < 0) return fallback;
  const Material& material = world_.materials[number];
  Vector3f color = material.color;
  if (material.color_texture < 0) return color.cwiseProduct(fallback);
  const Texture& texture = textures_[material.color_texture];
  const int taps = along_m < 1.5F * across_m ? 1 : along_m < 4 * across_m ? 2 : 3;
  const float footprint = std::max(across_m, along_m / static_cast<float>(taps));
  Vector3f fine = Vector3f::Zero();
  for (int k = 0; k < taps; ++k) {
    const float offset = along_m * ((static_cast<float>(k) + 0.5F) / static_cast<float>(taps) - 0.5F);
    const Vector2f p = (place + offset * away) / tile_m;
    fine += texture.sample_smooth(p.x(), -p.y(), footprint / tile_m);
  }
  fine /= static_cast<float>(taps);
  const float coarse_m = tile_m * 4.7F;
  const Vector3f coarse = texture.sample_smooth((0.8F * place.x() + 0.6F * place.y()) / coarse_m,
                                                (0.6F * place.x() - 0.8F * place.y()) / coarse_m, footprint / coarse_m);
  color = color.cwiseProduct(fine).cwiseProduct(
      0.5F * (Vector3f::Ones() + coarse.cwiseQuotient(texture.mean().cwiseMax(1e-3F))));
  if (material.normal_texture >= 0 && footprint < 0.12F) {
    const Vector3f map =
        textures_[material.normal_texture].sample(place.x() / tile_m, -place.y() / tile_m, footprint / tile_m);
    bump = 2 * Vector3f(map.x() - 0.5F, map.y() - 0.5F, 0);
  }
  return color;
}

void Ground::shade_ground(const Hit& hit, const Vector3f& direction, float u, float v, float pixel_angle,
                          Surface& s) const {
  const Terrain& terrain = terrain_;
  const float x = s.position.x(), y = s.position.y();
  const Vector2f place(x, y);
  const GroundCover cover = terrain.cover_at(x, y);
  const Cell looks = cell_at(x, y);
  const float slant = std::max(0.04F, std::abs(s.normal.dot(direction)));
  const float across = s.distance * pixel_angle, along = across / slant;
  const Vector2f away = direction.head<2>().normalized();

  // The border of the classes lies at 0.5; grass thins out over a hand's breadth around it.
  const float blend = smooth(0.42F, 0.58F, cover.dirt);
  Vector3f color = Vector3f::Zero(), bump = Vector3f::Zero();
  if (blend < 1) {
    Vector3f grass_bump = Vector3f::Zero();
    Vector3f grass = ground_color(terrain.grass_material, 2.3F, place, away, across, along,
                                  Vector3f(0.10F, 0.13F, 0.035F), grass_bump);
    // Dry and fresh patches; what grows on it hides the ground in its shade.
    const float dry = smooth(-0.35F, 0.45F, looks.patch + 0.25F * looks.fine);
    grass = grass.cwiseProduct(looks.drift)
                .cwiseProduct(mix(Vector3f(0.85F, 0.98F, 0.85F), Vector3f(1.42F, 1.18F, 0.95F), dry));
    color += (1 - blend) * grass;
    bump += (1 - blend) * grass_bump;
  }
  if (blend > 0) {
    Vector3f earth_bump = Vector3f::Zero();
    Vector3f earth = ground_color(terrain.dirt_material, 1.9F, place, away, across, along,
                                  Vector3f(0.26F, 0.18F, 0.11F), earth_bump);
    // Wheels pack the earth: the ruts are smoother and darker, the crumbs between and beside them are dry and pale.
    const float packed = smooth(0.15F, 0.85F, cover.wear);
    earth = mix(earth, earth.mean() * Vector3f(1.26F, 1.0F, 0.70F), 0.6F);
    earth *= (1.16F - 0.34F * packed) * (1 + 0.55F * looks.fine + 0.25F * looks.patch);
    color += blend * earth;
    bump += blend * (1 - 0.65F * packed) * earth_bump;
  }
  color *= 1 - 0.55F * cover.wetness;
  s.gloss = 0.25F * cover.wetness * blend;
  s.normal = (s.normal + 0.7F * bump).normalized();
  s.albedo = color.cwiseMax(0.0F);
  s.sky_visibility = std::exp(-0.9F * looks.shelter);
  s.class_id = cover.dirt >= 0.5F ? terrain.dirt_id : terrain.grass_id;
  s.instance_id = kGroundInstanceId;
  s.trodden = cover.wear;
}

void Ground::shade_water(Surface& s) const {
  static const Noise kWaves(99, 2);
  const float x = s.position.x(), y = s.position.y();
  constexpr float kStep = 0.05F;
  const float depth = static_cast<float>(terrain_.water_level(x, y) - terrain_.height(x, y));
  // Waves die away with distance: many of them share a pixel there. A puddle has none.
  const float calm = smooth(0, 0.25F, depth) / (1 + 0.03F * s.distance);
  const auto height = [&](float a, float b) {
    return calm * static_cast<float>(0.013 * kWaves.at(a, b, 1.3) + 0.006 * kWaves.at(a + 40, b, 0.45));
  };
  s.normal = Vector3f(-(height(x + kStep, y) - height(x - kStep, y)) / (2 * kStep),
                      -(height(x, y + kStep) - height(x, y - kStep)) / (2 * kStep), 1)
                 .normalized();
  s.flat_normal = Vector3f::UnitZ();
  const Vector3f tint =
      terrain_.water_material >= 0 ? world_.materials[terrain_.water_material].color : Vector3f::Ones();
  // Shallow water shows the wet earth below, deep water is dark green.
  Vector3f mud(0.11F, 0.08F, 0.05F);
  if (terrain_.dirt_material >= 0) {
    const Material& dirt = world_.materials[terrain_.dirt_material];
    if (dirt.color_texture >= 0) mud = 0.4F * dirt.color.cwiseProduct(textures_[dirt.color_texture].mean());
  }
  const float clear = std::exp(-3.2F * std::max(0.0F, depth));
  s.albedo = mix(tint.cwiseProduct(Vector3f(0.022F, 0.035F, 0.025F)), mud, clear);
  s.water = true;
  s.gloss = 0.6F;
  s.class_id = terrain_.water_id;
  s.instance_id = kWaterInstanceId;
}

}  // namespace bramble
