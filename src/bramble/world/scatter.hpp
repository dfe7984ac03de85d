#pragma once
#include <string>
#include <vector>

#include "bramble/world/path_shape.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/side_track.hpp"
#include "bramble/world/terrain.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// A mesh that a layer may scatter.
struct ScatterAsset {
  std::uint32_t mesh = 0;  ///< indexes World::meshes
  ClassId class_id = kIgnoreId;
  bool collides = true;  ///< false: vehicles pass through it, whatever its layer says
};

/// True when `name` matches `pattern`, in which * stands for any text.
bool matches_pattern(const std::string& name, const std::string& pattern);

/// A fork of the path, ready to be asked how far it is.
struct ForkField {
  const SideTrack* track = nullptr;
  PathField field;
};

/// Places per square metre where a layer is at its densest.
double greatest_density(const LayerScenario& layer);

/// Where one layer grows. Everything given must outlive it.
class LayerDensity {
 public:
  LayerDensity(const LayerScenario& layer, const Scenario& scenario, const Terrain& terrain, const PathField& field,
               const std::vector<ForkField>& forks = kNoForks);
  /// Places per square metre at (x, y); 0 where the layer may not grow at all.
  double at(double x, double y) const;
  /// Whether one of the layer's things with this radius may stand here: clear of the path and its forks, the water,
  /// bare dirt, steep slopes.
  bool allows(double x, double y, double radius_m) const;

 private:
  const LayerScenario& layer_;
  const Scenario& scenario_;
  const Terrain& terrain_;
  static const std::vector<ForkField> kNoForks;
  const PathField& field_;
  const std::vector<ForkField>& forks_;
  double cluster_threshold_;
  std::uint64_t cluster_seed_;
};

/// A thing that has its place on the map; its height comes from the ground (Scatterer::place).
struct ScatteredThing {
  float x, y;  // metres, M
  float scale;
  float lift;  // up a heap, metres
  std::uint32_t layer, asset;
  float yaw, lean, lean_direction;
  Eigen::Vector3f tint;
  std::uint32_t id;  // the same whatever part of the ground was drawn with it; from kFirstScatterInstanceId on
};

/// Strews layers of a scenario over the ground. Places are drawn tile by tile from random numbers of their own, so that
/// the result is the same for any number of threads. Nothing that a vehicle could hit stands within width/2 + 1.2 m of
/// the path's centre line (0.6 m of a fork's), and nothing at all stands on its bare dirt, but for layers with on_dirt.
/// Everything given must outlive it.
class Scatterer {
 public:
  /// `assets[i]` are the meshes of layer i (at least one).
  Scatterer(const Scenario& scenario, const PathField& field, const std::vector<std::vector<ScatterAsset>>& assets,
            const std::vector<SideTrack>& forks);

  /// What grows on a part of the ground, layer by layer. Where things must keep a distance from each other the earlier
  /// tile wins, and always what is `standing` there already.
  struct Part {
    const Terrain& terrain;
    std::vector<std::uint32_t> layers;
    const std::vector<ScatteredThing>* standing = nullptr;
    /// The order of the tiles is such that what grows in one hangs on its neighbours only: but for the outermost
    /// tiles, parts that overlap then have the same things where they do.
    bool agrees_with_other_parts = false;
  };
  std::vector<ScatteredThing> draw(const Part& part) const;
  Instance place(const ScatteredThing& thing, const Terrain& terrain) const;
  /// The most ids that draw() may give, over all of the scenario's ground.
  std::uint64_t id_count() const { return ids_per_tile_ * tiles_per_side_ * tiles_per_side_; }

 private:
  const Scenario& scenario_;
  const PathField& field_;
  const std::vector<std::vector<ScatterAsset>>& assets_;
  std::vector<ForkField> forks_;
  std::uint64_t tiles_per_side_;
  std::vector<std::uint64_t> first_id_;  // of each layer within a tile's
  std::uint64_t ids_per_tile_ = 0;
};

/// Strews every layer over the whole ground. `assets[i]` are the meshes of layer i (at least one).
std::vector<Instance> scatter(const Scenario& scenario, const Terrain& terrain, const PathField& field,
                              const std::vector<std::vector<ScatterAsset>>& assets,
                              const std::vector<SideTrack>& forks = {});

}  // namespace bramble
