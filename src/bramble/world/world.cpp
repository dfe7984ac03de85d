#include "bramble/world/world.hpp"

namespace bramble {

const Terrain& World::ground_at(double x, double y) const {
  if (terrain.contains(x, y)) return terrain;
  for (const Terrain& around : surroundings)
    if (around.contains(x, y)) return around;
  return land();
}

std::uint64_t World::effective_triangles() const {
  std::uint64_t triangles = 0;
  for (const Instance& instance : instances) triangles += meshes[instance.mesh].triangles.size();
  if (terrain.samples > 1) triangles += 2ULL * (terrain.samples - 1) * (terrain.samples - 1);
  return triangles;
}

}  // namespace bramble
