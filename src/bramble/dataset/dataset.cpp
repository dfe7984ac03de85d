#include "bramble/dataset/dataset.hpp"

#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"

namespace bramble {

namespace fs = std::filesystem;

Dataset Dataset::open(const fs::path& folder) {
  Dataset dataset;
  dataset.folder_ = folder;
  if (!fs::is_directory(folder)) fail("no data set at {}", folder.string());
  if (!fs::exists(folder / "index.csv"))
    fail("{} is not a complete data set: index.csv is missing; run extract on it again with --resume", folder.string());
  dataset.ontology_ = Ontology::load(folder / "ontology.yaml");
  std::istringstream index(read_text_file(folder / "index.csv"));
  std::string line;
  std::getline(index, line);
  if (line.rfind("name,stamp_ns,image,label,split", 0) != 0)
    fail("{}:1: expected the heading name,stamp_ns,image,label,split", (folder / "index.csv").string());
  for (int number = 2; std::getline(index, line); ++number) {
    std::istringstream row(line);
    std::string name, stamp, image, label;
    if (!std::getline(row, name, ',') || !std::getline(row, stamp, ',') || !std::getline(row, image, ',') ||
        !std::getline(row, label, ','))
      fail("{}:{}: expected five columns", (folder / "index.csv").string(), number);
    Sample sample{name, 0, image, label};
    try {
      sample.stamp_ns = std::stoll(stamp);
    } catch (const std::exception&) {
      fail("{}:{}: '{}' is not a stamp in nanoseconds", (folder / "index.csv").string(), number, stamp);
    }
    for (const auto& file : {sample.image, sample.label})
      if (!fs::exists(folder / file)) fail("{}: {} of sample {} is missing", folder.string(), file.string(), name);
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
