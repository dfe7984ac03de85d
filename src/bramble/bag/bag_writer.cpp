#include "bramble/bag/bag_writer.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/mcap_writer.hpp"
#include "bramble/bag/metadata.hpp"
#include "bramble/bag/sqlite_storage.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/log.hpp"

namespace bramble {

namespace fs = std::filesystem;

struct BagWriter::Impl {
  fs::path folder;
  BagOptions options;
  BagMetadata metadata;
  std::unique_ptr<StorageWriter> storage;
  std::map<std::string, std::size_t> topic_index;  // name → metadata.topics
  std::uint64_t uncommitted_bytes = 0;
  std::uint64_t bytes = 0, file_bytes = 0;
  StampNs last_stamp_ns = 0;
  std::uint64_t committed_messages = 0;
  bool closed = false;
  bool failed = false;  // after an Error nothing more is written
  std::mutex mutex;

  bool jazzy() const { return options.ros_distro == "jazzy"; }
  std::string file_name(std::size_t number) const {
    return fmt::format("{}_{}.{}", folder.filename().string(), number, options.storage == "mcap" ? "mcap" : "db3");
  }

  void create() {
    if (options.ros_distro != "humble" && options.ros_distro != "jazzy")
      fail("bags are written for humble or jazzy, not for '{}'", options.ros_distro);
    if (options.storage != "sqlite3" && options.storage != "mcap")
      fail("bags are stored as sqlite3 or mcap, not as '{}'", options.storage);
    if (options.compression != "" && options.compression != "zstd" && options.compression != "lz4")
      fail("bags are not compressed as '{}'; zstd and lz4 are what there is", options.compression);
    if (options.storage_preset.empty()) options.storage_preset = options.storage == "mcap" ? "none" : "resilient";
    if (options.storage_preset != "none" && (options.storage_preset != "resilient" || options.storage == "mcap"))
      fail("{} bags have no storage preset '{}'; {}", options.storage, options.storage_preset,
           options.storage == "mcap" ? "leave it out: a kill takes nothing that is written of them"
                                     : "there are resilient and none");
    const std::string own = options.storage == "mcap" ? "chunk" : "message";
    if (options.compression.empty())
      options.compression_mode.clear();
    else if (options.compression_mode.empty())
      options.compression_mode = own;
    if (options.compression_mode != "" && options.compression_mode != "file" && options.compression_mode != own)
      fail("{} bags are compressed by file or by {}, not by '{}'", options.storage, own, options.compression_mode);
    if (options.compression == "lz4" && options.compression_mode != "chunk")
      fail("lz4 is for the chunks of mcap bags; {} is compressed with zstd",
           options.compression_mode == "file" ? "a whole file" : "a message");
    if (options.compression_mode == "file" || options.compression_mode == "message") {
      metadata.compression_format = options.compression;
      metadata.compression_mode = options.compression_mode;
    }
    metadata.version = jazzy() ? 9 : 5;
    metadata.storage = options.storage;
    metadata.ros_distro = options.ros_distro;
    const bool left_behind = fs::exists(folder) && options.resume && !fs::exists(folder / "metadata.yaml");
    if (fs::exists(folder) && !left_behind)
      fail("{} exists already; choose another name or remove it", folder.string());
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) fail("cannot create the bag folder {}: {}", folder.string(), error.message());
    if (left_behind) take_up();
    open_file();
  }

  // Counts what a killed recorder finished: every file but the last was closed before the next was begun.
  void take_up() {
    const std::string packed = options.compression_mode == "file" ? ".zstd" : "";
    std::size_t files = 0;
    while (fs::exists(folder / file_name(files)) || fs::exists(folder / (file_name(files) + ".zstd"))) ++files;
    if (files == 0) return;
    // The last one of those that are not packed, or that were the last to be begun.
    for (const char* suffix : {"", "-wal", "-shm", "-journal", ".zstd", ".zstd.partial"})
      fs::remove(folder / (file_name(files - 1) + suffix));
    for (std::size_t i = 0; i + 1 < files; ++i) {
      if (!packed.empty()) fs::remove(folder / file_name(i));  // a kill between packing and removing
      const std::string name = file_name(i) + packed;
      const BagReader whole(folder / name);
      add_file(metadata, name, whole.metadata());
    }
    for (std::size_t i = 0; i < metadata.topics.size(); ++i) topic_index[metadata.topics[i].info.name] = i;
    last_stamp_ns = moment_after(metadata.start_ns, metadata.duration_ns);
    committed_messages = metadata.message_count;
  }

  void open_file() {
    metadata.files.push_back(file_name(metadata.files.size()));
    metadata.spans.emplace_back();
    file_bytes = 0;
    const fs::path file = folder / metadata.files.back();
    if (options.storage == "mcap")
      storage =
          create_mcap_file(file, options.ros_distro,
                           mcap::compression_named(options.compression_mode == "chunk" ? options.compression : ""));
    else
      storage = create_sqlite_file(file, options.ros_distro,
                                   options.storage_preset == "none" ? SqliteJournal::kRollback : SqliteJournal::kLog);
    for (const BagTopic& topic : metadata.topics) storage->add_topic(topic.info);
  }

  void close_file() {
    storage->close(metadata);
    storage.reset();
    if (options.compression_mode == "file") {
      const fs::path file = folder / metadata.files.back();
      metadata.files.back() += ".zstd";
      pack_zstd_file(file, folder / metadata.files.back());
      fs::remove(file);
    }
    note_commit();
  }
  void commit() {
    storage->commit();
    note_commit();
  }
  void note_commit() {
    uncommitted_bytes = 0;
    committed_messages = metadata.message_count;
    if (options.on_commit) options.on_commit(committed_messages);
  }
  // Runs a step of writing. After an Error what was committed stays, and the rest is given up: a half-written batch
  // must not be committed with later messages.
  template <typename Step>
  void guarded(const Step& step) {
    const std::lock_guard lock(mutex);
    if (closed) fail("the bag {} is closed", folder.string());
    if (failed) fail("the bag {} could not be written; nothing more is taken", folder.string());
    try {
      step();
    } catch (const Error& error) {
      failed = true;
      fail("{}; the {} messages committed before are kept in {}", error.what(), committed_messages, folder.string());
    }
  }
  void write(const Message& message);
  void close();

  std::size_t topic(const TopicInfo& info) {
    if (const auto found = topic_index.find(info.name); found != topic_index.end()) return found->second;
    const std::size_t index = metadata.topics.size();
    metadata.topics.push_back({info, "cdr", 0});
    topic_index[info.name] = index;
    storage->add_topic(info);
    return index;
  }

  void split() {
    if (metadata.spans.back().message_count == 0) return;
    close_file();
    open_file();
  }
};

BagWriter::BagWriter(const fs::path& folder, BagOptions options) : impl_(std::make_unique<Impl>()) {
  // «name/» and «name» are the same bag.
  impl_->folder = folder.has_filename() ? folder : folder.parent_path();
  impl_->options = std::move(options);
  impl_->create();
}

BagWriter::~BagWriter() {
  if (impl_->closed || impl_->failed || !impl_->storage) return;
  try {
    impl_->commit();
  } catch (const std::exception& error) {
    spdlog::warn("{}", error.what());
  }
}

void BagWriter::add_topic(const TopicInfo& topic) {
  impl_->guarded([&] { impl_->topic(topic); });
}
void BagWriter::write(const Message& message) {
  impl_->guarded([&] { impl_->write(message); });
}
void BagWriter::split() {
  impl_->guarded([&] { impl_->split(); });
}
std::size_t BagWriter::whole_files() const { return impl_->metadata.files.size() - (impl_->closed ? 0 : 1); }
void BagWriter::close() {
  if (impl_->closed) return;
  impl_->guarded([&] { impl_->close(); });
}

void BagWriter::Impl::write(const Message& message) {
  const BagSpan& before = metadata.spans.back();
  const bool full = (options.split_bytes > 0 && file_bytes >= options.split_bytes) ||
                    (options.split_ns > 0 && message.stamp_ns - before.start_ns >= options.split_ns);
  if (full && before.message_count > 0) split();
  const std::size_t index = topic(message.topic);
  if (options.compression_mode == "message")
    storage->write(index, message.stamp_ns, pack_zstd(*message.cdr));
  else
    storage->write(index, message.stamp_ns, *message.cdr);
  metadata.start_ns = metadata.message_count == 0 ? message.stamp_ns : std::min(metadata.start_ns, message.stamp_ns);
  last_stamp_ns = metadata.message_count == 0 ? message.stamp_ns : std::max(last_stamp_ns, message.stamp_ns);
  metadata.duration_ns = duration_between(metadata.start_ns, last_stamp_ns);
  BagSpan& span = metadata.spans.back();
  const StampNs end = span.message_count == 0
                          ? message.stamp_ns
                          : std::max(moment_after(span.start_ns, span.duration_ns), message.stamp_ns);
  span.start_ns = span.message_count == 0 ? message.stamp_ns : std::min(span.start_ns, message.stamp_ns);
  span.duration_ns = duration_between(span.start_ns, end);
  ++span.message_count;
  ++metadata.message_count;
  ++metadata.topics[index].message_count;
  bytes += message.cdr->size();
  file_bytes += message.cdr->size();
  uncommitted_bytes += message.cdr->size() + 32;
  if (uncommitted_bytes >= options.commit_bytes) commit();
}

void BagWriter::Impl::close() {
  close_file();
  write_file_atomically(folder / "metadata.yaml", bag_metadata_yaml(metadata));
  closed = true;
}

std::uint64_t BagWriter::message_count() const { return impl_->metadata.message_count; }
std::uint64_t BagWriter::byte_count() const { return impl_->bytes; }
std::uint64_t BagWriter::committed_count() const { return impl_->committed_messages; }

}  // namespace bramble
