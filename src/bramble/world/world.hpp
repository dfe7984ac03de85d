#pragma once
#include <Eigen/Geometry>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/world/path.hpp"
#include "bramble/world/side_track.hpp"
#include "bramble/world/terrain.hpp"

namespace bramble {

/// What a point of a mesh's surface looks like. Texture numbers index World::textures; -1: none.
struct Material {
  std::string name;
  int color_texture = -1;          ///< sRGB RGBA; alpha below alpha_cutoff is a hole
  int normal_texture = -1;         ///< tangent-space normals, OpenGL convention (green up)
  Eigen::Vector3f color{1, 1, 1};  ///< linear RGB factor
  float alpha_cutoff = 0.0F;       ///< 0: opaque everywhere (no test needed)
  float translucency = 0.0F;       ///< 0…1: share of sunlight on the back that shines through (leaves)
  float roughness = 1.0F;          ///< 1: matt
};

/// Triangles in an asset frame A: z up, metres, origin at the foot of the plant or stone. Shared by many instances.
struct Mesh {
  std::string name;
  std::vector<Eigen::Vector3f> positions;               // [V], metres in A
  std::vector<Eigen::Vector3f> normals;                 // [V], unit
  std::vector<Eigen::Vector2f> uvs;                     // [V], v downwards from the texture's top
  std::vector<std::array<std::uint32_t, 3>> triangles;  // [T]
  std::vector<std::uint16_t> triangle_material;         // [T], indexes World::materials
};

/// Instance ids 0 and 1 are the ground and the water; the vehicle's are given by its actor; scattered things follow.
inline constexpr std::uint32_t kGroundInstanceId = 0;
inline constexpr std::uint32_t kWaterInstanceId = 1;
inline constexpr std::uint32_t kFirstScatterInstanceId = 2;
inline constexpr std::uint32_t kSkyInstanceId = std::numeric_limits<std::uint32_t>::max();

/// One scattered thing: a mesh at a place. Its class is that of the folder its mesh lies in.
struct Instance {
  std::uint32_t mesh = 0;  ///< indexes World::meshes
  ClassId class_id = kIgnoreId;
  Eigen::Affine3f X_MA = Eigen::Affine3f::Identity();
  Eigen::Vector3f tint{1, 1, 1};    ///< linear RGB factor, the plant's own shade
  float collision_radius_m = 0.0F;  ///< around the foot; 0: a vehicle passes through (grass, flowers)
};

/// Sun, sky and clouds. Light is in relative units: a sunlit white wall facing the sun has radiance about 1.
struct Sky {
  Eigen::Vector3f sun_direction{0.4F, 0.3F, 0.85F};  ///< unit, in M, towards the sun; may be below the horizon
  float sun_radius_rad = 0.00465F;                   ///< of its disc; 0: shadows with hard edges
  Eigen::Vector3f sun_color{1.0F, 0.94F, 0.84F};     ///< linear RGB of its beam in clear air: irradiance / pi
  float turbidity = 3.0F;                            ///< 1.7 clear … 10 hazy
  float cloud_cover = 0.4F;                          ///< 0…1; from 0.8 on the clouds close and the sun goes
  std::uint64_t cloud_seed = 0;
  float haze_distance_m = 900;  ///< distance at which the far hills have lost 63 % of their contrast
  float fog_per_m = 0;          ///< extinction of fog at height 0
  float fog_height_m = 25;      ///< over which fog thins to 37 %
  float rain = 0;               ///< 0…1: darkens the clouds, veils the distance
  float wetness = 0;            ///< 0…1: of all surfaces
  float snow = 0;               ///< 0…1: of what lies open to the sky
  float exposure = 1.0F;        ///< factor on the automatic exposure
};

/// A generated world, or the part of one around a place (StreamedWorld, the only one who changes it once it is made).
/// Map frame M: origin at the centre of the whole land, metres.
struct World {
  std::string name;
  std::uint64_t seed = 0;
  Ontology ontology;
  std::vector<ImageU8> textures;  // RGBA, sRGB for colour, as stored for normals
  std::vector<Material> materials;
  std::vector<Mesh> meshes;
  std::vector<Instance> instances;
  std::vector<std::uint32_t> instance_ids;  // [instances]; empty: kFirstScatterInstanceId + index
  Terrain terrain;
  /// Coarser ground around `terrain`, from near to far: each holds the square of the one before it, which hides it
  /// there. Only what is seen, never driven on. Empty when `terrain` is all there is.
  std::vector<Terrain> surroundings;
  Path path;
  std::vector<SideTrack> forks;  ///< tracks that leave the path; nobody drives them
  Sky sky;
  std::uint64_t revision = 0;  ///< another one whenever ground and instances have changed

  /// The terrain that reaches farthest, and the finest one at a place.
  const Terrain& land() const { return surroundings.empty() ? terrain : surroundings.back(); }
  const Terrain& ground_at(double x, double y) const;
  std::uint32_t id_of(std::size_t instance) const {
    return instance_ids.empty() ? kFirstScatterInstanceId + static_cast<std::uint32_t>(instance)
                                : instance_ids[instance];
  }
  /// Triangles as a viewer meets them: each instance counted with its mesh.
  std::uint64_t effective_triangles() const;
};

}  // namespace bramble
