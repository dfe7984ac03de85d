#include "bramble/dataset/dataset_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/gaia_index.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {
std::string image_file(const std::string& name) { return "images/" + name + ".png"; }
std::string label_file(const std::string& name) { return "labels/" + name + ".png"; }
}  // namespace

DatasetWriter::DatasetWriter(const fs::path& folder, const Ontology& ontology, bool resume)
    : folder_(folder), ontology_(ontology) {
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

bool DatasetWriter::has(const std::string& name) const {
  return fs::exists(folder_ / image_file(name)) && fs::exists(folder_ / label_file(name));
}

void DatasetWriter::count(const ImageU8& label) {
  std::array<std::uint64_t, 256> counts{};
  for (const auto id : label.data) ++counts[id];
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < counts.size(); ++i) label_count_[i] += counts[i];
}

void DatasetWriter::add(const std::string& name, StampNs stamp_ns, const std::string& split, const ImageU8& rgb,
                        const ImageU8& label) {
  write_png(folder_ / image_file(name), rgb);
  write_png(folder_ / label_file(name), label);
  count(label);
  const std::lock_guard lock(mutex_);
  rows_[name] = {stamp_ns, split};
}

bool DatasetWriter::keep(const std::string& name, StampNs stamp_ns, const std::string& split) {
  if (!has(name)) return false;
  try {
    count(read_image(folder_ / label_file(name), PixelFormat::kGrey));
  } catch (const Error&) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  rows_[name] = {stamp_ns, split};
  return true;
}

std::size_t DatasetWriter::size() const {
  const std::lock_guard lock(mutex_);
  return rows_.size();
}

void DatasetWriter::discard_if_empty() {
  if (size() > 0) return;
  std::error_code error;
  const auto empty = [&](const char* name) { return fs::is_empty(folder_ / name, error); };
  if (fs::exists(folder_ / "index.csv", error) || !empty("images") || !empty("labels")) return;
  for (const char* name : {"images", "labels", "extraction.json"}) fs::remove(folder_ / name, error);
  if (made_folder_) fs::remove(folder_, error);
}

void DatasetWriter::finish() {
  std::vector<std::pair<std::string, Row>> rows(rows_.begin(), rows_.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.split, a.second.stamp_ns, a.first) < std::tie(b.second.split, b.second.stamp_ns, b.first);
  });
  std::vector<GaiaRow> gaia;
  std::string index = "name,stamp_ns,image,label,split\n";
  for (const auto& [name, row] : rows) {
    gaia.push_back({name, image_file(name), label_file(name), row.split});
    index += fmt::format("{},{},{},{},{}\n", name, row.stamp_ns, image_file(name), label_file(name), row.split);
  }
  nlohmann::ordered_json ontology = nlohmann::ordered_json::parse(ontology_.to_gaia_json());
  for (const auto& c : ontology_.classes()) ontology[c.name]["label_count"] = label_count_[c.id];
  write_file_atomically(folder_ / "ontology.yaml", ontology_.to_yaml());
  write_file_atomically(folder_ / "ontology.json", ontology.dump(2) + "\n");
  write_gaia_index(folder_ / "dataset.parquet", gaia);
  write_file_atomically(folder_ / "index.csv", index);
}

}  // namespace bramble
