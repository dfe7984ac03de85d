#include "bramble/bag/bag_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <utility>

#include "bramble/bag/mcap_reader.hpp"
#include "bramble/bag/ros1_reader.hpp"
#include "bramble/bag/sqlite_storage.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 4> kEndings = {".db3", ".mcap", ".bag", ".bag.active"};

// The name without its ending: «drive_0» of «drive_0.mcap», «drive_0.db3.zstd»; empty for another file.
std::string storage_stem(const std::string& name) {
  const std::string bare = name.ends_with(".zstd") ? name.substr(0, name.size() - 5) : name;
  for (const std::string_view ending : kEndings)
    if (bare.size() > ending.size() && bare.ends_with(ending)) return bare.substr(0, bare.size() - ending.size());
  return {};
}

// The storage files of a folder without metadata.yaml: NAME_<n> by number, then any other by name.
std::vector<std::string> list_storage_files(const fs::path& folder) {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const std::string stem = storage_stem(name);
    if (stem.empty()) continue;
    // A kill between packing a file and removing it leaves both.
    if (name.ends_with(".zstd") && fs::exists(folder / name.substr(0, name.size() - 5))) continue;
    const auto digits = stem.substr(stem.find_last_not_of("0123456789") + 1);
    const bool numbered = !digits.empty() && digits.size() < 18 && digits.size() < stem.size();
    found.emplace_back(numbered ? std::stoull(digits) : std::numeric_limits<std::uint64_t>::max(), name);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& [number, name] : found) names.push_back(name);
  return names;
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

}  // namespace

struct BagReader::Impl {
  fs::path path;
  fs::path folder;
  BagMetadata metadata;
  std::vector<std::string> wanted;
  Damage on_damage = Damage::kRefuse;
  std::vector<std::string> damage;
  std::size_t file_index = 0;
  std::unique_ptr<StorageReader> storage;
  std::optional<Message> read_ahead;  // by seek(), where the storage cannot
  std::uint64_t read_count = 0;
  TemporaryFolder temporary;

  bool recovering() const { return on_damage == Damage::kRecover; }

  // The file itself, or its unpacked copy.
  fs::path unpacked_file(const std::string& name) {
    const auto file = folder / name;
    if (file.extension() != ".zstd") return file;
    const auto unpacked = temporary.path() / file.stem();
    if (!fs::exists(unpacked)) unpack_zstd_file(file, unpacked);
    return unpacked;
  }

  std::unique_ptr<StorageReader> open_storage(const std::string& name) {
    const auto file = unpacked_file(name);
    if (file.extension() == ".mcap") return open_mcap_file(file, wanted, recovering());
    if (file.extension() == ".bag" || file.extension() == ".active") return open_ros1_bag(file, wanted, recovering());
    return open_sqlite_file(file, wanted, recovering());
  }

  // Topics, counts and times of one file.
  void add_content_of(const std::string& name) {
    const auto reader = open_storage(name);
    const BagMetadata content = reader->content();
    damage.insert(damage.end(), reader->damage().begin(), reader->damage().end());
    add_file(metadata, name, content);
  }

  void list_files_without_metadata() {
    metadata = {};
    const auto files = list_storage_files(folder);
    if (files.empty())
      fail("{} is not a bag: it has neither metadata.yaml nor .db3, .mcap or .bag files", folder.string());
    for (const auto& file : files) note_damage([&] { add_content_of(file); });
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
      if (storage_stem(path.filename().string()).empty())
        fail("{} is not a rosbag2 folder, nor a .db3 or .mcap file, nor a .bag file of ROS 1", path.string());
      folder = path.parent_path();
      note_damage([&] { add_content_of(path.filename().string()); });
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
    if (metadata.storage != "sqlite3" && metadata.storage != "mcap" && metadata.storage != "ros1")
      fail("{} is stored as {}; this version reads sqlite3, mcap and bags of ROS 1", path.string(), metadata.storage);
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
    if (!metadata.files.empty()) find_definitions();
    std::vector<TopicInfo> there;
    for (const auto& topic : metadata.topics) there.push_back(topic.info);
    require_topics(there, wanted, "bag " + path.string());
  }

  // metadata.yaml does not define the types that are not ours; a file may.
  void find_definitions() {
    const auto undefined = [](const BagTopic& topic) {
      return !topic.info.definition && !find_message_type(topic.info.type);
    };
    if (std::none_of(metadata.topics.begin(), metadata.topics.end(), undefined)) return;
    try {
      storage = open_storage(metadata.files.front());
      const BagMetadata content = storage->content();
      for (BagTopic& topic : metadata.topics)
        for (const BagTopic& same : content.topics)
          if (same.info.name == topic.info.name && same.info.type == topic.info.type && undefined(topic))
            topic.info.definition = same.info.definition;
    } catch (const Error&) {
      storage.reset();  // reading meets the same damage, and tells
    }
  }

  std::optional<Message> next() {
    for (; file_index < metadata.files.size(); ++file_index) {
      std::optional<Message> message;
      note_damage([&] {
        if (!storage) storage = open_storage(metadata.files[file_index]);
        message = read_ahead ? std::exchange(read_ahead, std::nullopt) : storage->next();
      });
      if (message) {
        // metadata.yaml knows better than an old file whether a topic is latched.
        for (const auto& topic : metadata.topics)
          if (topic.info.name == message->topic.name) message->topic.latched = topic.info.latched;
        ++read_count;
        return message;
      }
      if (storage)
        for (const auto& line : storage->damage())
          if (std::find(damage.begin(), damage.end(), line) == damage.end()) damage.push_back(line);
      storage.reset();
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

std::vector<fs::path> BagReader::storage_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& name : list_storage_files(folder)) files.push_back(folder / name);
  return files;
}

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

void BagReader::seek(StampNs stamp_ns) {
  Impl& i = *impl_;
  // The first file that reaches so far. Where the index does not tell files' times, each is asked.
  i.storage.reset();
  i.read_ahead.reset();
  for (i.file_index = 0; i.file_index < i.metadata.files.size(); ++i.file_index) {
    bool reaches = true;
    i.note_damage([&] {
      BagSpan span;
      if (i.metadata.spans.size() == i.metadata.files.size()) {
        span = i.metadata.spans[i.file_index];
      } else if (i.metadata.files.size() == 1) {
        span = {i.metadata.start_ns, i.metadata.duration_ns, i.metadata.message_count};
      } else {
        const BagMetadata content = i.open_storage(i.metadata.files[i.file_index])->content();
        span = {content.start_ns, content.duration_ns, content.message_count};
      }
      reaches = moment_after(span.start_ns, span.duration_ns) >= stamp_ns;
      if (!reaches) return;
      i.storage = i.open_storage(i.metadata.files[i.file_index]);
      if (i.storage->seek(stamp_ns)) return;
      do {
        i.read_ahead = i.storage->next();
      } while (i.read_ahead && i.read_ahead->stamp_ns < stamp_ns);
    });
    if (reaches) return;
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
