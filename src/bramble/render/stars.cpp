#include "bramble/render/stars.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

using Eigen::Vector3f;

constexpr int kCells = 40;          // a side of a cube's face: a cell holds at most one star
constexpr float kShare = 0.5F;      // of cells with a star: 6 * 40 * 40 * 0.5 = 4,800 in the whole sky
constexpr float kRadius = 0.0011F;  // radians

}  // namespace

float star_light(const Vector3f& direction) {
  // 1. The cell of the cube around the viewer that the direction goes through.
  int axis = 0;
  direction.cwiseAbs().maxCoeff(&axis);
  const bool negative = direction[axis] < 0;
  const int right = (axis + 1) % 3, up = (axis + 2) % 3;
  const float scale = 1 / std::abs(direction[axis]);
  const auto cell_of = [](float coordinate) {
    return std::clamp(static_cast<int>(std::floor((coordinate + 1) * 0.5F * kCells)), 0, kCells - 1);
  };
  const int i = cell_of(direction[right] * scale), j = cell_of(direction[up] * scale);

  // 2. Its star, far enough from the cell's border for no neighbour to need a look.
  const auto cell = static_cast<std::uint64_t>(((axis * 2 + (negative ? 1 : 0)) * kCells + i) * kCells + j);
  Random random(1, stream_of("stars"), cell);
  if (random.uniform() >= kShare) return 0;
  const float x = (static_cast<float>(i) + 0.1F + 0.8F * static_cast<float>(random.uniform())) * 2 / kCells - 1;
  const float y = (static_cast<float>(j) + 0.1F + 0.8F * static_cast<float>(random.uniform())) * 2 / kCells - 1;
  Vector3f star;
  star[axis] = negative ? -1 : 1;
  star[right] = x;
  star[up] = y;

  // 3. Its light: shares above a brightness fall as its power of -1.2.
  const float angle = (star.normalized() - direction).norm();
  if (angle >= kRadius) return 0;
  const float rank = std::max(static_cast<float>(random.uniform()), 0.002F);
  const float falloff = 1 - angle / kRadius;
  return std::min(1.0F, 0.02F * std::pow(rank, -1 / 1.2F)) * falloff;
}

}  // namespace bramble
