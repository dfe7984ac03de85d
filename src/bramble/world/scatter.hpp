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
};

/// True when `name` matches `pattern`, in which * stands for any text.
bool matches_pattern(const std::string& name, const std::string& pattern);

/// A fork of the path, ready to be asked how far it is.
struct ForkField {
  const SideTrack* track = nullptr;
  PathField field;
};

/// Where one layer grows. Everything given must outlive it.
class LayerDensity {
 public:
  LayerDensity(const LayerScenario& layer, const Scenario& scenario, const Terrain& terrain, const PathField& field,
               const std::vector<ForkField>& forks = kNoForks);
  /// Places per square metre at (x, y); 0 where the layer may not grow at all.
  double at(double x, double y) const;
  double greatest() const;
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

/// Strews every layer of the scenario over the ground. `assets[i]` are the meshes of layer i (at least one). Places are
/// drawn tile by tile from random numbers of their own, so that the result is the same for any number of threads; where
/// things must keep a distance from each other the earlier tile wins. Nothing that a vehicle could hit stands within
/// width/2 + 1.2 m of the path's centre line (0.6 m of a fork's), and nothing at all stands on its bare dirt, but for
/// layers with on_dirt.
std::vector<Instance> scatter(const Scenario& scenario, const Terrain& terrain, const PathField& field,
                              const std::vector<std::vector<ScatterAsset>>& assets,
                              const std::vector<SideTrack>& forks = {});

}  // namespace bramble
