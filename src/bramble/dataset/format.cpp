#include "bramble/dataset/format.hpp"

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

std::string ReadOptions::option(const std::string& key, const std::string& otherwise) const {
  const auto found = options.find(key);
  return found == options.end() ? otherwise : found->second;
}

const std::vector<const DatasetFormat*>& dataset_formats() {
  static const std::vector<const DatasetFormat*> formats = {
      &bramble_format(),        &gaia_format(),          &rellis3d_format(),     &rugd_format(),
      &goose_format(),          &wildscenes_format(),    &camvid_format(),       &cityscapes_format(),
      &coco_instances_format(), &coco_panoptic_format(), &semantickitti_format()};
  return formats;
}

const DatasetFormat& find_format(std::string_view name) {
  std::vector<std::string> names;
  for (const auto* format : dataset_formats()) {
    if (format->name() == name) return *format;
    names.emplace_back(format->name());
  }
  const auto near = nearest_word(std::string(name), names);
  fail("there is no data set format '{}'; formats: {}{}", name, fmt::join(names, ", "),
       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

const DatasetFormat* detect_format(const std::filesystem::path& folder) {
  for (const auto* format : dataset_formats())
    if (format->detect(folder)) return format;
  return nullptr;
}

}  // namespace bramble
