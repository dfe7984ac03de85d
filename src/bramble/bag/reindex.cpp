#include "bramble/bag/reindex.hpp"

#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/mcap_reader.hpp"
#include "bramble/bag/mcap_writer.hpp"
#include "bramble/bag/sqlite.hpp"
#include "bramble/bag/sqlite_storage.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kBatchBytes = 4 << 20;

// Brings in what a killed recorder left in SQLite's log or journal, and leaves a single file.
void fold_in_log(const fs::path& file) {
  if (!fs::exists(file.string() + "-wal") && !fs::exists(file.string() + "-journal")) return;
  SqliteDatabase database(file, SqliteDatabase::Mode::kWrite);
  database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  database.execute("PRAGMA journal_mode=DELETE");
}

std::unique_ptr<StorageReader> open_damaged(const fs::path& file) {
  return file.extension() == ".mcap" ? open_mcap_file(file, {}, true) : open_sqlite_file(file, {}, true);
}

// Writes what is whole of a file into a new one in its place.
void write_anew(const fs::path& file, const std::string& ros_distro) {
  require_free_space(file.parent_path(), fs::file_size(file) + (1 << 20), "the mended file");
  const fs::path mended = file.string() + ".partial";
  fs::remove(mended);
  const auto reader = open_damaged(file);
  const BagMetadata content = reader->content();
  const bool packed_messages = content.compression_mode == "message";
  auto writer = file.extension() == ".mcap"
                    ? create_mcap_file(mended, ros_distro, mcap::compression_named(content.compression_format))
                    : create_sqlite_file(mended, ros_distro, SqliteJournal::kLog);
  BagMetadata written;
  written.version = ros_distro == "jazzy" ? 9 : 5;
  written.ros_distro = ros_distro;
  for (const BagTopic& topic : content.topics) writer->add_topic(topic.info);
  std::uint64_t uncommitted = 0;
  while (const auto message = reader->next()) {
    std::size_t topic = 0;
    while (topic < content.topics.size() && content.topics[topic].info.name != message->topic.name) ++topic;
    if (topic == content.topics.size()) continue;
    writer->write(topic, message->stamp_ns, packed_messages ? pack_zstd(*message->cdr) : *message->cdr);
    uncommitted += message->cdr->size() + 32;
    if (uncommitted < kBatchBytes) continue;
    writer->commit();
    uncommitted = 0;
  }
  add_file(written, file.filename().string(), content);
  writer->close(written);
  writer.reset();
  fs::rename(file, file.string() + ".damaged");
  fs::rename(mended, file);
  for (const char* suffix : {"-wal", "-shm", "-journal"}) fs::remove(file.string() + suffix);
}

}  // namespace

BagMetadata reindex_bag(const fs::path& folder, const std::string& ros_distro,
                        const std::function<void(const std::string&)>& tell) {
  if (!fs::is_directory(folder)) fail("{} is no folder of a bag", folder.string());
  const auto files = BagReader::storage_files(folder);
  if (files.empty()) fail("{} is not a bag: it has neither .db3 nor .mcap files", folder.string());
  for (const fs::path& file : files)
    if (file.extension() == ".bag" || file.extension() == ".active")
      fail(
          "{} is a bag of ROS 1, which keeps its own index; `bramble bag convert {} -o NAME --recover` makes a whole "
          "bag",
          file.string(), file.string());
  BagMetadata bag;
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    if (file.extension() == ".zstd") {  // packed when it was whole
      const BagReader reader(file, {}, Damage::kRecover);
      for (const std::string& line : reader.damage()) tell(line);
      add_file(bag, name, reader.metadata());
      bag.compression_format = "zstd";
      bag.compression_mode = "file";
      continue;
    }
    try {
      if (file.extension() == ".db3") fold_in_log(file);
    } catch (const Error& error) {
      tell(error.what());
    }
    try {
      auto reader = open_damaged(file);
      BagMetadata content = reader->content();
      if (!reader->damage().empty()) {
        for (const std::string& line : reader->damage()) tell(line);
        reader.reset();
        write_anew(file, ros_distro);
        tell(fmt::format("{}: written anew with {} messages; the damaged file is {}.damaged", file.string(),
                         content.message_count, name));
        content = open_damaged(file)->content();
      }
      add_file(bag, name, content);
      if (content.compression_mode == "message") {
        bag.compression_format = "zstd";
        bag.compression_mode = "message";
      }
    } catch (const Error& error) {
      tell(error.what());
      tell(fmt::format("{}: nothing of it can be read; it is left out", file.string()));
    }
  }
  // A kill left the last file plain: pack it as the others are.
  if (bag.compression_mode == "file" && !bag.files.empty() && !bag.files.back().ends_with(".zstd")) {
    const fs::path last = folder / bag.files.back();
    pack_zstd_file(last, last.string() + ".zstd");
    fs::remove(last);
    bag.files.back() += ".zstd";
  }
  bag.ros_distro = ros_distro;
  bag.version = ros_distro == "jazzy" ? 9 : 5;
  write_file_atomically(folder / "metadata.yaml", bag_metadata_yaml(bag));
  return bag;
}

}  // namespace bramble
