// SemanticKITTI (semantic-kitti.org): sequences/NN/velodyne/NNNNNN.bin, labels/NNNNNN.label (uint32: class and
// instance), times.txt; pictures of KITTI's camera in image_2/ where they were copied beside.
#include <algorithm>
#include <regex>
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

// The benchmark's split: 8 validates, 11 to 21 test.
std::string split_of(int sequence) { return sequence == 8 ? "val" : sequence >= 11 ? "test" : "train"; }

class SemanticKittiFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "semantickitti"; }
  std::string_view summary() const override {
    return "SemanticKITTI: LiDAR sweeps with a label a point, by sequence; read and written";
  }
  std::string_view ontology() const override { return "semantickitti"; }
  bool detect(const fs::path& folder) const override {
    for (const auto& sequence : subfolders(folder / "sequences"))
      if (is_folder(folder / "sequences" / sequence / "velodyne")) return true;
    return false;
  }
  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = options.folder;
    listing.ontology = options.ontology ? *options.ontology : find_ontology("semantickitti");
    listing.problems = Problems(options.strict);
    listing.read_label = [](const Sample& sample, UnknownLabels&) -> ImageU8 {
      fail("{}: SemanticKITTI labels points, not pictures", sample.name);
    };
    if (!detect(options.folder))
      fail("{} is no SemanticKITTI: no sequences/NN/velodyne in it", options.folder.string());
    for (const auto& sequence : subfolders(options.folder / "sequences")) {
      const fs::path s = fs::path("sequences") / sequence;
      const bool number =
          !sequence.empty() && sequence.size() <= 3 && sequence.find_first_not_of("0123456789") == std::string::npos;
      const std::string split = number ? split_of(std::stoi(sequence)) : "train";
      const auto stamps = read_times(options.folder / s / "times.txt");
      KeyedFiles clouds, labels;
      for (const auto& file : files_below(options.folder / s / "velodyne", {".bin"}))
        clouds[file.stem().string()] = s / "velodyne" / file;
      for (const auto& file : files_below(options.folder / s / "labels", {".label"}))
        labels[file.stem().string()] = s / "labels" / file;
      if (labels.empty() && split == "test") continue;  // its labels are not published
      pair_by_key(clouds, labels, listing.problems,
                  [&](const std::string& key, const fs::path& cloud, const fs::path& label) {
                    Sample sample;
                    sample.name = plain_name(sequence + "_" + key);
                    sample.scene = sequence;
                    sample.split = split;
                    sample.cloud = cloud;
                    sample.cloud_label = label;
                    const auto frame = key.find_first_not_of("0123456789") == std::string::npos && key.size() < 10
                                           ? static_cast<std::size_t>(std::stoul(key))
                                           : stamps.size();
                    if (frame < stamps.size()) sample.stamp_ns = stamps[frame];
                    listing.samples.add(sample);
                  });
    }
    return listing;
  }
  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<FolderWriter>(
        options, LabelCode::kRaw, false,
        [](const Sample& sample, const SampleContent& content) {
          static const std::regex own(R"((\d\d)_(\d{6}))");
          std::string sequence = sample.split == "val" ? "08" : sample.split == "test" ? "11" : "00";
          std::string frame = fmt::format("{:06}", content.ordinal);
          if (std::smatch match;
              std::regex_match(sample.name, match, own) && split_of(std::stoi(match[1])) == sample.split) {
            sequence = match[1];
            frame = match[2];
          }
          const fs::path s = fs::path("sequences") / sequence;
          return FolderWriter::Places{{}, {}, s / "velodyne" / (frame + ".bin"), s / "labels" / (frame + ".label")};
        },
        [](const fs::path& folder, const std::set<FolderWriter::Row>& rows) {
          // times.txt: a line a frame, in seconds; frames that are not there repeat the one before.
          std::map<fs::path, std::map<int, StampNs>> sequences;
          for (const auto& row : rows)
            sequences[row.cloud.parent_path().parent_path()][std::stoi(row.cloud.stem().string())] = row.stamp_ns;
          for (const auto& [sequence, frames] : sequences) {
            std::string text;
            StampNs stamp_ns = 0;
            for (int frame = 0; frame <= frames.rbegin()->first; ++frame) {
              if (const auto found = frames.find(frame); found != frames.end()) stamp_ns = found->second;
              text += fmt::format("{}.{:09}\n", stamp_ns / kNsPerSecond, stamp_ns % kNsPerSecond);
            }
            write_file_atomically(folder / sequence / "times.txt", text);
          }
        });
  }

 private:
  static std::vector<StampNs> read_times(const fs::path& file) {
    std::vector<StampNs> stamps;
    if (!is_file(file)) return stamps;
    std::istringstream text(read_text_file(file));
    for (std::string word; text >> word;) {
      char* end = nullptr;
      const double seconds = std::strtod(word.c_str(), &end);  // KITTI writes 1.037e-01
      const auto dot = word.find('.');
      const bool plain = dot != std::string::npos && word.find_first_of("eE") == std::string::npos;
      stamps.push_back(plain ? stamp_from(word.substr(0, dot), word.substr(dot + 1))
                             : static_cast<StampNs>(seconds * 1e9 + 0.5));
    }
    return stamps;
  }
};

}  // namespace

const DatasetFormat& semantickitti_format() {
  static const SemanticKittiFormat format;
  return format;
}

}  // namespace bramble
