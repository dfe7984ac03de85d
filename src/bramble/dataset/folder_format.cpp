#include "bramble/dataset/folder_format.hpp"

#include <algorithm>
#include <cctype>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

ImageU8 read_values(const fs::path& file, const std::array<std::optional<ClassId>, 256>& id_of,
                    UnknownLabels& unknown) {
  ImageU8 label = read_image(file, PixelFormat::kGrey);
  std::array<std::uint64_t, 256> counts{};
  for (auto& value : label.data) {
    ++counts[value];
    value = id_of[value].value_or(kIgnoreId);
  }
  for (std::size_t value = 0; value < 256; ++value)
    if (counts[value] > 0 && !id_of[value]) {
      unknown.count += counts[value];
      unknown.example = std::to_string(value);
    }
  return label;
}

ImageU8 read_colors(const fs::path& file, const Ontology& ontology, UnknownLabels& unknown) {
  const ImageU8 colors = read_image(file, PixelFormat::kRgb);
  ImageU8 label(colors.width, colors.height, 1);
  Rgb last{};
  std::optional<ClassId> id = ontology.find_color(last);
  for (std::size_t i = 0; i < label.data.size(); ++i) {
    const Rgb color{colors.data[3 * i], colors.data[3 * i + 1], colors.data[3 * i + 2]};
    if (color != last) {
      last = color;
      id = ontology.find_color(color);
    }
    label.data[i] = id.value_or(kIgnoreId);
    if (id) continue;
    ++unknown.count;
    unknown.example = fmt::format("({}, {}, {})", color[0], color[1], color[2]);
  }
  return label;
}

}  // namespace

std::function<ImageU8(const Sample&, UnknownLabels&)> label_picture_reader(fs::path folder, const Ontology& ontology,
                                                                           LabelCode code) {
  if (code == LabelCode::kColors)
    return [folder = std::move(folder), ontology](const Sample& sample, UnknownLabels& unknown) {
      return read_colors(folder / sample.label, ontology, unknown);
    };
  std::array<std::optional<ClassId>, 256> id_of;
  for (int value = 0; value < 256; ++value) {
    if (code == LabelCode::kRaw)
      id_of[value] = ontology.find_raw(value);
    else if (static_cast<std::size_t>(value) < ontology.size() || value == kIgnoreId)
      id_of[value] = static_cast<ClassId>(value);
  }
  return [folder = std::move(folder), id_of](const Sample& sample, UnknownLabels& unknown) {
    return read_values(folder / sample.label, id_of, unknown);
  };
}

ImageU8 encode_label(const ImageU8& ids, const Ontology& ontology, LabelCode code) {
  if (code == LabelCode::kIds) return ids;
  if (code == LabelCode::kColors) {
    ImageU8 colors = ontology.colorize(ids);
    if (ontology.ignored().empty()) return colors;
    const Rgb ignored = ontology.ignored().front().color;
    for (std::size_t i = 0; i < ids.data.size(); ++i)
      if (ids.data[i] >= ontology.size())
        std::copy(ignored.begin(), ignored.end(), colors.data.begin() + static_cast<std::ptrdiff_t>(3 * i));
    return colors;
  }
  std::array<std::uint8_t, 256> raw_of;
  for (int id = 0; id < 256; ++id) {
    const int raw = ontology.raw_of(static_cast<ClassId>(id));
    if (raw > 255) fail("ontology {}: raw value {} does not fit into a label picture of 8 bits", ontology.name(), raw);
    raw_of[id] = static_cast<std::uint8_t>(raw);
  }
  ImageU8 raw = ids;
  for (auto& value : raw.data) value = raw_of[value];
  return raw;
}

std::vector<fs::path> files_below(const fs::path& folder, const std::vector<std::string>& endings) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::follow_directory_symlink, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (std::any_of(endings.begin(), endings.end(), [&](const auto& ending) { return name.ends_with(ending); }) &&
        it->is_regular_file(error))
      files.push_back(it->path().lexically_relative(folder));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> subfolders(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.is_directory(error)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}
bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

void pair_by_key(const KeyedFiles& images, const KeyedFiles& labels, Problems& problems,
                 const std::function<void(const std::string&, const fs::path&, const fs::path&)>& take) {
  for (const auto& [key, image] : images) {
    const auto label = labels.find(key);
    if (label == labels.end())
      problems.add("image without label", fmt::format("{}: no label of that name", image.string()));
    else
      take(key, image, label->second);
  }
  for (const auto& [key, label] : labels)
    if (!images.contains(key))
      problems.add("label without image", fmt::format("{}: no picture of that name", label.string()));
}

std::string plain_name(const std::string& text) {
  std::string out = text;
  for (char& c : out)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') c = '_';
  return out;
}

StampNs stamp_from(const std::string& seconds, const std::string& fraction) {
  const auto digits = [](const std::string& text) {
    return !text.empty() && text.size() <= 10 &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
  };
  if (!digits(seconds) || (!fraction.empty() && !digits(fraction))) return 0;
  std::string nanoseconds = fraction.substr(0, 9);
  nanoseconds.resize(9, '0');
  return std::stoll(seconds) * kNsPerSecond + std::stoll(nanoseconds);
}

void require_new_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error))
    fail("{} is a file; name a folder for the data set", folder.string());
  if (fs::exists(folder, error) && !fs::is_empty(folder, error))
    fail("{} is not empty; choose another folder", folder.string());
}

FolderWriter::FolderWriter(const WriteOptions& options, LabelCode code, bool jpeg,
                           std::function<Places(const Sample&, const SampleContent&)> places, Finish finish)
    : options_(options), code_(code), jpeg_(jpeg), places_(std::move(places)), finish_(std::move(finish)) {
  require_new_folder(options_.folder);
}

void FolderWriter::add(const Sample& sample, const SampleContent& content) {
  const Places places = places_(sample, content);
  Row row;
  row.split = sample.split;
  row.name = sample.name;
  row.stamp_ns = sample.stamp_ns;
  if (!content.image.empty() && !places.image.empty()) {
    // The bytes of the source, where they are what this format holds: nothing is compressed twice.
    std::vector<std::uint8_t> bytes;
    if (!content.image_file.empty()) bytes = read_file(content.image_file);
    const bool jpeg = bytes.size() > 2 && bytes[0] == 0xFF && bytes[1] == 0xD8;
    const bool plain_png =
        bytes.size() > 26 && bytes[0] == 0x89 && bytes[24] == 8 && bytes[25] == 2;  // IHDR: RGB, 8 bit
    if (!plain_png && !(jpeg && jpeg_)) bytes = encode_png(content.image);
    row.image = places.image.string() + (jpeg && jpeg_ ? ".jpg" : ".png");
    row.label = places.label;
    write_file_atomically(options_.folder / row.image, bytes);
    if (!content.label.empty())
      write_png(options_.folder / row.label, encode_label(content.label, options_.ontology, code_));
  }
  if (content.cloud && !places.cloud.empty()) {
    row.cloud = places.cloud;
    write_file_atomically(options_.folder / row.cloud, kitti_points(content.cloud->points));
    if (!content.cloud->labels.empty()) {
      row.cloud_label = places.cloud_label;
      write_file_atomically(options_.folder / row.cloud_label,
                            kitti_labels(*content.cloud, options_.ontology, code_ == LabelCode::kIds));
    }
  }
  if (row.image.empty() && row.cloud.empty())
    fail("sample {} has nothing that this format holds (pictures or point clouds)", sample.name);
  const std::lock_guard lock(mutex_);
  if (!rows_.insert(row).second) fail("two samples would be written to {}", row.image.string());
}

void FolderWriter::finish() {
  std::error_code error;
  fs::create_directories(options_.folder, error);
  if (finish_) finish_(options_.folder, rows_);
}

}  // namespace bramble
