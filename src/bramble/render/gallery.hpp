#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/render/renderer.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

struct GalleryOptions {
  std::vector<std::string> weathers = {"ClearNoon", "ClearSunset", "OvercastNoon", "FogNoon"};  ///< weather_names()
  CameraModel camera;
};

/// A page that shows what scenarios look like: a row for each, a column for each weather, the view from the path at
/// another place in every column; a click shows the classes of the same pixels. Writes FOLDER/index.html (last),
/// SCENARIO_WEATHER.jpg and SCENARIO_WEATHER_classes.png. Worlds are built one after the other. Throws Error for a
/// weather there is none of.
void write_gallery(const std::filesystem::path& folder, const std::vector<Scenario>& scenarios,
                   const GalleryOptions& options);

}  // namespace bramble
