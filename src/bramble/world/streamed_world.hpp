#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "bramble/world/path_shape.hpp"
#include "bramble/world/scatter.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/terrain_builder.hpp"
#include "bramble/world/world.hpp"
#include "bramble/world/world_builder.hpp"

namespace bramble {

/// The world of a scenario that is too large to be held whole (`terrain: window_m`): what there is around a place, in
/// memory that does not depend on the size of the land.
///   - a window of window_m in full detail, the only ground to drive on;
///   - what is tall (trees, bushes, boulders) on coarser ground (2 m), in a square four times as wide;
///   - the bare land beyond (some 16 m), up to its border.
/// The squares move by a quarter of their side when the place has come some 0.35 of a side near their border. What they
/// show does not depend on the way that led there, but for things in the outermost 24 m that compete for a place.
class StreamedWorld {
 public:
  /// Around the start of drives. Arguments as for grow_world. Throws Error for a scenario without window_m, or of so
  /// much vegetation on so large a land that instance ids would not suffice.
  StreamedWorld(Scenario scenario, World stock, const std::vector<WorldAsset>& assets);
  StreamedWorld(const StreamedWorld&) = delete;
  StreamedWorld& operator=(const StreamedWorld&) = delete;

  /// Always the same object; its ground and instances change in move_to alone.
  const World& world() const { return world_; }
  /// Sees to it that the place (metres, M) lies well inside the window. True when world() has changed. Deterministic:
  /// the same places in the same order give the same bytes for any number of threads.
  bool move_to(double x, double y);
  /// The world as it is now, to keep.
  World release() && { return std::move(world_); }

 private:
  // One of the squares that follow the place.
  struct Level {
    TerrainPart part;
    bool fixed = false;               // covers the whole land
    bool placed = false;              // has a centre
    bool follow(double x, double y);  // true when it moved
  };
  void find_tall_layers();
  void grow_tall();
  void grow_window();

  Scenario scenario_;
  std::vector<std::vector<ScatterAsset>> assets_;  // of each layer
  World world_;
  Landscape landscape_;
  PathField field_;
  Scatterer scatterer_;
  Level window_, around_;
  std::vector<std::uint32_t> tall_layers_, low_layers_;
  std::vector<ScatteredThing> tall_;  // on the ground of around_
};

}  // namespace bramble
