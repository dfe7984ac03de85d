// GOOSE (goose-dataset.de): images/SPLIT/SCENE/SCENE__FRAME_NS_windshield_vis.png, labels/SPLIT/SCENE/…_labelids.png,
// lidar/SPLIT/SCENE/…_vls128.bin with labels/SPLIT/SCENE/…_goose.label, goose_label_mapping.csv.
#include <regex>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kCameras = {"_windshield_vis", "_front", "_camera_left", "_realsense"};
constexpr const char* kLabelEnding = "_labelids.png";

std::string without(const std::string& text, const std::string& ending) {
  return text.substr(0, text.size() - ending.size());
}

class GooseFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "goose"; }
  std::string_view summary() const override {
    return "GOOSE and GOOSE-Ex: images/, labels/, lidar/ by split and scene; read and written";
  }
  std::string_view ontology() const override { return "goose"; }
  bool detect(const fs::path& folder) const override {
    for (const char* split : {"train", "val", "test"})
      for (const auto& scene : subfolders(folder / "labels" / split))
        if (!files_below(folder / "labels" / split / scene, {kLabelEnding, "_goose.label"}).empty()) return true;
    return false;
  }
  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = options.folder;
    listing.ontology = options.ontology ? *options.ontology : find_ontology("goose");
    listing.problems = Problems(options.strict);
    listing.read_label = label_picture_reader(options.folder, listing.ontology, LabelCode::kRaw);
    if (!is_folder(options.folder / "images"))
      fail("{} is no GOOSE: it has no images/ (name the folder that holds images and labels)", options.folder.string());
    const std::string wanted = options.option("camera", "");
    for (const std::string split : {"train", "val", "test"}) {
      KeyedFiles images, labels;
      const fs::path image_folder = fs::path("images") / split, label_folder = fs::path("labels") / split;
      for (const auto& file : files_below(options.folder / image_folder, {".png"}))
        for (const auto& camera : kCameras) {
          const std::string text = without(file.string(), ".png");
          if (text.ends_with(camera) && (wanted.empty() || camera == "_" + wanted)) {
            const auto [place, fresh] = images.emplace(without(text, camera), image_folder / file);
            if (!fresh)
              listing.problems.add("several cameras",
                                   fmt::format("{}: {} is taken; choose one with camera=…",
                                               (image_folder / file).string(), place->second.string()));
          }
        }
      for (const auto& file : files_below(options.folder / label_folder, {kLabelEnding}))
        labels[without(file.string(), kLabelEnding)] = label_folder / file;
      if (labels.empty() && split == "test") continue;  // its labels are not published
      pair_by_key(
          images, labels, listing.problems, [&](const std::string& key, const fs::path& image, const fs::path& label) {
            Sample sample;
            sample.scene = fs::path(key).begin()->string();
            const std::string stem = fs::path(key).filename().string();
            sample.name = plain_name(stem);
            const std::string digits = stem.substr(stem.rfind('_') + 1);
            if (digits.size() > 9 && digits.size() < 20)
              sample.stamp_ns = stamp_from(digits.substr(0, digits.size() - 9), digits.substr(digits.size() - 9));
            sample.split = split;
            sample.image = image;
            sample.label = label;
            for (const char* sensor : {"_vls128.bin", "_pcl.bin"}) {
              const fs::path cloud = fs::path("lidar") / split / (key + sensor);
              if (!is_file(options.folder / cloud)) continue;
              sample.cloud = cloud;
              const fs::path cloud_label = label_folder / (key + "_goose.label");
              if (is_file(options.folder / cloud_label)) sample.cloud_label = cloud_label;
            }
            listing.samples.add(sample);
          });
    }
    return listing;
  }
  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<FolderWriter>(
        options, LabelCode::kRaw, false,
        [](const Sample& sample, const SampleContent& content) {
          const std::string scene = plain_name(sample.scene.empty() ? "scene" : sample.scene);
          std::string stem = fmt::format("{}__{:04}_{:019}", scene, content.ordinal, sample.stamp_ns);
          static const std::regex own(R"(.+__\d+_\d+)");
          if (sample.name.starts_with(scene + "__") && std::regex_match(sample.name, own)) stem = sample.name;
          const auto at = [&](const char* half) { return fs::path(half) / sample.split / scene; };
          return FolderWriter::Places{at("images") / (stem + "_windshield_vis"), at("labels") / (stem + kLabelEnding),
                                      at("lidar") / (stem + "_vls128.bin"), at("labels") / (stem + "_goose.label")};
        },
        [ontology = options.ontology](const fs::path& folder, const std::set<FolderWriter::Row>& rows) {
          // Row number = raw value.
          std::map<int, std::pair<std::string, Rgb>> classes;
          for (const auto& v : ontology.ignored()) classes[v.raw] = {v.name, v.color};
          for (const auto& c : ontology.classes()) classes[ontology.raw_of(c.id)] = {c.name, c.color};
          std::string text = "class_name,label_key,has_instance,hex\n";
          for (int raw = 0; raw <= classes.rbegin()->first; ++raw) {
            const auto& [name, c] = classes.contains(raw) ? classes[raw] : std::pair<std::string, Rgb>("unused", {});
            text += fmt::format("{},{},0,#{:02x}{:02x}{:02x}\n", name, raw, c[0], c[1], c[2]);
          }
          std::set<std::string> splits;
          for (const auto& row : rows) splits.insert(row.split);
          for (const auto& split : splits) {
            write_file_atomically(folder / "images" / split / "goose_label_mapping.csv", text);
            write_file_atomically(folder / "labels" / split / "goose_label_mapping.csv", text);
          }
        });
  }
};

}  // namespace

const DatasetFormat& goose_format() {
  static const GooseFormat format;
  return format;
}

}  // namespace bramble
