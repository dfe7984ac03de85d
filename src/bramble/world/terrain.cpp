#include "bramble/world/terrain.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {
namespace {

// Position along one axis of a grid of `count` points spread over [-size/2, size/2] around the centre: cell and
// fraction, clamped.
struct GridPosition {
  int cell;
  double fraction;
};

GridPosition locate(double coordinate_m, double size_m, int count) {
  const double position = (coordinate_m / size_m + 0.5) * (count - 1);
  const double clamped = std::clamp(position, 0.0, static_cast<double>(count - 1));
  const int cell = std::min(static_cast<int>(clamped), count - 2);
  return {cell, clamped - cell};
}

}  // namespace

void Terrain::dress_as(const Terrain& other) {
  grass_id = other.grass_id;
  dirt_id = other.dirt_id;
  water_id = other.water_id;
  grass_material = other.grass_material;
  dirt_material = other.dirt_material;
  water_material = other.water_material;
}

bool Terrain::contains(double x, double y) const {
  return std::abs(x - centre_m.x()) <= 0.5 * size_m && std::abs(y - centre_m.y()) <= 0.5 * size_m;
}

double Terrain::height(double x, double y) const {
  const GridPosition px = locate(x - centre_m.x(), size_m, samples);
  const GridPosition py = locate(y - centre_m.y(), size_m, samples);
  const float* corner = heights.data() + static_cast<std::size_t>(py.cell) * samples + px.cell;
  const double h00 = corner[0];
  const double h10 = corner[1];
  const double h01 = corner[samples];
  const double h11 = corner[samples + 1];
  // Two triangles share the diagonal from h00 to h11; each is a plane.
  return px.fraction >= py.fraction ? h00 + px.fraction * (h10 - h00) + py.fraction * (h11 - h10)
                                    : h00 + px.fraction * (h11 - h01) + py.fraction * (h01 - h00);
}

Eigen::Vector3d Terrain::normal(double x, double y) const {
  // Central differences at the four corners, blended: continuous across cells.
  const GridPosition px = locate(x - centre_m.x(), size_m, samples);
  const GridPosition py = locate(y - centre_m.y(), size_m, samples);
  const auto at = [&](int column, int row) {
    return static_cast<double>(heights[static_cast<std::size_t>(row) * samples + column]);
  };
  const auto slope = [&](int column, int row) {
    const int left = std::max(column - 1, 0);
    const int right = std::min(column + 1, samples - 1);
    const int below = std::max(row - 1, 0);
    const int above = std::min(row + 1, samples - 1);
    return Eigen::Vector2d((at(right, row) - at(left, row)) / ((right - left) * spacing_m()),
                           (at(column, above) - at(column, below)) / ((above - below) * spacing_m()));
  };
  const Eigen::Vector2d low = (1 - px.fraction) * slope(px.cell, py.cell) + px.fraction * slope(px.cell + 1, py.cell);
  const Eigen::Vector2d high =
      (1 - px.fraction) * slope(px.cell, py.cell + 1) + px.fraction * slope(px.cell + 1, py.cell + 1);
  const Eigen::Vector2d gradient = (1 - py.fraction) * low + py.fraction * high;
  return Eigen::Vector3d(-gradient.x(), -gradient.y(), 1.0).normalized();
}

GroundCover Terrain::cover_at(double x, double y) const {
  if (cover.empty()) return {};
  // Pixel (i, j) has its centre at (i + 0.5, j + 0.5) pixels from the corner of the square.
  const auto pixel = [&](double coordinate_m, int count) {
    const double position = std::clamp((coordinate_m / size_m + 0.5) * count - 0.5, 0.0, count - 1.0);
    const int cell = std::min(static_cast<int>(position), std::max(count - 2, 0));
    return GridPosition{cell, position - cell};
  };
  const GridPosition px = pixel(x - centre_m.x(), cover.width);
  const GridPosition py = pixel(y - centre_m.y(), cover.height);
  const int right = std::min(px.cell + 1, cover.width - 1);
  const int above = std::min(py.cell + 1, cover.height - 1);
  const auto channel = [&](int c) {
    const double low = (1 - px.fraction) * cover.at(px.cell, py.cell)[c] + px.fraction * cover.at(right, py.cell)[c];
    const double high = (1 - px.fraction) * cover.at(px.cell, above)[c] + px.fraction * cover.at(right, above)[c];
    return static_cast<float>(((1 - py.fraction) * low + py.fraction * high) / 255.0);
  };
  return {channel(0), channel(1), channel(2)};
}

double Terrain::local_water_level(double x, double y) const {
  if (local_water.empty()) return kNoWater;
  const GridPosition px = locate(x - centre_m.x(), size_m, samples);
  const GridPosition py = locate(y - centre_m.y(), size_m, samples);
  const float* corner = local_water.data() + static_cast<std::size_t>(py.cell) * samples + px.cell;
  const bool right = px.fraction >= py.fraction;
  const double a = corner[0], b = right ? corner[1] : corner[samples], c = corner[samples + 1];
  if (std::min({a, b, c}) <= 0.5 * kNoWater) return kNoWater;
  return right ? a + px.fraction * (b - a) + py.fraction * (c - b) : a + px.fraction * (c - b) + py.fraction * (b - a);
}

ClassId Terrain::class_at(double x, double y) const {
  if (height(x, y) < water_level(x, y)) return water_id;
  return cover_at(x, y).dirt >= 0.5F ? dirt_id : grass_id;
}

}  // namespace bramble
