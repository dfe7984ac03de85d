#include "bramble/bag/bag_reader.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <regex>

#include "bramble/bag/sqlite.hpp"
#include "bramble/core/error.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

// The storage files of a folder without metadata.yaml: NAME_<n>.db3 by number, then any other .db3 by name.
std::vector<std::string> list_storage_files(const fs::path& folder) {
  const std::regex pattern(R"(.+_(\d+)\.db3)");
  std::vector<std::pair<long, std::string>> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (entry.path().extension() != ".db3") continue;
    std::smatch match;
    found.emplace_back(std::regex_match(name, match, pattern) ? std::stol(match[1]) : 1L << 30, name);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& [number, name] : found) names.push_back(name);
  return names;
}

// SQLite reads a file whose end is missing as long as it needs none of the lost pages: compare with the size in the
// header (page size at byte 16, pages at byte 28; SQLite file format, section 1.3). A write-ahead log beside it may
// hold the rest.
void require_whole(const fs::path& file) {
  std::array<unsigned char, 32> header{};
  std::ifstream in(file, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(header.data()), header.size()) || fs::exists(file.string() + "-wal")) return;
  const std::uint64_t stored = (header[16] << 8) | header[17];
  const std::uint64_t page = stored == 1 ? 65536 : stored;
  const std::uint64_t pages = (std::uint64_t{header[28]} << 24) | (header[29] << 16) | (header[30] << 8) | header[31];
  if (fs::file_size(file) < page * pages)
    fail("cannot read {}: the file is cut, {} of {} bytes are there", file.string(), fs::file_size(file), page * pages);
}

std::vector<std::uint8_t> unpack_zstd(std::span<const std::uint8_t> packed) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  constexpr std::uint64_t kLimit = 1ULL << 31;
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kLimit)
    fail("a compressed message is damaged");
  std::vector<std::uint8_t> out(size);
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) || got != size) fail("a compressed message is damaged");
  return out;
}

}  // namespace

struct BagReader::Impl {
  fs::path path;
  fs::path folder;
  BagMetadata metadata;
  std::vector<std::string> wanted;
  std::size_t file_index = 0;
  std::unique_ptr<SqliteDatabase> database;
  std::unique_ptr<SqliteStatement> cursor;
  std::map<std::int64_t, TopicInfo> topic_of_row;
  std::uint64_t read_count = 0;

  // Topics of one file; counts and times too when `count`.
  void add_topics_of(const std::string& file, bool count) {
    SqliteDatabase db(folder / file, SqliteDatabase::Mode::kRead);
    SqliteStatement columns(db, "SELECT count(*) FROM pragma_table_info('topics') WHERE name = 'offered_qos_profiles'");
    columns.step();
    const bool has_qos = columns.integer(0) > 0;
    SqliteStatement rows(db, fmt::format("SELECT name, type, serialization_format, {} FROM topics ORDER BY id",
                                         has_qos ? "offered_qos_profiles" : "''"));
    while (rows.step()) {
      TopicInfo info{rows.text(0), rows.text(1), false};
      const auto qos = rows.text(3);
      info.latched = qos.find("durability: 1") != std::string::npos || qos.find("transient_local") != std::string::npos;
      if (std::none_of(metadata.topics.begin(), metadata.topics.end(),
                       [&](const auto& t) { return t.info.name == info.name; }))
        metadata.topics.push_back({info, rows.text(2), 0});
    }
    if (!count) return;
    SqliteStatement totals(db,
                           "SELECT topics.name, count(*), min(timestamp), max(timestamp) FROM messages JOIN topics ON "
                           "topics.id = topic_id GROUP BY topics.name");
    while (totals.step()) {
      const StampNs first = totals.integer(2), last = totals.integer(3);
      const StampNs end = metadata.message_count == 0 ? last : std::max(metadata.start_ns + metadata.duration_ns, last);
      metadata.start_ns = metadata.message_count == 0 ? first : std::min(metadata.start_ns, first);
      metadata.duration_ns = end - metadata.start_ns;
      metadata.message_count += static_cast<std::uint64_t>(totals.integer(1));
      for (auto& topic : metadata.topics)
        if (topic.info.name == totals.text(0)) topic.message_count += static_cast<std::uint64_t>(totals.integer(1));
    }
  }

  void open() {
    std::error_code error;
    if (!fs::exists(path, error)) fail("no bag at {}", path.string());
    if (fs::is_regular_file(path)) {
      if (path.extension() != ".db3")
        fail("{} is not a rosbag2 folder or .db3 file (MCAP and ROS 1 bags are not read by this version)",
             path.string());
      folder = path.parent_path();
      metadata.files = {path.filename().string()};
      add_topics_of(metadata.files[0], true);
    } else {
      folder = path;
      if (fs::exists(folder / "metadata.yaml")) {
        metadata = read_bag_metadata(folder);
        for (auto& file : metadata.files)  // old bags put the folder's name in front
          if (!fs::exists(folder / file) && fs::exists(folder / fs::path(file).filename()))
            file = fs::path(file).filename().string();
      } else {
        metadata.files = list_storage_files(folder);
        if (metadata.files.empty())
          fail("{} is not a bag: it has neither metadata.yaml nor .db3 files", folder.string());
        for (const auto& file : metadata.files) add_topics_of(file, true);
      }
    }
    if (metadata.storage != "sqlite3")
      fail("{} is stored as {}; this version reads sqlite3", path.string(), metadata.storage);
    if (metadata.compression_mode == "file")
      fail("{} is compressed by file; unpack it first: zstd -d {}/*.zstd", path.string(), folder.string());
    for (const auto& file : metadata.files)
      if (!fs::exists(folder / file))
        fail("{}: the storage file {} named in metadata.yaml is missing", path.string(), file);
    std::vector<TopicInfo> there;
    for (const auto& topic : metadata.topics) there.push_back(topic.info);
    require_topics(there, wanted, "bag " + path.string());
  }

  void open_file() {
    const auto file = folder / metadata.files[file_index];
    cursor.reset();
    require_whole(file);
    database = std::make_unique<SqliteDatabase>(file, SqliteDatabase::Mode::kRead);
    topic_of_row.clear();
    std::string ids;
    SqliteStatement rows(*database, "SELECT id, name, type FROM topics ORDER BY id");
    while (rows.step()) {
      const auto name = rows.text(1);
      if (!topic_wanted(name, wanted)) continue;
      TopicInfo info{name, rows.text(2), false};
      for (const auto& topic : metadata.topics)
        if (topic.info.name == name) info.latched = topic.info.latched;
      topic_of_row[rows.integer(0)] = info;
      ids += (ids.empty() ? "" : ",") + std::to_string(rows.integer(0));
    }
    cursor = std::make_unique<SqliteStatement>(
        *database,
        fmt::format("SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({}) ORDER BY timestamp, id",
                    ids));
  }
};

BagReader::BagReader(const fs::path& bag, std::vector<std::string> wanted) : impl_(std::make_unique<Impl>()) {
  impl_->path = bag.has_filename() ? bag : bag.parent_path();
  impl_->wanted = std::move(wanted);
  impl_->open();
}
BagReader::~BagReader() = default;

std::vector<TopicInfo> BagReader::topics() const {
  std::vector<TopicInfo> topics;
  for (const auto& topic : impl_->metadata.topics)
    if (topic_wanted(topic.info.name, impl_->wanted)) topics.push_back(topic.info);
  return topics;
}

std::optional<Message> BagReader::next() {
  auto& self = *impl_;
  try {
    while (self.file_index < self.metadata.files.size()) {
      if (!self.cursor) self.open_file();
      if (self.cursor->step()) {
        const auto bytes = self.cursor->blob(2);
        Message message;
        message.topic = self.topic_of_row.at(self.cursor->integer(0));
        message.stamp_ns = self.cursor->integer(1);
        // A payload of CDR begins with 00 0x; a zstd frame with 28 b5 2f fd (compression by message).
        const bool packed =
            bytes.size() >= 4 && bytes[0] == 0x28 && bytes[1] == 0xB5 && bytes[2] == 0x2F && bytes[3] == 0xFD;
        message.cdr = std::make_shared<const std::vector<std::uint8_t>>(
            packed ? unpack_zstd(bytes) : std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
        ++self.read_count;
        return message;
      }
      self.cursor.reset();
      ++self.file_index;
    }
  } catch (const Error& error) {
    fail("{}; {} messages were read before", error.what(), self.read_count);
  }
  return std::nullopt;
}

const BagMetadata& BagReader::metadata() const { return impl_->metadata; }
const fs::path& BagReader::path() const { return impl_->path; }
std::uint64_t BagReader::file_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& file : impl_->metadata.files) bytes += fs::file_size(impl_->folder / file);
  return bytes;
}

}  // namespace bramble
