#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// What covers a point of the ground.
struct GroundCover {
  float dirt = 0.0F;     ///< 0 grass … 1 bare dirt; the class is dirt from 0.5 on
  float wear = 0.0F;     ///< 0…1: how deep in a wheel rut
  float wetness = 0.0F;  ///< 0…1: darkens towards the pond
};

/// Level of water that is not there [m].
inline constexpr double kNoWater = -1e9;

/// The ground: a height field over a square of the map frame, and what covers it.
class Terrain {
 public:
  Eigen::Vector2d centre_m{0, 0};  ///< of the square
  double size_m = 256;             ///< its side
  int samples = 0;                 ///< heights per side; spacing = size_m / (samples - 1)
  std::vector<float> heights;      ///< [samples, samples], row = y from the least up, column = x; metres
  /// Cover maps over the same square, finer than the heights: channels dirt, wear, wetness (0…255); row = y upwards.
  ImageU8 cover;
  double water_level_m = kNoWater;  ///< where the ground lies below, there is water (a pond)
  /// Water with levels of its own (puddles, streams): its surface at the height samples [m], on the samples' triangles;
  /// kNoWater where there is none. [samples, samples], or empty: none anywhere.
  std::vector<float> local_water;
  float tint_drift = 0;  ///< how far the grass's colour wanders from place to place (see TintDrift)
  ClassId grass_id = 0, dirt_id = 1, water_id = 5;
  // Materials of the ground, index World::materials.
  int grass_material = -1, dirt_material = -1, water_material = -1;

  /// Takes the class ids and materials of another.
  void dress_as(const Terrain& other);
  double spacing_m() const { return size_m / (samples - 1); }
  bool contains(double x, double y) const;
  /// Height [m] at (x, y) on the surface of triangles that is also rendered and driven on: each cell of four samples is
  /// cut along the diagonal from sample (i, j) to (i + 1, j + 1) and is a plane on either side. Exact, and clamped to
  /// the nearest point of the rim outside the square.
  double height(double x, double y) const;
  /// Unit normal of the smooth surface: central differences at the samples, bilinear in between (for shading and for
  /// placing things; the triangles themselves are flat).
  Eigen::Vector3d normal(double x, double y) const;
  /// Bilinear reading of the cover maps; a cover pixel's value belongs to its centre.
  GroundCover cover_at(double x, double y) const;
  /// Level of the water at (x, y) [m], be it above or below the ground; kNoWater where no water is near.
  double water_level(double x, double y) const { return std::max(water_level_m, local_water_level(x, y)); }
  /// The same of puddles and streams alone. They are known a little beyond their shores.
  double local_water_level(double x, double y) const;
  /// grass or dirt by cover; water where the water stands above the ground.
  ClassId class_at(double x, double y) const;
};

}  // namespace bramble
