// CamVid as SegNet lays it out: train/, val/, test/ with trainannot/, … of the same names (grey ids), and train.txt, …
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

class CamVidFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "camvid"; }
  std::string_view summary() const override {
    return "CamVid, SegNet's layout: train/ and trainannot/, lists; read and written";
  }
  std::string_view ontology() const override { return "camvid"; }
  bool detect(const fs::path& folder) const override {
    for (const std::string split : {"train", "val", "test"})
      if (is_folder(folder / split) && is_folder(folder / (split + "annot"))) return true;
    return false;
  }
  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = options.folder;
    listing.ontology = options.ontology ? *options.ontology : find_ontology("camvid");
    listing.problems = Problems(options.strict);
    listing.read_label = label_picture_reader(options.folder, listing.ontology, LabelCode::kRaw);
    if (!detect(options.folder)) fail("{} is no CamVid: it has no train/ with trainannot/", options.folder.string());
    for (const std::string split : {"train", "val", "test"}) {
      KeyedFiles images, labels;
      for (const auto& file : files_below(options.folder / split, {".png"})) images[file.string()] = split / file;
      for (const auto& file : files_below(options.folder / (split + "annot"), {".png"}))
        labels[file.string()] = (split + "annot") / file;
      pair_by_key(images, labels, listing.problems,
                  [&](const std::string& key, const fs::path& image, const fs::path& label) {
                    Sample sample;
                    sample.name = plain_name(fs::path(key).stem().string());
                    sample.scene = sample.name.substr(0, sample.name.find('_'));
                    sample.split = split;
                    sample.image = image;
                    sample.label = label;
                    listing.samples.add(sample);
                  });
    }
    return listing;
  }
  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<FolderWriter>(
        options, LabelCode::kRaw, false,
        [](const Sample& sample, const SampleContent&) {
          const std::string name = plain_name(sample.name);
          return FolderWriter::Places{
              fs::path(sample.split) / name, fs::path(sample.split + "annot") / (name + ".png"), {}, {}};
        },
        [](const fs::path& folder, const std::set<FolderWriter::Row>& rows) {
          std::map<std::string, std::string> lists;
          for (const auto& row : rows)
            lists[row.split] +=
                fmt::format("/SegNet/CamVid/{} /SegNet/CamVid/{}\n", row.image.string(), row.label.string());
          for (const auto& [split, text] : lists) write_file_atomically(folder / (split + ".txt"), text);
        });
  }
};

}  // namespace

const DatasetFormat& camvid_format() {
  static const CamVidFormat format;
  return format;
}

}  // namespace bramble
