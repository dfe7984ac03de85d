#pragma once
#include <Eigen/Core>
#include <vector>

#include "bramble/render/mesh_stock.hpp"
#include "bramble/render/surface.hpp"
#include "bramble/render/texture.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// The terrain and its ponds: geometry for Embree, and how they look.
class Ground {
 public:
  static constexpr unsigned kGroundGeometry = 0, kWaterGeometry = 1;

  /// `world` and `textures` must outlive this.
  Ground(const World& world, const std::vector<Texture>& textures) : world_(world), textures_(textures) {}
  /// Adds the two geometries to `scene`.
  void attach(RTCDevice device, RTCScene scene);
  /// Notes how plants and stones shade the ground around them.
  void prepare_looks(const MeshStock& stock);

  Surface surface(const Hit& hit, const Eigen::Vector3f& origin, const Eigen::Vector3f& direction,
                  float pixel_angle) const;
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
  void shade_water(Surface& s) const;
  Eigen::Vector3f ground_color(int material, float tile_m, const Eigen::Vector2f& place, const Eigen::Vector2f& away,
                               float across_m, float along_m, const Eigen::Vector3f& fallback,
                               Eigen::Vector3f& bump) const;

  const World& world_;
  const std::vector<Texture>& textures_;
  std::vector<Eigen::Vector3f> normals_;  // [samples, samples] smooth
  std::vector<unsigned> wet_;             // triangles of the ground over which local water stands
  int cells_ = 0;                         // per side
  std::vector<Cell> looks_;               // [cells, cells]
};

}  // namespace bramble
