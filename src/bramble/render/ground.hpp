#pragma once
#include <Eigen/Core>
#include <vector>

#include "bramble/render/mesh_stock.hpp"
#include "bramble/render/surface.hpp"
#include "bramble/render/texture.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// One of a world's terrains and its ponds: geometry for Embree, and how they look.
class Ground {
 public:
  /// World::terrain.
  static constexpr int kInnermost = -1;

  /// `world` and `textures` must outlive this. `number`: in World::surroundings, or kInnermost.
  Ground(const World& world, const std::vector<Texture>& textures, int number);
  /// Adds ground and water to `scene` as geometries `first` and `first` + 1. Of surroundings the cells that the terrain
  /// before them hides are left out; only the outermost terrain has the water of ponds.
  void attach(RTCDevice device, RTCScene scene, unsigned first);
  /// Notes how plants and stones shade the ground around them.
  void prepare_looks(const MeshStock& stock);

  Surface surface(const Hit& hit, const Eigen::Vector3f& origin, const Eigen::Vector3f& direction,
                  float pixel_angle) const;
  bool contains(const Eigen::Vector3f& place) const { return terrain_.contains(place.x(), place.y()); }
  /// How the ponds' water looks at a place of this terrain that is in s.position.
  void shade_water(Surface& s) const;
  /// Whether the hit geometry of this ground is the surface of a pond.
  bool is_pond(const Hit& hit) const { return hit.geometry == first_geometry_ + 1 && hit.primitive < 2; }
  /// How densely things stand over the ground at (x, y): 0 open meadow, about 1 under a tree.
  float shelter(float x, float y) const { return cell_at(x, y).shelter; }

 private:
  // What changes slowly from place to place.
  struct Cell {
    float shelter = 0;
    float patch = 0;                 ///< noise over some 9 m: fresher and drier grass
    float fine = 0;                  ///< noise over about 1 m: paler and darker earth
    Eigen::Vector3f drift{1, 1, 1};  ///< factor on the grass's colour
  };
  // The triangle of the ground with this number, with the heights of its corners taken from `heights`.
  Facet facet(unsigned primitive, const std::vector<float>& heights) const;
  Cell cell_at(float x, float y) const;
  void shade_ground(const Hit& hit, const Eigen::Vector3f& direction, float u, float v, float pixel_angle,
                    Surface& s) const;
  Eigen::Vector3f ground_color(int material, float tile_m, const Eigen::Vector2f& place, const Eigen::Vector2f& away,
                               float across_m, float along_m, const Eigen::Vector3f& fallback,
                               Eigen::Vector3f& bump) const;

  const World& world_;
  const Terrain& terrain_;
  const std::vector<Texture>& textures_;
  const Terrain* inner_;  // what hides the middle of this one; null: nothing
  bool outermost_;
  float cell_m_;  // of the map of looks
  unsigned first_geometry_ = 0;
  std::vector<unsigned> cells_shown_;     // cell of each pair of triangles; empty: all
  std::vector<Eigen::Vector3f> normals_;  // [samples, samples] smooth
  std::vector<unsigned> wet_;             // triangles of the ground over which local water stands
  int cells_ = 0;                         // of the map of looks, per side
  std::vector<Cell> looks_;               // [cells, cells]
};

}  // namespace bramble
