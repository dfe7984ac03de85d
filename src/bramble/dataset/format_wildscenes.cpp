// WildScenes (csiro-robotics/WildScenes), its 2D part: WildScenes2d/SEQUENCE/image/SEC-NS.png, grey raw ids in
// indexLabel/; splits in csv files with the columns id, im_path, label_path.
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

fs::path root_of(const fs::path& folder) {
  return is_folder(folder / "WildScenes2d") ? folder / "WildScenes2d" : folder;
}

// «…/K-01/image/1-2.png» → «K-01/1-2»: what both halves and the split files share.
std::string key_of(const fs::path& path) {
  return (path.parent_path().parent_path().filename() / path.stem()).string();
}

class WildScenesFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "wildscenes"; }
  std::string_view summary() const override {
    return "WildScenes, pictures (2D): sequences with image/ and indexLabel/, csv splits; read and written";
  }
  std::string_view ontology() const override { return "wildscenes"; }
  bool detect(const fs::path& folder) const override {
    const fs::path root = root_of(folder);
    for (const auto& sequence : subfolders(root))
      if (is_folder(root / sequence / "indexLabel")) return true;
    return false;
  }
  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = root_of(options.folder);
    listing.ontology = options.ontology ? *options.ontology : find_ontology("wildscenes");
    listing.problems = Problems(options.strict);
    listing.read_label = label_picture_reader(listing.folder, listing.ontology, LabelCode::kRaw);
    if (!detect(options.folder))
      fail("{} is no WildScenes: no folder in it has indexLabel/ (name WildScenes2d, or the folder that holds it)",
           options.folder.string());
    KeyedFiles images, labels;
    for (const auto& sequence : subfolders(listing.folder)) {
      const fs::path s = sequence;
      for (const auto& file : files_below(listing.folder / s / "image", {".png"}))
        images[sequence + "/" + file.stem().string()] = s / "image" / file;
      for (const auto& file : files_below(listing.folder / s / "indexLabel", {".png"}))
        labels[sequence + "/" + file.stem().string()] = s / "indexLabel" / file;
    }
    const auto split_of = read_splits(options, listing.problems);
    pair_by_key(images, labels, listing.problems,
                [&](const std::string& key, const fs::path& image, const fs::path& label) {
                  Sample sample;
                  sample.split = "train";
                  if (!split_of.empty()) {
                    const auto found = split_of.find(key);
                    if (found == split_of.end()) return;  // the published splits leave some pictures out
                    sample.split = found->second;
                  }
                  sample.scene = fs::path(key).begin()->string();
                  const std::string stem = image.stem().string();
                  const auto dash = stem.find('-');
                  if (dash != std::string::npos)
                    sample.stamp_ns = stamp_from(stem.substr(0, dash), stem.substr(dash + 1));
                  sample.name = plain_name(sample.scene + "_" + stem);
                  sample.image = image;
                  sample.label = label;
                  listing.samples.add(sample);
                });
    for (const auto& [key, split] : split_of)
      if (!images.contains(key))
        listing.problems.add("missing file", fmt::format("{}: the {} split names it", key, split));
    return listing;
  }
  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<FolderWriter>(
        options, LabelCode::kRaw, false,
        [](const Sample& sample, const SampleContent& content) {
          const std::string scene = plain_name(sample.scene.empty() ? "S-01" : sample.scene);
          std::string stem = fmt::format("{}-{:09}", sample.stamp_ns / kNsPerSecond, sample.stamp_ns % kNsPerSecond);
          if (sample.name.starts_with(scene + "_") && sample.name.find('-', scene.size()) != std::string::npos &&
              sample.name.find_first_not_of("0123456789-", scene.size() + 1) == std::string::npos)
            stem = sample.name.substr(scene.size() + 1);
          else if (sample.stamp_ns <= 0)
            stem = fmt::format("{}-{:09}", content.ordinal, 0);
          const fs::path s = fs::path("WildScenes2d") / scene;
          return FolderWriter::Places{s / "image" / stem, s / "indexLabel" / (stem + ".png"), {}, {}};
        },
        [](const fs::path& folder, const std::set<FolderWriter::Row>& rows) {
          std::map<std::string, std::string> lists;
          for (const auto& row : rows) {
            std::string& list = lists[row.split];
            if (list.empty()) list = "id,im_path,label_path\n";
            list += join_csv({row.image.stem().string(), row.image.string(), row.label.string()}) + "\n";
          }
          for (const auto& [split, text] : lists) write_file_atomically(folder / "splits" / (split + ".csv"), text);
        });
  }

 private:
  // key → split, from train.csv, val.csv, test.csv beside or in splits/, or under splits=FOLDER.
  static std::map<std::string, std::string> read_splits(const ReadOptions& options, Problems& problems) {
    std::map<std::string, std::string> split_of;
    for (const fs::path& place : {fs::path(options.option("splits", "")), options.folder / "splits", options.folder}) {
      if (place.empty() || !is_folder(place)) continue;
      for (const std::string split : {"train", "val", "test"}) {
        const fs::path file = place / (split + ".csv");
        if (!is_file(file)) continue;
        std::istringstream text(read_text_file(file));
        int number = 0;
        for (std::string line; std::getline(text, line);) {
          const auto fields = split_csv(line);
          if (++number == 1 || line.empty()) continue;
          if (fields.size() < 3)
            problems.add("malformed list", fmt::format("{}:{}: expected id,im_path,label_path", file.string(), number));
          else
            split_of[key_of(fields[1])] = split;
        }
      }
      if (!split_of.empty()) break;
    }
    return split_of;
  }
};

}  // namespace

const DatasetFormat& wildscenes_format() {
  static const WildScenesFormat format;
  return format;
}

}  // namespace bramble
