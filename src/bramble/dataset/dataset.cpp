#include "bramble/dataset/dataset.hpp"

#include <charconv>
#include <set>
#include <sstream>
#include <string_view>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kHeading = "name,stamp_ns,image,label,split";

// One line of index.csv. Fields hold no commas: names come from extract, which makes them plain.
Sample parse_row(const std::string& line, const std::string& where) {
  std::vector<std::string> fields;
  std::istringstream row(line);
  for (std::string field; std::getline(row, field, ',');) fields.push_back(field);
  if (fields.size() != 5) fail("{}: {} columns, expected five ({})", where, fields.size(), kHeading);
  Sample sample{fields[0], 0, fields[2], fields[3], fields[4]};
  const char* end = fields[1].data() + fields[1].size();
  if (const auto read = std::from_chars(fields[1].data(), end, sample.stamp_ns);
      read.ec != std::errc() || read.ptr != end)
    fail("{}: '{}' is not a stamp in nanoseconds", where, fields[1]);
  for (const auto& file : {sample.image, sample.label})
    if (file.empty() || file.is_absolute() || file.lexically_normal().string().starts_with(".."))
      fail("{}: '{}' is not a path inside the data set", where, file.string());
  return sample;
}

}  // namespace

Dataset Dataset::open(const fs::path& folder) {
  Dataset dataset;
  dataset.folder_ = folder;
  std::error_code error;
  if (!fs::is_directory(folder, error)) fail("no data set at {}", folder.string());
  const fs::path index_file = folder / "index.csv";
  if (!fs::exists(index_file, error)) {
    if (fs::exists(folder / "extraction.json", error))
      fail("{} is not a complete data set: index.csv is missing; run extract on it again with --resume",
           folder.string());
    fail("{} is not a data set of Bramble: it has no index.csv", folder.string());
  }
  dataset.ontology_ = Ontology::load(folder / "ontology.yaml");
  std::istringstream index(read_text_file(index_file));
  std::set<std::string> names;
  std::string line;
  for (int number = 1; std::getline(index, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    const std::string where = fmt::format("{}:{}", index_file.string(), number);
    if (number == 1) {
      if (line != kHeading) fail("{}: expected the heading {}", where, kHeading);
      continue;
    }
    Sample sample = parse_row(line, where);
    if (!names.insert(sample.name).second) fail("{}: sample {} stands twice", where, sample.name);
    for (const auto& file : {sample.image, sample.label})
      if (!fs::is_regular_file(folder / file, error))
        fail("{}: {} of sample {} is missing", folder.string(), file.string(), sample.name);
    dataset.samples_.push_back(std::move(sample));
  }
  if (dataset.samples_.empty()) fail("{} has no samples", folder.string());
  return dataset;
}

ImageU8 Dataset::load_image(std::size_t index) const {
  return read_image(folder_ / samples_.at(index).image, PixelFormat::kRgb);
}

ImageU8 Dataset::load_label(std::size_t index) const {
  const auto file = folder_ / samples_.at(index).label;
  ImageU8 label = read_image(file, PixelFormat::kGrey);
  for (const auto id : label.data)
    if (id >= ontology_.size() && id != kIgnoreId)
      fail("{}: label value {} is no class of ontology {} (0 to {}, or {} for ignored pixels)", file.string(), id,
           ontology_.name(), ontology_.size() - 1, kIgnoreId);
  return label;
}

}  // namespace bramble
