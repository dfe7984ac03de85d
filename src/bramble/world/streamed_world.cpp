#include "bramble/world/streamed_world.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {
namespace {

constexpr double kStepsPerSide = 4;     // a square moves by a quarter of its side …
constexpr double kTolerance = 0.6;      // … when the place is farther than this share of a step from its centre
constexpr double kAroundPerWindow = 4;  // sides
constexpr double kAroundSpacing = 2;    // metres between heights
constexpr double kAroundPixel = 0.5;    // metres of a pixel of the cover maps
constexpr double kLandSpacing = 16;     // of all the land
constexpr double kLandPixel = 4;
constexpr double kTallM = 1.5;          // what is as tall is seen from afar …
constexpr double kTallMostPerM2 = 0.6;  // … unless there is so much of it that it is undergrowth

int heights_for(double size_m, double spacing_m) {
  return static_cast<int>(std::ceil(size_m / spacing_m / kStepsPerSide)) * static_cast<int>(kStepsPerSide) + 1;
}
int pixels_for(double size_m, double pixel_m) {
  return static_cast<int>(std::ceil(size_m / pixel_m / kStepsPerSide)) * static_cast<int>(kStepsPerSide);
}

}  // namespace

bool StreamedWorld::Level::follow(double x, double y) {
  const double step = part.size_m / kStepsPerSide;
  const Eigen::Vector2d place(x, y);
  if (placed && (fixed || (place - part.centre_m).cwiseAbs().maxCoeff() <= kTolerance * step)) return false;
  if (!fixed) part.centre_m = {step * std::round(x / step), step * std::round(y / step)};
  placed = true;
  return true;
}

StreamedWorld::StreamedWorld(Scenario scenario, World stock, const std::vector<WorldAsset>& assets)
    : scenario_(std::move(scenario)),
      world_([&] {
        if (scenario_.terrain.window_m <= 0) fail("{} has no terrain.window_m", scenario_.file.string());
        WorldLayout layout = lay_out(scenario_, std::move(stock), assets);
        assets_ = std::move(layout.assets);
        return std::move(layout.world);
      }()),
      landscape_(scenario_, world_.path, world_.forks),
      field_(world_.path, scenario_.terrain.size_m),
      scatterer_(scenario_, field_, assets_, world_.forks) {
  const TerrainScenario& t = scenario_.terrain;
  if (scatterer_.id_count() > std::numeric_limits<std::uint32_t>::max() - kFirstScatterInstanceId)
    fail(
        "{}: {:.0f} m of land with this much vegetation ask for {} instance ids, and 32 bits give 4 billion; make "
        "terrain.size_m or the densities smaller",
        scenario_.file.string(), t.size_m, scatterer_.id_count());
  find_tall_layers();
  window_.part = {{0, 0}, t.window_m, t.height_samples, t.cover_pixels};
  around_.fixed = t.size_m <= kAroundPerWindow * t.window_m;
  const double around_m = around_.fixed ? t.size_m : kAroundPerWindow * t.window_m;
  around_.part = {{0, 0}, around_m, heights_for(around_m, kAroundSpacing), pixels_for(around_m, kAroundPixel), false};
  world_.surroundings.resize(around_.fixed ? 1 : 2);
  if (!around_.fixed) {
    Terrain& land = world_.surroundings[1];
    land = landscape_.terrain(
        {{0, 0}, t.size_m, heights_for(t.size_m, kLandSpacing), pixels_for(t.size_m, kLandPixel), false});
    land.dress_as(world_.terrain);
  }
  const Eigen::Vector3d start = world_.path.point_at(scenario_.drive.start_s_m);
  move_to(start.x(), start.y());
}

void StreamedWorld::find_tall_layers() {
  std::vector<float> height(world_.meshes.size(), 0.0F);
  for (std::size_t m = 0; m < height.size(); ++m)
    for (const Eigen::Vector3f& p : world_.meshes[m].positions) height[m] = std::max(height[m], p.z());
  for (std::uint32_t l = 0; l < scenario_.layers.size(); ++l) {
    const LayerScenario& layer = scenario_.layers[l];
    float highest = 0;
    for (const ScatterAsset& asset : assets_[l]) highest = std::max(highest, height[asset.mesh]);
    const bool tall = highest * layer.scale[1] >= kTallM && greatest_density(layer) <= kTallMostPerM2;
    (tall ? tall_layers_ : low_layers_).push_back(l);
  }
}

bool StreamedWorld::move_to(double x, double y) {
  const bool far = around_.follow(x, y);
  const bool near = window_.follow(x, y);
  if (far) grow_tall();
  if (near || far) grow_window();
  return near || far;
}

void StreamedWorld::grow_tall() {
  Terrain ground = landscape_.terrain(around_.part);
  ground.dress_as(world_.terrain);
  tall_ = scatterer_.draw({.terrain = ground, .layers = tall_layers_, .agrees_with_other_parts = true});
  world_.surroundings[0] = std::move(ground);
}

void StreamedWorld::grow_window() {
  Terrain ground = landscape_.terrain(window_.part);
  ground.dress_as(world_.terrain);
  world_.terrain = std::move(ground);
  ++world_.revision;
  std::vector<ScatteredThing> things = scatterer_.draw(
      {.terrain = world_.terrain, .layers = low_layers_, .standing = &tall_, .agrees_with_other_parts = true});
  things.insert(things.end(), tall_.begin(), tall_.end());
  world_.instances.resize(things.size());
  world_.instance_ids.resize(things.size());
  parallel_for(
      things.size(),
      [&](std::size_t i) {
        const ScatteredThing& thing = things[i];
        const bool in_window = world_.terrain.contains(thing.x, thing.y);
        world_.instances[i] = scatterer_.place(thing, in_window ? world_.terrain : world_.surroundings[0]);
        world_.instance_ids[i] = thing.id;
      },
      256);
}

}  // namespace bramble
