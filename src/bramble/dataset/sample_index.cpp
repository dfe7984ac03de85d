#include "bramble/dataset/sample_index.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>

#include "bramble/core/error.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

enum Column { kName, kStamp, kImage, kLabel, kSplit, kScene, kDepth, kCloud, kCloudLabel, kColumns };
constexpr std::string_view kColumnNames[kColumns] = {"name",  "stamp_ns", "image", "label",      "split",
                                                     "scene", "depth",    "cloud", "cloud_label"};

}  // namespace

std::vector<std::string> split_csv(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool opens = line[i] == '"' && fields.back().empty();
    if (opens) {
      for (++i; i < line.size(); ++i) {
        if (line[i] != '"')
          fields.back() += line[i];
        else if (i + 1 < line.size() && line[i + 1] == '"')
          fields.back() += line[i++];
        else
          break;
      }
    } else if (line[i] == ',') {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

std::string join_csv(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line += ',';
    if (fields[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += fields[i];
      continue;
    }
    line += '"';
    for (const char c : fields[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line;
}

// The text of the rows: a mapped file that goes with the last copy of the index, or a string.
struct SampleIndex::Rows {
  std::string text;
  void* mapped = nullptr;
  std::size_t mapped_size = 0;
  std::vector<int> order;  // column of the file -> Column
  std::string_view view() const {
    return mapped ? std::string_view(static_cast<const char*>(mapped), mapped_size) : std::string_view(text);
  }
  Rows() = default;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows() {
    if (mapped) ::munmap(mapped, mapped_size);
  }

  Sample parse(std::string_view line, const std::string* where) const {
    const auto fields = split_csv(line);
    if (fields.size() != order.size() && where) {
      std::vector<std::string_view> names;
      for (const int column : order) names.push_back(kColumnNames[column]);
      fail("{}: {} columns, expected {} ({})", *where, fields.size(), order.size(), fmt::join(names, ","));
    }
    Sample sample;
    for (std::size_t i = 0; i < std::min(fields.size(), order.size()); ++i) {
      const std::string& field = fields[i];
      switch (order[i]) {
        case kName:
          sample.name = field;
          break;
        case kStamp: {
          const char* end = field.data() + field.size();
          const auto read = std::from_chars(field.data(), end, sample.stamp_ns);
          if (where && (read.ec != std::errc() || read.ptr != end))
            fail("{}: '{}' is not a stamp in nanoseconds", *where, field);
          break;
        }
        case kImage:
          sample.image = field;
          break;
        case kLabel:
          sample.label = field;
          break;
        case kSplit:
          sample.split = field;
          break;
        case kScene:
          sample.scene = field;
          break;
        case kDepth:
          sample.depth = field;
          break;
        case kCloud:
          sample.cloud = field;
          break;
        case kCloudLabel:
          sample.cloud_label = field;
          break;
        default:
          break;
      }
    }
    if (!where) return sample;
    if (sample.name.empty()) fail("{}: a sample without name", *where);
    for (const auto* file : {&sample.image, &sample.label, &sample.depth, &sample.cloud, &sample.cloud_label}) {
      const bool needed = sample.cloud.empty() && (file == &sample.image || file == &sample.label);
      if ((file->empty() && needed) || file->is_absolute() || file->lexically_normal().string().starts_with(".."))
        fail("{}: '{}' is not a path inside the data set", *where, file->string());
    }
    return sample;
  }
};

SampleIndex::SampleIndex() : rows_(std::make_shared<Rows>()) {
  for (int column = 0; column < kColumns; ++column) rows_->order.push_back(column);
}

SampleIndex SampleIndex::open(const fs::path& file) {
  SampleIndex index;
  Rows& rows = *index.rows_;
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("cannot open {}: {}", file.string(), std::strerror(errno));
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    void* mapped = ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped != MAP_FAILED) {
      rows.mapped = mapped;
      rows.mapped_size = static_cast<std::size_t>(info.st_size);
    }
  }
  ::close(fd);
  const std::string_view text = rows.view();
  std::vector<std::pair<std::size_t, std::size_t>> names;  // hash of the name, row
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string where = fmt::format("{}:{}", file.string(), number + 1);
    if (number == 0) {
      if (!line.starts_with(kHeading)) fail("{}: expected the heading {}", where, kHeading);
      rows.order.clear();
      for (const auto& name : split_csv(line)) {
        const auto column = std::find(std::begin(kColumnNames), std::end(kColumnNames), name) - kColumnNames;
        if (column == kColumns || std::find(rows.order.begin(), rows.order.end(), column) != rows.order.end())
          fail("{}: column '{}' is not known, or stands twice", where, name);
        rows.order.push_back(static_cast<int>(column));
      }
    } else if (!line.empty()) {
      names.emplace_back(std::hash<std::string>{}(rows.parse(line, &where).name), index.begin_.size());
      index.begin_.push_back(begin);
    }
    begin = end + 1;
  }
  std::sort(names.begin(), names.end());
  for (std::size_t i = 1; i < names.size(); ++i)
    if (names[i].first == names[i - 1].first && index[names[i].second].name == index[names[i - 1].second].name)
      fail("{}: sample {} stands twice", file.string(), index[names[i].second].name);
  return index;
}

void SampleIndex::add(const Sample& s) {
  if (rows_.use_count() > 1 || rows_->mapped) fail("an index that is shared or lies in a file takes no new samples");
  begin_.push_back(rows_->text.size());
  rows_->text += join_csv({s.name, std::to_string(s.stamp_ns), s.image.string(), s.label.string(), s.split, s.scene,
                           s.depth.string(), s.cloud.string(), s.cloud_label.string()}) +
                 "\n";
}

std::string_view SampleIndex::line(std::size_t i) const {
  const auto text = rows_->view();
  return text.substr(begin_[i], text.find('\n', begin_[i]) - begin_[i]);
}

Sample SampleIndex::operator[](std::size_t i) const { return rows_->parse(line(i), nullptr); }

Sample SampleIndex::at(std::size_t i) const {
  (void)begin_.at(i);
  return (*this)[i];
}

}  // namespace bramble
