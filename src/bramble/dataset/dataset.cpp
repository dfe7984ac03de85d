#include "bramble/dataset/dataset.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

struct Spec {
  const DatasetFormat* format = nullptr;  // null: to be detected
  std::string folder;
  std::map<std::string, std::string> options;
};

Spec parse_spec(const std::string& text) {
  Spec spec;
  std::error_code error;
  spec.folder = text;
  if (fs::exists(text, error)) return spec;  // a path of this name wins, whatever characters it has
  if (const auto question = text.rfind('?'); question != std::string::npos) {
    spec.folder = text.substr(0, question);
    for (std::size_t begin = question + 1; begin <= text.size();) {
      const std::size_t end = std::min(text.find('&', begin), text.size());
      const std::string pair = text.substr(begin, end - begin);
      const auto equals = pair.find('=');
      if (equals == std::string::npos || equals == 0)
        fail("'{}' in {} is no option; write ?map=bramble&split=test", pair, text);
      spec.options[pair.substr(0, equals)] = pair.substr(equals + 1);
      begin = end + 1;
    }
  }
  const auto colon = spec.folder.find(':');
  if (colon != std::string::npos && colon > 1 && spec.folder.substr(0, colon).find('/') == std::string::npos &&
      !fs::exists(spec.folder, error)) {
    spec.format = &find_format(spec.folder.substr(0, colon));
    spec.folder = spec.folder.substr(colon + 1);
  }
  return spec;
}

// Samples of public data sets are named after their files, which may have one name in two folders. Names must differ:
// then they get their split in front, and a number where that is not enough.
void make_names_differ(SampleIndex& samples) {
  std::set<std::string> names;
  bool doubled = false;
  for (const Sample& sample : samples) doubled = !names.insert(sample.name).second || doubled;
  if (!doubled) return;
  names.clear();
  SampleIndex renamed;
  for (Sample sample : samples) {
    const std::string base = sample.split + "_" + sample.name;
    sample.name = base;
    for (int number = 2; !names.insert(sample.name).second; ++number) sample.name = fmt::format("{}_{}", base, number);
    renamed.add(sample);
  }
  samples = std::move(renamed);
}

}  // namespace

Dataset Dataset::open(const fs::path& text, bool strict) {
  Spec spec = parse_spec(text.string());
  const fs::path folder = spec.folder;
  std::error_code error;
  if (!fs::exists(folder, error)) fail("no data set at {}", folder.string());
  Dataset dataset;
  dataset.format_ = spec.format ? spec.format : detect_format(folder);
  if (!dataset.format_) {
    if (!fs::is_directory(folder, error)) fail("no data set at {}: it is a file", folder.string());
    std::vector<std::string_view> names;
    for (const auto* format : dataset_formats()) names.push_back(format->name());
    fail(
        "{} is not a data set of Bramble (it has no index.csv), nor of another format as far as can be seen; name it: "
        "FORMAT:{} with one of {}",
        folder.string(), folder.string(), fmt::join(names, ", "));
  }
  ReadOptions options;
  options.folder = folder;
  options.strict = strict;
  std::string map, split;
  for (const auto& [key, value] : spec.options) {
    if (key == "map")
      map = value;
    else if (key == "split")
      split = value;
    else if (key == "ontology")
      options.ontology = find_ontology(value);
    else if (key == "kind" || key == "camera" || key == "splits" || key == "labels")
      options.options[key] = value;
    else
      fail("data set option '{}' is not known; options: map, split, ontology, kind, camera, splits, labels{}", key,
           [&] {
             const auto near = nearest_word(key, {"map", "split", "ontology", "kind", "camera", "splits", "labels"});
             return near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near);
           }());
  }
  dataset.listing_ = dataset.format_->read(options);
  if (dataset.format_ != &bramble_format()) make_names_differ(dataset.listing_.samples);
  if (!map.empty()) dataset.mapping_ = find_mapping(dataset.listing_.ontology, map);
  if (!split.empty()) {
    SampleIndex chosen;
    for (const Sample& sample : dataset.listing_.samples)
      if (sample.split == split) chosen.add(sample);
    if (chosen.empty()) fail("{} has no samples of split '{}'; splits: train, val, test", folder.string(), split);
    dataset.listing_.samples = std::move(chosen);
  }
  for (const auto& problem : dataset.problems().first()) spdlog::warn("{}: {}", folder.string(), problem);
  if (dataset.problems().total() > dataset.problems().first().size())
    spdlog::warn("{}: {} more like these are left out", folder.string(),
                 dataset.problems().total() - dataset.problems().first().size());
  if (dataset.listing_.samples.empty()) fail("{} has no samples", folder.string());
  return dataset;
}

ImageU8 Dataset::load_image(std::size_t index) const {
  const Sample sample = samples().at(index);
  if (sample.image.empty()) fail("{}: sample {} has no picture, only a point cloud", folder().string(), sample.name);
  return read_image(folder() / sample.image, PixelFormat::kRgb);
}

ImageU8 Dataset::load_label(std::size_t index, UnknownLabels& unknown) const {
  ImageU8 label = listing_.read_label(samples().at(index), unknown);
  if (mapping_) mapping_->apply(label);
  return label;
}

ImageU8 Dataset::load_label(std::size_t index) const {
  UnknownLabels unknown;
  ImageU8 label = load_label(index, unknown);
  if (unknown.count > 0)
    fail("{}: label value {} is no class of ontology {}", (folder() / samples().at(index).label).string(),
         unknown.example, listing_.ontology.name());
  return label;
}

ImageF32 Dataset::load_depth(std::size_t index) const {
  const Sample sample = samples().at(index);
  if (sample.depth.empty()) return {};
  const ImageU16 values = read_png16(folder() / sample.depth);  // 256 a metre (depth_png_values)
  ImageF32 depth(values.width, values.height, 1);
  for (std::size_t i = 0; i < values.data.size(); ++i) depth.data[i] = static_cast<float>(values.data[i]) / 256;
  return depth;
}

PointCloud Dataset::load_cloud(std::size_t index, UnknownLabels& unknown) const {
  const Sample sample = samples().at(index);
  if (sample.cloud.empty()) fail("{}: sample {} has no point cloud", folder().string(), sample.name);
  PointCloud cloud;
  cloud.points = read_kitti_points(folder() / sample.cloud);
  if (sample.cloud_label.empty()) return cloud;
  int example = 0;
  std::uint64_t count = 0;
  Ontology plain;
  if (listing_.plain_cloud_labels) {
    std::vector<SemanticClass> classes = listing_.ontology.classes();
    for (auto& c : classes) c.raw.clear();
    plain = Ontology(listing_.ontology.name(), std::move(classes), {}, true);
  }
  read_kitti_labels(folder() / sample.cloud_label, listing_.plain_cloud_labels ? plain : listing_.ontology, cloud,
                    count, example);
  if (count > 0) {
    unknown.count += count;
    unknown.example = std::to_string(example);
  }
  if (mapping_)
    for (auto& id : cloud.labels) id = (*mapping_)[id];
  return cloud;
}

}  // namespace bramble
