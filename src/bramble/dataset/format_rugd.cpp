// RUGD (rugd.vision): RUGD_frames-with-annotations/SCENE/SCENE_FRAME.png, colour labels of the same names in
// RUGD_annotations/; the split goes by scene.
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr const char* kImages = "RUGD_frames-with-annotations";
constexpr const char* kLabels = "RUGD_annotations";

// The default split (PerceptionMetrics, rugd.py). Scenes of others say it themselves: «val-forest».
std::string split_of(const std::string& scene) {
  static const std::set<std::string> val = {"park-8", "trail-5"};
  static const std::set<std::string> test = {"creek", "park-1", "trail-7", "trail-13"};
  for (const char* split : {"train", "val", "test"})
    if (scene.starts_with(std::string(split) + "-")) return split;
  return val.contains(scene) ? "val" : test.contains(scene) ? "test" : "train";
}

class RugdFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "rugd"; }
  std::string_view summary() const override {
    return "RUGD: scenes of pictures and colour labels, split by scene; read and written";
  }
  std::string_view ontology() const override { return "rugd"; }
  bool detect(const fs::path& folder) const override { return is_folder(folder / kImages); }
  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = options.folder;
    listing.ontology = options.ontology ? *options.ontology : find_ontology("rugd");
    listing.problems = Problems(options.strict);
    listing.read_label = label_picture_reader(options.folder, listing.ontology, LabelCode::kColors);
    for (const char* half : {kImages, kLabels})
      if (!is_folder(options.folder / half))
        fail("{} is no RUGD: it has no {}/ (name the folder that holds it)", options.folder.string(), half);
    KeyedFiles images, labels;
    for (const auto& file : files_below(options.folder / kImages, {".png"})) images[file.string()] = kImages / file;
    for (const auto& file : files_below(options.folder / kLabels, {".png"})) labels[file.string()] = kLabels / file;
    pair_by_key(images, labels, listing.problems,
                [&](const std::string& key, const fs::path& image, const fs::path& label) {
                  Sample sample;
                  const fs::path file = key;
                  sample.scene = file.has_parent_path() ? file.begin()->string() : key.substr(0, key.find('_'));
                  sample.name = plain_name(file.stem().string());
                  sample.split = split_of(sample.scene);
                  sample.image = image;
                  sample.label = label;
                  listing.samples.add(sample);
                });
    return listing;
  }
  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<FolderWriter>(
        options, LabelCode::kColors, false,
        [](const Sample& sample, const SampleContent&) {
          // The split must follow from the scene's name.
          std::string scene = plain_name(sample.scene.empty() ? "scene" : sample.scene);
          if (split_of(scene) != sample.split) scene = sample.split + "-" + scene;
          std::string stem = plain_name(sample.name);
          if (!stem.starts_with(scene + "_")) stem = scene + "_" + stem;
          return FolderWriter::Places{
              fs::path(kImages) / scene / stem, fs::path(kLabels) / scene / (stem + ".png"), {}, {}};
        },
        [ontology = options.ontology](const fs::path& folder, const std::set<FolderWriter::Row>&) {
          std::string text;
          const auto line = [&](int id, const std::string& name, Rgb c) {
            text += fmt::format("{} {} {} {} {}\n", id, name, c[0], c[1], c[2]);
          };
          for (const auto& v : ontology.ignored()) line(v.raw, v.name, v.color);
          for (const auto& c : ontology.classes()) line(ontology.raw_of(c.id), c.name, c.color);
          write_file_atomically(folder / kLabels / "RUGD_annotation-colormap.txt", text);
        });
  }
};

}  // namespace

const DatasetFormat& rugd_format() {
  static const RugdFormat format;
  return format;
}

}  // namespace bramble
