// PerceptionMetrics' GAIA layout: dataset.parquet, ontology.json, SPLIT/image-NAME.png and SPLIT/label-NAME.png, or
// SPLIT/points-NAME.bin and SPLIT/label-NAME.label.
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/folder_format.hpp"
#include "bramble/dataset/gaia_index.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

class GaiaFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "gaia"; }
  std::string_view summary() const override {
    return "PerceptionMetrics' Parquet index and ontology.json, pictures or LiDAR; read and written";
  }
  bool detect(const fs::path& folder) const override {
    return is_file(folder / "dataset.parquet") || folder.extension() == ".parquet";
  }
  Listing read(const ReadOptions& options) const override {
    const bool named = options.folder.extension() == ".parquet";
    const fs::path file = named ? options.folder : options.folder / "dataset.parquet";
    Listing listing;
    listing.folder = named ? options.folder.parent_path() : options.folder;
    listing.problems = Problems(options.strict);
    std::set<std::string> names;
    std::vector<GaiaRow> late;  // a sample needs to know whether rows are clouds: the header comes with the end
    const GaiaHeader header = read_gaia_index(file, [&](const GaiaRow& row) { late.push_back(row); });
    for (const GaiaRow& row : late) {
      Sample sample;
      sample.name = row.name;
      sample.split = row.split;
      (header.points ? sample.cloud : sample.image) = row.image;
      (header.points ? sample.cloud_label : sample.label) = row.label;
      if (!names.insert(row.name).second)
        listing.problems.add("duplicate name", fmt::format("{}: sample {} stands twice", file.string(), row.name));
      else if (!is_file(listing.folder / row.image))
        listing.problems.add("missing file", fmt::format("{}: {} is not there", row.name, row.image));
      else if (row.label.empty())
        listing.problems.add("image without label", fmt::format("{}: the index names no label", row.image));
      else if (!is_file(listing.folder / row.label))
        listing.problems.add("missing file", fmt::format("{}: {} is not there", row.name, row.label));
      else
        listing.samples.add(sample);
    }
    if (options.ontology) {
      listing.ontology = *options.ontology;
    } else {
      const fs::path ontology = listing.folder / header.ontology_file;
      listing.ontology = Ontology::from_gaia_json(read_text_file(ontology), ontology.parent_path().filename().string(),
                                                  ontology.string());
    }
    listing.read_label = label_picture_reader(listing.folder, listing.ontology, LabelCode::kRaw);
    return listing;
  }
  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<FolderWriter>(
        options, LabelCode::kIds, false,
        [](const Sample& sample, const SampleContent&) {
          const std::string name = plain_name(sample.name);
          const fs::path split = sample.split;
          return FolderWriter::Places{split / ("image-" + name), split / ("label-" + name + ".png"),
                                      split / ("points-" + name + ".bin"), split / ("label-" + name + ".label")};
        },
        [ontology = options.ontology](const fs::path& folder, const std::set<FolderWriter::Row>& rows) {
          const bool points = !rows.empty() && rows.begin()->image.empty();
          write_file_atomically(folder / "ontology.json", ontology.to_gaia_json());
          GaiaIndexWriter index(folder / "dataset.parquet", points ? "points" : "image");
          for (const auto& row : rows)
            index.add({row.name, (points ? row.cloud : row.image).string(),
                       (points ? row.cloud_label : row.label).string(), row.split});
          index.finish();
        });
  }
};

}  // namespace

const DatasetFormat& gaia_format() {
  static const GaiaFormat format;
  return format;
}

}  // namespace bramble
