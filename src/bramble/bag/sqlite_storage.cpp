#include "bramble/bag/sqlite_storage.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <map>

#include "bramble/bag/sqlite.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

class SqliteWriter final : public StorageWriter {
 public:
  SqliteWriter(const std::filesystem::path& file, std::string ros_distro, SqliteJournal journal)
      : database_(file, SqliteDatabase::Mode::kCreate), ros_distro_(std::move(ros_distro)) {
    // Pages of 64 KiB: pictures of 3 MB are written nearly twice as fast as with 4 KiB. Every SQLite reads them.
    database_.execute("PRAGMA page_size=65536");
    if (journal == SqliteJournal::kLog) {
      database_.execute("PRAGMA journal_mode=WAL");
      database_.execute("PRAGMA wal_autocheckpoint=512");  // at 32 MiB
      database_.execute("PRAGMA synchronous=NORMAL");
    } else {
      // A cache smaller than a picture: its pages go to the file, and are used again, while the processor's own caches
      // hold them (0.75 of write(2), where a cache of 16 MB reaches 0.6; decisions/008).
      database_.execute("PRAGMA cache_size=-2000");
      database_.execute("PRAGMA locking_mode=EXCLUSIVE");
      database_.execute("PRAGMA journal_mode=PERSIST");
      database_.execute("PRAGMA synchronous=OFF");
    }
    // Tables in the order and with the columns of rosbag2's schema 3 (Humble) and 4 (Iron and later).
    database_.execute(
        "CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);"
        "CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL);");
    database_.execute(
        fmt::format("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, "
                    "serialization_format TEXT NOT NULL, "
                    "offered_qos_profiles TEXT NOT NULL{});",
                    jazzy() ? ", type_description_hash TEXT NOT NULL" : ""));
    if (jazzy())
      database_.execute(
          "CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, encoding TEXT NOT NULL, "
          "encoded_message_definition TEXT NOT NULL, type_description_hash TEXT NOT NULL);");
    database_.execute(
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL, data "
        "BLOB NOT NULL);"
        "CREATE INDEX timestamp_idx ON messages (timestamp ASC);");
    database_.execute(fmt::format("INSERT INTO schema VALUES ({}, '{}')", jazzy() ? 4 : 3, ros_distro_));
    insert_ = std::make_unique<SqliteStatement>(database_,
                                                "INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)");
  }

  void add_topic(const TopicInfo& topic) override {
    begin();
    const auto* type = find_message_type(topic.type);
    const auto& other = topic.definition;  // of a type that is not ours
    const std::string_view hash = type ? type->hash : other ? std::string_view(other->hash) : "";
    const auto qos = qos_profile_yaml(topic.latched, jazzy());
    SqliteStatement row(database_, jazzy() ? "INSERT INTO topics VALUES (?, ?, ?, 'cdr', ?, ?)"
                                           : "INSERT INTO topics VALUES (?, ?, ?, 'cdr', ?)");
    row.bind(1, ++topics_).bind(2, topic.name).bind(3, topic.type).bind(4, qos);
    if (jazzy()) row.bind(5, hash);
    row.step();
    if (std::find(types_.begin(), types_.end(), topic.type) != types_.end()) return;
    types_.push_back(topic.type);
    if (!jazzy()) return;
    SqliteStatement definition(database_,
                               "INSERT INTO message_definitions (topic_type, encoding, encoded_message_definition, "
                               "type_description_hash) VALUES (?, ?, ?, ?)");
    definition.bind(1, topic.type)
        .bind(2, type    ? "ros2msg"
                 : other ? std::string_view(other->encoding)
                         : "unknown")
        .bind(3, type    ? type->definition
                 : other ? std::string_view(other->text)
                         : "")
        .bind(4, hash);
    definition.step();
  }

  void write(std::size_t topic, StampNs stamp_ns, std::span<const std::uint8_t> cdr) override {
    begin();
    insert_->reset();
    insert_->bind(1, static_cast<std::int64_t>(topic + 1)).bind(2, stamp_ns).bind(3, cdr);
    insert_->step();
  }

  void commit() override {
    if (database_.in_transaction()) database_.execute("COMMIT");
  }

  void close(const BagMetadata& metadata) override {
    if (jazzy()) {
      begin();
      SqliteStatement row(database_, "INSERT INTO metadata (metadata_version, metadata) VALUES (?, ?)");
      row.bind(1, std::int64_t{metadata.version}).bind(2, metadata_map_yaml(metadata));
      row.step();
    }
    commit();
    insert_.reset();
    database_.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    database_.execute("PRAGMA journal_mode=DELETE");
  }

 private:
  bool jazzy() const { return ros_distro_ == "jazzy"; }
  void begin() {
    if (!database_.in_transaction()) database_.execute("BEGIN");
  }

  SqliteDatabase database_;
  std::string ros_distro_;
  std::unique_ptr<SqliteStatement> insert_;
  std::int64_t topics_ = 0;
  std::vector<std::string> types_;
};

// SQLite reads a file whose end is missing as long as it needs none of the lost pages: compare with the size in the
// header (page size at byte 16, pages at byte 28; SQLite file format, section 1.3). A write-ahead log beside it may
// hold the rest, a rollback journal the header as it was.
void require_whole(const fs::path& file) {
  std::array<unsigned char, 32> header{};
  std::ifstream in(file, std::ios::binary);
  const bool mended_when_opened = fs::exists(file.string() + "-wal") || fs::exists(file.string() + "-journal");
  if (!in.read(reinterpret_cast<char*>(header.data()), header.size()) || mended_when_opened) return;
  const std::uint64_t stored = (header[16] << 8) | header[17];
  const std::uint64_t page = stored == 1 ? 65536 : stored;
  const std::uint64_t pages = (std::uint64_t{header[28]} << 24) | (header[29] << 16) | (header[30] << 8) | header[31];
  if (fs::file_size(file) < page * pages)
    fail("cannot read {}: the file is cut, {} of {} bytes are there", file.string(), fs::file_size(file), page * pages);
}

bool is_latched(const std::string& qos) {
  return qos.find("durability: 1") != std::string::npos || qos.find("transient_local") != std::string::npos;
}

class SqliteReader final : public StorageReader {
 public:
  SqliteReader(const std::filesystem::path& file, std::vector<std::string> wanted, bool recover)
      : wanted_(std::move(wanted)), recover_(recover) {
    if (!recover) require_whole(file);
    database_ =
        std::make_unique<SqliteDatabase>(file, recover ? SqliteDatabase::Mode::kRecover : SqliteDatabase::Mode::kRead);
  }

  BagMetadata content() override {
    BagMetadata bag;
    read_topics([&](std::int64_t, const BagTopic& topic) {
      if (std::none_of(bag.topics.begin(), bag.topics.end(),
                       [&](const auto& t) { return t.info.name == topic.info.name; }))
        bag.topics.push_back(topic);
    });
    try {
      count_messages(bag);
    } catch (const Error& error) {
      if (!recover_) throw;
      damage_.emplace_back(error.what());
      count_rows(bag);
    }
    return bag;
  }

  std::optional<Message> next() override {
    if (!cursor_) start();
    if (!by_rows_) {
      if (!cursor_->step()) return std::nullopt;
      const std::span<const std::uint8_t> small = cursor_->blob(3);
      return make_message(
          topic_of_row_.at(cursor_->integer(0)), cursor_->integer(1),
          small.empty() ? payloads_->read(cursor_->integer(2)) : std::vector<std::uint8_t>(small.begin(), small.end()));
    }
    while (next_row_ < rows_.size()) {
      const Row& row = rows_[next_row_++];
      try {
        cursor_->reset();
        cursor_->bind(1, row.id);
        if (cursor_->step())
          return make_message(topic_of_row_.at(row.topic), row.stamp_ns,
                              {cursor_->blob(0).begin(), cursor_->blob(0).end()});
        ++lost_rows_;
      } catch (const Error&) {
        if (!recover_) throw;
        ++lost_rows_;
      }
    }
    if (lost_rows_ > 0)
      damage_.push_back(fmt::format("{}: {} messages are damaged", database_->file().string(), lost_rows_));
    lost_rows_ = 0;
    return std::nullopt;
  }

  bool seek(StampNs stamp_ns) override {
    if (!cursor_) start();
    if (by_rows_) {
      next_row_ = static_cast<std::size_t>(
          std::partition_point(rows_.begin(), rows_.end(), [&](const Row& row) { return row.stamp_ns < stamp_ns; }) -
          rows_.begin());
      return true;
    }
    cursor_->reset();
    cursor_->bind(1, stamp_ns);
    return true;
  }

  const std::vector<std::string>& damage() const override { return damage_; }

 private:
  struct Row {
    StampNs stamp_ns;
    std::int64_t id;
    std::int64_t topic;
    auto operator<=>(const Row&) const = default;
  };

  // Counts and times by SQLite itself.
  void count_messages(BagMetadata& bag) {
    SqliteStatement totals(*database_,
                           "SELECT topics.name, count(*), min(timestamp), max(timestamp) FROM messages JOIN topics ON "
                           "topics.id = topic_id GROUP BY topics.name");
    StampNs end = 0;
    while (totals.step()) {
      const StampNs first = totals.integer(2), last = totals.integer(3);
      const bool empty = bag.message_count == 0;
      end = empty ? last : std::max(end, last);
      bag.start_ns = empty ? first : std::min(bag.start_ns, first);
      bag.message_count += static_cast<std::uint64_t>(totals.integer(1));
      for (auto& topic : bag.topics)
        if (topic.info.name == totals.text(0)) topic.message_count += static_cast<std::uint64_t>(totals.integer(1));
    }
    bag.duration_ns = duration_between(bag.start_ns, end);
    SqliteStatement first(*database_, "SELECT substr(data, 1, 4) FROM messages NOT INDEXED LIMIT 1");
    if (first.step() && is_zstd(first.blob(0))) {
      bag.compression_format = "zstd";
      bag.compression_mode = "message";
    }
  }

  // The same of a damaged file, from the rows that can be read.
  void count_rows(BagMetadata& bag) {
    bag.message_count = 0;
    for (BagTopic& topic : bag.topics) topic.message_count = 0;
    if (!cursor_) start();
    bag.message_count = rows_.size();
    if (rows_.empty()) return;
    bag.start_ns = rows_.front().stamp_ns;
    bag.duration_ns = duration_between(bag.start_ns, rows_.back().stamp_ns);
    for (const Row& row : rows_)
      for (BagTopic& topic : bag.topics)
        if (topic.info.name == topic_of_row_.at(row.topic).name) ++topic.message_count;
  }

  template <typename Each>
  void read_topics(const Each& each) {
    SqliteStatement columns(*database_,
                            "SELECT count(*) FROM pragma_table_info('topics') WHERE name = 'offered_qos_profiles'");
    columns.step();
    SqliteStatement rows(*database_,
                         fmt::format("SELECT id, name, type, serialization_format, {} FROM topics ORDER BY id",
                                     columns.integer(0) > 0 ? "offered_qos_profiles" : "''"));
    const auto definitions = read_definitions();
    while (rows.step()) {
      BagTopic topic;
      topic.info = {rows.text(1), rows.text(2), is_latched(rows.text(4))};
      if (const auto found = definitions.find(topic.info.type); found != definitions.end())
        topic.info.definition = found->second;
      topic.serialization_format = rows.text(3);
      each(rows.integer(0), topic);
    }
  }

  // Of types that are not ours (schema 4).
  std::map<std::string, std::shared_ptr<const TypeDefinition>> read_definitions() {
    std::map<std::string, std::shared_ptr<const TypeDefinition>> definitions;
    SqliteStatement table(*database_,
                          "SELECT count(*) FROM pragma_table_info('message_definitions') WHERE name IN "
                          "('topic_type', 'encoding', 'encoded_message_definition', "
                          "'type_description_hash')");
    table.step();
    if (table.integer(0) != 4) return definitions;
    SqliteStatement rows(*database_,
                         "SELECT topic_type, encoding, encoded_message_definition, type_description_hash FROM "
                         "message_definitions");
    while (rows.step())
      if (!find_message_type(rows.text(0)) && !rows.text(2).empty())
        definitions[rows.text(0)] =
            std::make_shared<const TypeDefinition>(TypeDefinition{rows.text(1), rows.text(2), rows.text(3)});
    return definitions;
  }

  void start() {
    std::string ids;
    read_topics([&](std::int64_t id, const BagTopic& topic) {
      if (!topic_wanted(topic.info.name, wanted_)) return;
      topic_of_row_[id] = topic.info;
      ids += (ids.empty() ? "" : ",") + std::to_string(id);
    });
    // Without an index SQLite would sort whole messages; a damaged file's index is not to be trusted.
    SqliteStatement index(*database_,
                          "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'messages' AND sql "
                          "LIKE '%timestamp%'");
    index.step();
    by_rows_ = recover_ || index.integer(0) == 0;
    if (by_rows_) {
      collect_rows();
      cursor_ = std::make_unique<SqliteStatement>(*database_, "SELECT data FROM messages NOT INDEXED WHERE id = ?");
    } else {
      cursor_ = std::make_unique<SqliteStatement>(
          *database_,
          fmt::format("SELECT topic_id, timestamp, id, CASE WHEN length(data) <= {} THEN data END FROM messages WHERE "
                      "topic_id IN ({}) AND timestamp >= ? ORDER BY timestamp, id",
                      kSmallBlob, ids));
      cursor_->bind(1, std::numeric_limits<StampNs>::min());
      payloads_ = std::make_unique<SqliteBlobs>(*database_, "messages", "data");
    }
  }

  // The rows' order without the time index: from the front until the end or the first damage, then from the back.
  void collect_rows() {
    const char* select = "SELECT timestamp, id, topic_id FROM messages NOT INDEXED ORDER BY id ";
    for (const std::string direction : {"ASC", "DESC"}) {
      const std::size_t from_front = rows_.size();
      const bool forward = direction == "ASC";
      const std::int64_t last = rows_.empty() ? std::numeric_limits<std::int64_t>::min() : rows_.back().id;
      try {
        SqliteStatement statement(*database_, select + direction);
        while (statement.step()) {
          const Row row{statement.integer(0), statement.integer(1), statement.integer(2)};
          if (!forward && from_front > 0 && row.id <= last) break;
          rows_.push_back(row);
        }
        break;  // no damage: nothing to look for from the other end
      } catch (const Error& error) {
        if (!recover_) throw;
        if (forward) damage_.emplace_back(error.what());
      }
    }
    std::erase_if(rows_, [&](const Row& row) { return !topic_of_row_.contains(row.topic); });
    std::sort(rows_.begin(), rows_.end());
  }

  // Bytes up to which SQLite's copy of a message costs less than finding its row again.
  static constexpr int kSmallBlob = 4096;

  static Message make_message(const TopicInfo& topic, StampNs stamp_ns, std::vector<std::uint8_t> bytes) {
    if (is_zstd(bytes)) bytes = unpack_zstd(bytes);
    return {topic, stamp_ns, std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes))};
  }

  std::vector<std::string> wanted_;
  bool recover_;
  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<SqliteStatement> cursor_;  // all messages in order, or (by rows) one message by its id
  std::unique_ptr<SqliteBlobs> payloads_;
  std::vector<Row> rows_;  // the order, where the time index cannot give it
  std::size_t next_row_ = 0;
  bool by_rows_ = false;
  std::uint64_t lost_rows_ = 0;
  std::map<std::int64_t, TopicInfo> topic_of_row_;
  std::vector<std::string> damage_;
};

}  // namespace

std::unique_ptr<StorageWriter> create_sqlite_file(const std::filesystem::path& file, const std::string& ros_distro,
                                                  SqliteJournal journal) {
  return std::make_unique<SqliteWriter>(file, ros_distro, journal);
}

std::unique_ptr<StorageReader> open_sqlite_file(const std::filesystem::path& file, std::vector<std::string> wanted,
                                                bool recover) {
  return std::make_unique<SqliteReader>(file, std::move(wanted), recover);
}

}  // namespace bramble
