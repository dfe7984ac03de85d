#include "bramble/serve/live_source.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

void LiveSource::set(const std::string& name, const nlohmann::json&) { fail("{} cannot be set", name); }

bool is_heavy_type(const std::string& type) {
  return type == "sensor_msgs/msg/Image" || type == "sensor_msgs/msg/CompressedImage" ||
         type == "sensor_msgs/msg/PointCloud2" || type == "vision_msgs/msg/Detection2DArray" ||
         type == "visualization_msgs/msg/MarkerArray" || type == "nav_msgs/msg/OccupancyGrid";
}

double number_within(const std::string& name, const nlohmann::json& value, double low, double high) {
  if (!value.is_number()) fail("{} must be a number", name);
  const double number = value.get<double>();
  if (!(number >= low && number <= high)) fail("{} must be from {:g} to {:g}, not {:g}", name, low, high, number);
  return number;
}

std::string one_of(const std::string& name, const nlohmann::json& value, const std::vector<std::string>& words) {
  if (!value.is_string()) fail("{} must be a text", name);
  const auto word = value.get<std::string>();
  if (std::find(words.begin(), words.end(), word) != words.end()) return word;
  const std::string near = nearest_word(word, words);
  fail("{} cannot be '{}'{}; it is one of {}", name, word.substr(0, 64),
       near.empty() ? "" : fmt::format(" (did you mean {}?)", near), fmt::join(words, ", "));
}

}  // namespace bramble
