#include "bramble/world/erosion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <queue>
#include <utility>

namespace bramble {
namespace {

constexpr int kSteps = 10;
constexpr float kIncision = 0.012F;  // per step, for one cell of drained area
constexpr float kCreep = 0.10F;      // share of the mean difference to the neighbours, per step
constexpr float kDeepestCut = 4.5F;  // at strength 1, metres

// The way of the water: for every cell the one it drains into, and the cells in an order from the border upstream.
struct Drainage {
  std::vector<std::int32_t> receiver;  // -1: over the border
  std::vector<std::int32_t> upstream;
};

Drainage drain(const std::vector<float>& heights, int side) {
  const auto count = static_cast<std::int32_t>(heights.size());
  Drainage drainage{std::vector<std::int32_t>(count, -2), {}};
  drainage.upstream.reserve(count);
  using Entry = std::pair<float, std::int32_t>;  // level of the flood, cell; equal levels by number
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  for (std::int32_t i = 0; i < count; ++i) {
    const int x = i % side, y = i / side;
    if (x > 0 && y > 0 && x + 1 < side && y + 1 < side) continue;
    drainage.receiver[i] = -1;
    open.emplace(heights[i], i);
  }
  while (!open.empty()) {
    const auto [level, cell] = open.top();
    open.pop();
    drainage.upstream.push_back(cell);
    const int x = cell % side, y = cell / side;
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx) {
        if (x + dx < 0 || x + dx >= side || y + dy < 0 || y + dy >= side) continue;
        const std::int32_t next = cell + dy * side + dx;
        if (drainage.receiver[next] != -2) continue;
        drainage.receiver[next] = cell;
        open.emplace(std::max(level, heights[next]), next);
      }
  }
  return drainage;
}

}  // namespace

std::vector<float> erode(const std::vector<float>& heights, int side, double spacing_m, double strength) {
  std::vector<float> h = heights;
  std::vector<float> area(h.size());
  std::vector<float> crept(h.size());
  const float k = kIncision * static_cast<float>(strength);
  const float deepest = kDeepestCut * static_cast<float>(strength);
  for (int step = 0; step < kSteps; ++step) {
    // 1. How much land drains through each cell.
    const Drainage drainage = drain(h, side);
    std::fill(area.begin(), area.end(), static_cast<float>(spacing_m * spacing_m));
    for (auto i = drainage.upstream.rbegin(); i != drainage.upstream.rend(); ++i)
      if (drainage.receiver[*i] >= 0) area[drainage.receiver[*i]] += area[*i];
    // 2. Incision, from the mouth upwards: the cell below has its new height already.
    for (const std::int32_t i : drainage.upstream) {
      const std::int32_t below = drainage.receiver[i];
      if (below < 0 || h[i] <= h[below]) continue;
      const float c = k * std::sqrt(area[i]) / static_cast<float>(spacing_m);
      h[i] = std::max((h[i] + c * h[below]) / (1 + c), heights[i] - deepest);
    }
    // 3. Creep.
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        const auto at = [&](int cx, int cy) {
          return h[static_cast<std::size_t>(std::clamp(cy, 0, side - 1)) * side + std::clamp(cx, 0, side - 1)];
        };
        const float mean = 0.25F * (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1));
        crept[static_cast<std::size_t>(y) * side + x] = at(x, y) + kCreep * (mean - at(x, y));
      }
    h.swap(crept);
  }
  return h;
}

}  // namespace bramble
