#include "bramble/dataset/dataset_writer.hpp"

#include <nlohmann/json.hpp>

#include "bramble/core/byte_counts.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/gaia_index.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

// FNV-1a: the same folder for a name on every machine.
std::uint32_t hash_of(const std::string& name) {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return hash;
}

}  // namespace

DatasetWriter::DatasetWriter(const fs::path& folder, const Ontology& ontology, bool resume, int shards)
    : folder_(folder), ontology_(ontology), shards_(shards), rows_(folder) {
  if (shards < 0 || shards > 1000) fail("a data set has 0 to 1000 shards, not {}", shards);
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error))
    fail("{} is a file; name a folder for the data set", folder.string());
  if (fs::exists(folder, error) && !fs::is_empty(folder, error) && !resume)
    fail("{} is not empty; choose another folder, or --resume to go on with an unfinished extraction", folder.string());
  made_folder_ = !fs::exists(folder, error);
  fs::create_directories(folder / "images", error);
  if (!error) fs::create_directories(folder / "labels", error);
  if (error) fail("cannot create the data set folder {}: {}", folder.string(), error.message());
}

fs::path DatasetWriter::file_of(const char* kind, const std::string& name) const {
  const std::string_view k = kind;
  const char* extension = k == "clouds" ? ".bin" : k == "cloud_labels" ? ".label" : ".png";
  fs::path file = kind;
  if (shards_ > 0) file /= fmt::format("{:03}", hash_of(name) % static_cast<std::uint32_t>(shards_));
  return file / (name + extension);
}

bool DatasetWriter::has(const std::string& name) const {
  return fs::exists(folder_ / file_of("images", name)) && fs::exists(folder_ / file_of("labels", name));
}

void DatasetWriter::count(const std::vector<std::uint8_t>& labels) {
  const auto counts = count_bytes(labels);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < counts.size(); ++i) label_count_[i] += counts[i];
}

void DatasetWriter::add_row(const Sample& sample) {
  if (!sample.scene.empty() || !sample.depth.empty() || !sample.cloud.empty()) more_columns_ = true;
  if (!sample.image.empty()) pictures_ = true;
  rows_.add(sample.split + '\2' + RowSorter::key_of(sample.stamp_ns) + '\2' + sample.name,
            join_csv({sample.name, std::to_string(sample.stamp_ns), sample.image.string(), sample.label.string(),
                      sample.split, sample.scene, sample.depth.string(), sample.cloud.string(),
                      sample.cloud_label.string()}));
}

void DatasetWriter::add(const std::string& name, StampNs stamp_ns, const std::string& split, const ImageU8& rgb,
                        const ImageU8& label) {
  Sample sample;
  sample.name = name;
  sample.stamp_ns = stamp_ns;
  sample.split = split;
  add(std::move(sample), rgb, label);
}

void DatasetWriter::add(Sample sample, const ImageU8& rgb, const ImageU8& label, const PointCloud* cloud) {
  if (cloud) {
    sample.cloud = file_of("clouds", sample.name);
    write_file_atomically(folder_ / sample.cloud, kitti_points(cloud->points));
    if (!cloud->labels.empty()) {
      sample.cloud_label = file_of("cloud_labels", sample.name);
      write_file_atomically(folder_ / sample.cloud_label, kitti_labels(*cloud, ontology_, true));
      if (rgb.empty()) count(cloud->labels);
    }
  }
  if (!rgb.empty()) {
    sample.image = file_of("images", sample.name);
    sample.label = file_of("labels", sample.name);
    write_png(folder_ / sample.image, rgb);
    write_png(folder_ / sample.label, label);
    count(label.data);
  }
  add_row(sample);
}

bool DatasetWriter::keep(Sample sample) {
  if (!has(sample.name)) return false;
  for (const auto* file : {&sample.depth, &sample.cloud, &sample.cloud_label})
    if (!file->empty() && !fs::exists(folder_ / *file)) return false;
  sample.image = file_of("images", sample.name);
  sample.label = file_of("labels", sample.name);
  try {
    count(read_image(folder_ / sample.label, PixelFormat::kGrey).data);
  } catch (const Error&) {
    return false;
  }
  add_row(sample);
  return true;
}

void DatasetWriter::discard_if_empty() {
  if (size() > 0) return;
  std::error_code error;
  const auto empty = [&](const char* name) {
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / name, error))
      if (entry.is_regular_file(error)) return false;
    return true;
  };
  if (fs::exists(folder_ / "index.csv", error) || !empty("images") || !empty("labels")) return;
  for (const char* name : {"images", "labels"}) fs::remove_all(folder_ / name, error);
  fs::remove(folder_ / "extraction.json", error);
  if (made_folder_) fs::remove(folder_, error);
}

void DatasetWriter::finish() {
  nlohmann::ordered_json ontology = nlohmann::ordered_json::parse(ontology_.to_gaia_json());
  for (const auto& c : ontology_.classes()) ontology[c.name]["label_count"] = label_count_[c.id];
  write_file_atomically(folder_ / "ontology.yaml", ontology_.to_yaml());
  write_file_atomically(folder_ / "ontology.json", ontology.dump(2) + "\n");
  GaiaIndexWriter gaia(folder_ / "dataset.parquet", pictures_ ? "image" : "points");
  LineFile index(folder_ / "index.csv");
  index.line(std::string(SampleIndex::kHeading) + (more_columns_ ? ",scene,depth,cloud,cloud_label" : ""));
  rows_.merge([&](const std::string& row) {
    auto fields = split_csv(row);
    if (pictures_ ? !fields[2].empty() : true)
      gaia.add({fields[0], fields[pictures_ ? 2 : 7], fields[pictures_ ? 3 : 8], fields[4]});
    if (!more_columns_) fields.resize(5);
    index.line(join_csv(fields));
  });
  gaia.finish();
  index.finish();
}

}  // namespace bramble
