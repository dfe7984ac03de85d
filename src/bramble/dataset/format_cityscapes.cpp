// Cityscapes and what is laid out like it: leftImg8bit/SPLIT/CITY/CITY_SEQ_FRAME_leftImg8bit.png with
// gtFine/SPLIT/CITY/CITY_SEQ_FRAME_gtFine_labelIds.png (grey raw ids).
#include <regex>

#include "bramble/core/error.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr const char* kImageEnding = "_leftImg8bit";

std::string without(const std::string& text, const std::string& ending) {
  return text.substr(0, text.size() - ending.size());
}

class CityscapesFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "cityscapes"; }
  std::string_view summary() const override {
    return "Cityscapes and data sets laid out like it: leftImg8bit/, gtFine/ (labelIds); read and written";
  }
  std::string_view ontology() const override { return "cityscapes"; }
  bool detect(const fs::path& folder) const override { return is_folder(folder / "leftImg8bit"); }
  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = options.folder;
    listing.ontology = options.ontology ? *options.ontology : find_ontology("cityscapes");
    listing.problems = Problems(options.strict);
    listing.read_label = label_picture_reader(options.folder, listing.ontology, LabelCode::kRaw);
    const std::string kind = options.option("labels", "gtFine");
    const std::string ending = "_" + kind + "_labelIds.png";
    for (const std::string& half : {std::string("leftImg8bit"), kind})
      if (!is_folder(options.folder / half)) fail("{} is no Cityscapes: it has no {}/", options.folder.string(), half);
    for (const std::string split : {"train", "val", "test"}) {
      KeyedFiles images, labels;
      const fs::path image_folder = fs::path("leftImg8bit") / split, label_folder = fs::path(kind) / split;
      const std::string image_ending = std::string(kImageEnding) + ".png";
      for (const auto& file : files_below(options.folder / image_folder, {image_ending}))
        images[without(file.string(), image_ending)] = image_folder / file;
      for (const auto& file : files_below(options.folder / label_folder, {ending}))
        labels[without(file.string(), ending)] = label_folder / file;
      pair_by_key(images, labels, listing.problems,
                  [&](const std::string& key, const fs::path& image, const fs::path& label) {
                    Sample sample;
                    sample.name = plain_name(fs::path(key).filename().string());
                    sample.scene = fs::path(key).begin()->string();
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
        [](const Sample& sample, const SampleContent& content) {
          static const std::regex own(R"([A-Za-z-]+_\d+_\d+)");
          std::string city;
          for (const char c : sample.scene.empty() ? std::string("bramble") : sample.scene)
            city += std::isalpha(static_cast<unsigned char>(c)) ? c : '-';
          std::string stem = fmt::format("{}_000000_{:06}", city, content.ordinal);
          if (std::regex_match(sample.name, own) && sample.name.starts_with(city + "_")) stem = sample.name;
          return FolderWriter::Places{fs::path("leftImg8bit") / sample.split / city / (stem + kImageEnding),
                                      fs::path("gtFine") / sample.split / city / (stem + "_gtFine_labelIds.png"),
                                      {},
                                      {}};
        },
        nullptr);
  }
};

}  // namespace

const DatasetFormat& cityscapes_format() {
  static const CityscapesFormat format;
  return format;
}

}  // namespace bramble
