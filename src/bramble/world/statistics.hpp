#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// What there is in a world, in numbers.
struct WorldStatistics {
  struct PerClass {
    std::string name;
    std::uint64_t instances = 0;
    std::uint64_t triangles = 0;  ///< each instance counted with its mesh
    double ground_share = 0;      ///< of the terrain's area, for the classes that cover ground
    std::uint64_t near_path = 0;  ///< instances within 25 m of the centre line
  };
  std::vector<PerClass> classes;  // by class id
  std::uint64_t instances = 0;
  std::uint64_t effective_triangles = 0;
  std::uint64_t stored_triangles = 0;  ///< each mesh once, and the ground
  std::uint64_t memory_bytes = 0;      ///< of the world's arrays (not of the renderer's)
  double size_m = 0;
  double window_m = 0;  ///< side of the part that the counts speak of; 0: all of it
  double min_height_m = 0, max_height_m = 0;
  double path_length_m = 0;
  double path_max_slope = 0;
  double path_min_radius_m = 0;
  double path_min_above_water_m = 0;  ///< 0 when there is no water
};

WorldStatistics measure(const World& world);
nlohmann::json to_json(const WorldStatistics& statistics);
/// A table for people.
std::string to_text(const WorldStatistics& statistics);

/// Pictures of a world from above, x to the right and y up, `pixels` per side, RGB.
ImageU8 draw_height_map(const World& world, int pixels);
/// Colours of the ontology: ground, water, and each scattered thing as a disc of its mesh's extent.
ImageU8 draw_class_map(const World& world, int pixels);
/// The ground as one would see it from a balloon: cover, hill shade, crowns, and the path's centre line.
ImageU8 draw_top_view(const World& world, int pixels);

}  // namespace bramble
