// Bramble's own layout: images/, labels/, index.csv (dataset.hpp).
#include "bramble/core/error.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

class BrambleWriter final : public SampleWriter {
 public:
  explicit BrambleWriter(const WriteOptions& options)
      : writer_(options.folder, options.ontology, false, options.shards) {}
  void add(const Sample& sample, const SampleContent& content) override {
    Sample row;
    row.name = plain_name(sample.name);
    row.stamp_ns = sample.stamp_ns;
    row.split = sample.split;
    row.scene = sample.scene;
    writer_.add(std::move(row), content.image, content.label, content.cloud ? &*content.cloud : nullptr);
  }
  void finish() override { writer_.finish(); }

 private:
  DatasetWriter writer_;
};

class BrambleFormat final : public DatasetFormat {
 public:
  std::string_view name() const override { return "bramble"; }
  std::string_view summary() const override {
    return "images/ and labels/ (PNG, ids), clouds/, index.csv, and the GAIA index beside it; read and written";
  }
  bool detect(const fs::path& folder) const override {
    return is_file(folder / "index.csv") || is_file(folder / "extraction.json") || is_file(folder / "ontology.yaml");
  }
  Listing read(const ReadOptions& options) const override {
    const fs::path& folder = options.folder;
    Listing listing;
    const fs::path index_file = folder / "index.csv";
    if (!is_file(index_file)) {
      if (is_file(folder / "extraction.json"))
        fail("{} is not a complete data set: index.csv is missing; run extract on it again with --resume",
             folder.string());
      fail("{} is not a data set of Bramble: it has no index.csv", folder.string());
    }
    listing.folder = folder;
    listing.ontology = options.ontology ? *options.ontology : Ontology::load(folder / "ontology.yaml");
    listing.samples = SampleIndex::open(index_file);
    for (const Sample& sample : listing.samples)
      for (const auto& file : {sample.image, sample.label, sample.depth, sample.cloud, sample.cloud_label})
        if (!file.empty() && !is_file(folder / file))
          fail("{}: {} of sample {} is missing", folder.string(), file.string(), sample.name);
    listing.read_label = label_picture_reader(folder, listing.ontology, LabelCode::kIds);
    listing.plain_cloud_labels = true;
    return listing;
  }
  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override {
    return std::make_unique<BrambleWriter>(options);
  }
};

}  // namespace

const DatasetFormat& bramble_format() {
  static const BrambleFormat format;
  return format;
}

}  // namespace bramble
