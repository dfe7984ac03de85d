#include "bramble/bag/bag_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <limits>
#include <map>

#include "bramble/bag/sqlite.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

bool is_storage_name(const std::string& name) { return name.ends_with(".db3") || name.ends_with(".db3.zstd"); }

// The storage files of a folder without metadata.yaml: NAME_<n>.db3 by number, then any other .db3 by name.
std::vector<std::string> list_storage_files(const fs::path& folder) {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (!is_storage_name(name)) continue;
    const auto stem = name.substr(0, name.find(".db3"));
    const auto digits = stem.substr(stem.find_last_not_of("0123456789") + 1);
    const bool numbered = !digits.empty() && digits.size() < 18 && digits.size() < stem.size();
    found.emplace_back(numbered ? std::stoull(digits) : std::numeric_limits<std::uint64_t>::max(), name);
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

// A folder of our own in the temporary folder, removed with its content.
class TemporaryFolder {
 public:
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  const fs::path& path() {
    static std::atomic<int> count = 0;
    if (path_.empty()) {
      path_ = fs::temp_directory_path() / fmt::format("bramble_bag_{}_{}", ::getpid(), count++);
      fs::create_directories(path_);
    }
    return path_;
  }

 private:
  fs::path path_;
};

bool is_latched(const std::string& qos) {
  return qos.find("durability: 1") != std::string::npos || qos.find("transient_local") != std::string::npos;
}

}  // namespace

struct BagReader::Impl {
  struct Row {
    StampNs stamp_ns;
    std::int64_t id;
    std::int64_t topic;
    auto operator<=>(const Row&) const = default;
  };

  fs::path path;
  fs::path folder;
  BagMetadata metadata;
  std::vector<std::string> wanted;
  Damage on_damage = Damage::kRefuse;
  std::vector<std::string> damage;
  std::size_t file_index = 0;
  std::unique_ptr<SqliteDatabase> database;
  std::unique_ptr<SqliteStatement> cursor;  // all messages in order, or (with rows) one message by its id
  std::vector<Row> rows;                    // the order, where the time index cannot give it
  std::size_t next_row = 0;
  bool by_rows = false;
  std::uint64_t lost_rows = 0;
  std::map<std::int64_t, TopicInfo> topic_of_row;
  std::uint64_t read_count = 0;
  TemporaryFolder temporary;

  bool recovering() const { return on_damage == Damage::kRecover; }

  // The database file behind a storage file: itself, or its unpacked copy.
  fs::path database_file(const std::string& name) {
    const auto file = folder / name;
    if (file.extension() != ".zstd") return file;
    const auto unpacked = temporary.path() / file.stem();
    if (!fs::exists(unpacked)) unpack_zstd_file(file, unpacked);
    return unpacked;
  }

  std::unique_ptr<SqliteDatabase> open_database(const std::string& name) {
    const auto file = database_file(name);
    if (!recovering()) require_whole(file);
    return std::make_unique<SqliteDatabase>(
        file, recovering() ? SqliteDatabase::Mode::kRecover : SqliteDatabase::Mode::kRead);
  }

  // Topics, counts and times of one file.
  void add_content_of(const std::string& name) {
    const auto db = open_database(name);
    SqliteStatement columns(*db,
                            "SELECT count(*) FROM pragma_table_info('topics') WHERE name = 'offered_qos_profiles'");
    columns.step();
    const bool has_qos = columns.integer(0) > 0;
    SqliteStatement topic_rows(*db, fmt::format("SELECT name, type, serialization_format, {} FROM topics ORDER BY id",
                                                has_qos ? "offered_qos_profiles" : "''"));
    while (topic_rows.step()) {
      const TopicInfo info{topic_rows.text(0), topic_rows.text(1), is_latched(topic_rows.text(3))};
      if (std::none_of(metadata.topics.begin(), metadata.topics.end(),
                       [&](const auto& t) { return t.info.name == info.name; }))
        metadata.topics.push_back({info, topic_rows.text(2), 0});
    }
    SqliteStatement totals(*db,
                           "SELECT topics.name, count(*), min(timestamp), max(timestamp) FROM messages JOIN topics ON "
                           "topics.id = topic_id GROUP BY topics.name");
    while (totals.step()) {
      const StampNs first = totals.integer(2), last = totals.integer(3);
      const bool empty = metadata.message_count == 0;
      end_ns = empty ? last : std::max(end_ns, last);
      metadata.start_ns = empty ? first : std::min(metadata.start_ns, first);
      metadata.message_count += static_cast<std::uint64_t>(totals.integer(1));
      for (auto& topic : metadata.topics)
        if (topic.info.name == totals.text(0)) topic.message_count += static_cast<std::uint64_t>(totals.integer(1));
    }
    metadata.duration_ns = duration_between(metadata.start_ns, end_ns);
  }
  StampNs end_ns = 0;

  void list_files_without_metadata() {
    metadata = {};
    metadata.files = list_storage_files(folder);
    if (metadata.files.empty()) fail("{} is not a bag: it has neither metadata.yaml nor .db3 files", folder.string());
    for (const auto& file : metadata.files) note_damage([&] { add_content_of(file); });
  }

  // Runs a step; its Error is passed on, or noted when recovering.
  template <typename Step>
  void note_damage(const Step& step) {
    try {
      step();
    } catch (const Error& error) {
      if (!recovering()) throw;
      damage.emplace_back(error.what());
    }
  }

  void open() {
    std::error_code error;
    if (!fs::exists(path, error)) fail("no bag at {}", path.string());
    if (fs::is_regular_file(path)) {
      if (!is_storage_name(path.filename().string()))
        fail("{} is not a rosbag2 folder or .db3 file (MCAP and ROS 1 bags are not read by this version)",
             path.string());
      folder = path.parent_path();
      metadata.files = {path.filename().string()};
      note_damage([&] { add_content_of(metadata.files[0]); });
    } else {
      folder = path;
      bool indexed = false;
      if (fs::exists(folder / "metadata.yaml"))
        note_damage([&] {
          metadata = read_bag_metadata(folder);
          indexed = true;
        });
      if (!indexed) list_files_without_metadata();
    }
    if (metadata.storage != "sqlite3")
      fail("{} is stored as {}; this version reads sqlite3", path.string(), metadata.storage);
    for (auto& file : metadata.files) {
      if (fs::exists(folder / file)) continue;
      // Bags of old versions put the folder's name in front.
      const auto bare = fs::path(file).filename();
      if (!bare.empty() && fs::exists(folder / bare))
        file = bare.string();
      else
        note_damage([&] { fail("{}: the storage file {} named in metadata.yaml is missing", path.string(), file); });
    }
    if (recovering()) std::erase_if(metadata.files, [&](const auto& file) { return !fs::exists(folder / file); });
    std::vector<TopicInfo> there;
    for (const auto& topic : metadata.topics) there.push_back(topic.info);
    require_topics(there, wanted, "bag " + path.string());
  }

  void open_file() {
    cursor.reset();
    database = open_database(metadata.files[file_index]);
    topic_of_row.clear();
    rows.clear();
    next_row = 0;
    lost_rows = 0;
    std::string ids;
    SqliteStatement topic_rows(*database, "SELECT id, name, type FROM topics ORDER BY id");
    while (topic_rows.step()) {
      const auto name = topic_rows.text(1);
      if (!topic_wanted(name, wanted)) continue;
      TopicInfo info{name, topic_rows.text(2), false};
      for (const auto& topic : metadata.topics)
        if (topic.info.name == name) info.latched = topic.info.latched;
      topic_of_row[topic_rows.integer(0)] = info;
      ids += (ids.empty() ? "" : ",") + std::to_string(topic_rows.integer(0));
    }
    // Without an index SQLite would sort whole messages; a damaged file's index is not to be trusted.
    SqliteStatement index(*database,
                          "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'messages' AND sql "
                          "LIKE '%timestamp%'");
    index.step();
    by_rows = recovering() || index.integer(0) == 0;
    if (by_rows) {
      collect_rows();
      cursor = std::make_unique<SqliteStatement>(*database, "SELECT data FROM messages NOT INDEXED WHERE id = ?");
    } else {
      cursor = std::make_unique<SqliteStatement>(
          *database,
          fmt::format("SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({}) ORDER BY timestamp, id",
                      ids));
    }
  }

  // The rows' order without the time index: from the front until the end or the first damage, then from the back.
  void collect_rows() {
    const char* select = "SELECT timestamp, id, topic_id FROM messages NOT INDEXED ORDER BY id ";
    for (const std::string direction : {"ASC", "DESC"}) {
      const std::size_t from_front = rows.size();
      const bool forward = direction == "ASC";
      const std::int64_t last = rows.empty() ? std::numeric_limits<std::int64_t>::min() : rows.back().id;
      try {
        SqliteStatement statement(*database, select + direction);
        while (statement.step()) {
          const Row row{statement.integer(0), statement.integer(1), statement.integer(2)};
          if (!forward && from_front > 0 && row.id <= last) break;
          rows.push_back(row);
        }
        break;  // no damage: nothing to look for from the other end
      } catch (const Error& error) {
        if (!recovering()) throw;
        if (forward) damage.emplace_back(error.what());
      }
    }
    std::erase_if(rows, [&](const Row& row) { return !topic_of_row.contains(row.topic); });
    std::sort(rows.begin(), rows.end());
  }

  Message make_message(const TopicInfo& topic, StampNs stamp_ns, std::span<const std::uint8_t> bytes) {
    ++read_count;
    return {topic, stamp_ns,
            std::make_shared<const std::vector<std::uint8_t>>(
                is_zstd(bytes) ? unpack_zstd(bytes) : std::vector<std::uint8_t>(bytes.begin(), bytes.end()))};
  }

  // The next message of the open file; nothing at its end.
  std::optional<Message> next_of_file() {
    if (!by_rows) {
      if (!cursor->step()) return std::nullopt;
      return make_message(topic_of_row.at(cursor->integer(0)), cursor->integer(1), cursor->blob(2));
    }
    while (next_row < rows.size()) {
      const Row& row = rows[next_row++];
      try {
        cursor->reset();
        cursor->bind(1, row.id);
        if (cursor->step()) return make_message(topic_of_row.at(row.topic), row.stamp_ns, cursor->blob(0));
        ++lost_rows;
      } catch (const Error&) {
        if (!recovering()) throw;
        ++lost_rows;
      }
    }
    if (lost_rows > 0)
      damage.push_back(fmt::format("{}: {} messages are damaged", database->file().string(), lost_rows));
    return std::nullopt;
  }

  std::optional<Message> next() {
    for (; file_index < metadata.files.size(); ++file_index) {
      std::optional<Message> message;
      note_damage([&] {
        if (!cursor) open_file();
        message = next_of_file();
      });
      if (message) return message;
      cursor.reset();
    }
    return std::nullopt;
  }
};

BagReader::BagReader(const fs::path& bag, std::vector<std::string> wanted, Damage damage)
    : impl_(std::make_unique<Impl>()) {
  impl_->path = bag.has_filename() ? bag : bag.parent_path();
  impl_->wanted = std::move(wanted);
  impl_->on_damage = damage;
  try {
    impl_->open();
  } catch (const fs::filesystem_error& error) {
    fail("cannot read the bag {}: {}", bag.string(), error.code().message());
  }
}
BagReader::~BagReader() = default;

std::vector<TopicInfo> BagReader::topics() const {
  std::vector<TopicInfo> topics;
  for (const auto& topic : impl_->metadata.topics)
    if (topic_wanted(topic.info.name, impl_->wanted)) topics.push_back(topic.info);
  return topics;
}

std::optional<Message> BagReader::next() {
  try {
    return impl_->next();
  } catch (const Error& error) {
    fail("{}; {} messages were read before", error.what(), impl_->read_count);
  }
}

const BagMetadata& BagReader::metadata() const { return impl_->metadata; }
const fs::path& BagReader::path() const { return impl_->path; }
std::vector<fs::path> BagReader::files() const {
  std::vector<fs::path> files;
  for (const auto& file : impl_->metadata.files) files.push_back(impl_->folder / file);
  return files;
}
std::uint64_t BagReader::file_bytes() const {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& file : files())
    if (const auto size = fs::file_size(file, error); !error) bytes += size;
  return bytes;
}
const std::vector<std::string>& BagReader::damage() const { return impl_->damage; }

}  // namespace bramble
