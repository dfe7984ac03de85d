// RELLIS-3D (github.com/unmannedlab/RELLIS-3D): SEQUENCE/pylon_camera_node/frameNNNNNN-SEC_MSEC.jpg, grey raw ids in
// pylon_camera_node_label_id, LiDAR in os1_cloud_node_kitti_bin; train.lst, val.lst, test.lst with lines «image label».
#include <regex>
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr const char* kImages = "pylon_camera_node";
constexpr const char* kLabels = "pylon_camera_node_label_id";
constexpr const char* kClouds = "os1_cloud_node_kitti_bin";
constexpr const char* kCloudLabels = "os1_cloud_node_semantickitti_label_id";

// «frame000104-1581624663_149»: number of the frame and stamp.
bool parse_frame(const std::string& stem, std::string& number, StampNs& stamp_ns) {
  static const std::regex pattern(R"(frame(\d{6})-(\d+)_(\d+))");
  std::smatch match;
  if (!std::regex_match(stem, match, pattern)) return false;
  number = match[1];
  stamp_ns = stamp_from(match[2], match[3]);
  return true;
}

class Rellis3dFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "rellis3d"; }
  std::string_view summary() const override {
    return "RELLIS-3D: sequences of pictures, id pictures, LiDAR, .lst splits; read and written";
  }
  std::string_view ontology() const override { return "rellis3d"; }
  bool detect(const fs::path& folder) const override {
    for (const auto& sequence : subfolders(folder))
      if (is_folder(folder / sequence / kImages) || is_folder(folder / sequence / kClouds)) return true;
    return false;
  }

  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = options.folder;
    listing.ontology = options.ontology ? *options.ontology : find_ontology("rellis3d");
    listing.problems = Problems(options.strict);
    listing.read_label = label_picture_reader(options.folder, listing.ontology, LabelCode::kRaw);
    if (!detect(options.folder))
      fail("{} is no RELLIS-3D: no folder in it has {}/ (name the folder that holds 00000, 00001, …)",
           options.folder.string(), kImages);
    // pt: the LiDAR's own lists and every sweep; else pictures, with the sweep of the same frame beside them.
    const std::string kind = options.option("kind", "image");
    if (kind != "image" && kind != "lidar") fail("kind={} is not known; kinds: image, lidar", kind);
    const std::string prefix = kind == "lidar" ? "pt_" : "";
    bool lists = false;
    for (const char* split : {"train", "val", "test"}) {
      const fs::path file = options.folder / (prefix + split + ".lst");
      if (!is_file(file)) continue;
      lists = true;
      read_list(listing, file, split, kind == "lidar");
    }
    if (!lists) read_folders(listing, kind == "lidar");
    return listing;
  }

  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<FolderWriter>(
        options, LabelCode::kRaw, true,
        [](const Sample& sample, const SampleContent& content) {
          static const std::regex sequence_pattern(R"(\d{5})"), own(R"((\d{5})_(frame(\d{6})-\d+_\d+))");
          fs::path sequence = std::regex_match(sample.scene, sequence_pattern) ? sample.scene : "00000";
          std::string number = fmt::format("{:06}", content.ordinal);
          std::string stem = fmt::format("frame{}-{}_{:03}", number, sample.stamp_ns / kNsPerSecond,
                                         sample.stamp_ns % kNsPerSecond / 1'000'000);
          if (std::smatch match; std::regex_match(sample.name, match, own)) {
            sequence = match[1].str();
            stem = match[2];
            number = match[3];
          }
          return FolderWriter::Places{sequence / kImages / stem, sequence / kLabels / (stem + ".png"),
                                      sequence / kClouds / (number + ".bin"),
                                      sequence / kCloudLabels / (number + ".label")};
        },
        [](const fs::path& folder, const std::set<FolderWriter::Row>& rows) {
          std::map<std::string, std::string> lists;
          for (const auto& row : rows) {
            if (!row.image.empty())
              lists[row.split + ".lst"] += fmt::format("{} {}\n", row.image.string(), row.label.string());
            if (!row.cloud_label.empty())
              lists["pt_" + row.split + ".lst"] += fmt::format("{} {}\n", row.cloud.string(), row.cloud_label.string());
          }
          for (const auto& [name, text] : lists) write_file_atomically(folder / name, text);
        });
  }

 private:
  static void take(Listing& listing, const fs::path& first, const fs::path& label, const std::string& split,
                   bool lidar) {
    Sample sample;
    sample.scene = first.begin()->string();
    sample.name = plain_name(sample.scene + "_" + first.stem().string());
    sample.split = split;
    (lidar ? sample.cloud : sample.image) = first;
    (lidar ? sample.cloud_label : sample.label) = label;
    std::string number;
    if (!lidar && parse_frame(first.stem().string(), number, sample.stamp_ns)) {
      const fs::path cloud = fs::path(sample.scene) / kClouds / (number + ".bin");
      const fs::path cloud_label = fs::path(sample.scene) / kCloudLabels / (number + ".label");
      if (is_file(listing.folder / cloud)) {
        sample.cloud = cloud;
        if (is_file(listing.folder / cloud_label)) sample.cloud_label = cloud_label;
      }
    }
    for (const auto& file : {first, label})
      if (!is_file(listing.folder / file))
        return listing.problems.add("missing file",
                                    fmt::format("{}: the {} list names it", (listing.folder / file).string(), split));
    listing.samples.add(sample);
  }

  static void read_list(Listing& listing, const fs::path& file, const std::string& split, bool lidar) {
    std::istringstream text(read_text_file(file));
    int number = 0;
    for (std::string line; std::getline(text, line);) {
      ++number;
      std::istringstream words(line);
      std::string first, label, rest;
      if (!(words >> first)) continue;
      if (!(words >> label) || words >> rest) {
        listing.problems.add("malformed list", fmt::format("{}:{}: expected «image label»", file.string(), number));
        continue;
      }
      take(listing, first, label, split, lidar);
    }
  }

  // Without lists: every pair there is, as training data.
  static void read_folders(Listing& listing, bool lidar) {
    KeyedFiles images, labels;
    for (const auto& sequence : subfolders(listing.folder)) {
      const fs::path s = sequence;
      const auto gather = [&](KeyedFiles& files, const char* folder, const std::vector<std::string>& endings) {
        for (const auto& file : files_below(listing.folder / s / folder, endings))
          files[sequence + "/" + file.stem().string()] = s / folder / file;
      };
      gather(images, lidar ? kClouds : kImages,
             lidar ? std::vector<std::string>{".bin"} : std::vector<std::string>{".jpg", ".png"});
      gather(labels, lidar ? kCloudLabels : kLabels, {lidar ? ".label" : ".png"});
    }
    pair_by_key(images, labels, listing.problems,
                [&](const std::string&, const fs::path& image, const fs::path& label) {
                  take(listing, image, label, "train", lidar);
                });
  }
};

}  // namespace

const DatasetFormat& rellis3d_format() {
  static const Rellis3dFormat format;
  return format;
}

}  // namespace bramble
