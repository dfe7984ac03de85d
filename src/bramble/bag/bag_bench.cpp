#include "bramble/bag/bag_bench.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/bag/sqlite.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/random.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

// A scratch folder that goes when it is not needed any more.
class Scratch {
 public:
  explicit Scratch(const fs::path& where)
      : path_((where.empty() ? fs::temp_directory_path() : where) / fmt::format("bramble_bench_{}", ::getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::shared_ptr<const std::vector<std::uint8_t>> random_payload(std::size_t size, Random& random) {
  std::vector<std::uint8_t> bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next_u32());
  return std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
}

std::shared_ptr<const std::vector<std::uint8_t>> picture(std::uint32_t width, std::uint32_t height,
                                                         const std::string& encoding, std::uint32_t pixel_bytes,
                                                         Random& random) {
  sensor_msgs::Image image;
  image.width = width;
  image.height = height;
  image.encoding = encoding;
  image.step = width * pixel_bytes;
  image.data = *random_payload(std::size_t{image.step} * height, random);
  return std::make_shared<const std::vector<std::uint8_t>>(serialize(image, image.data.size()));
}

// Frames of a drive until there are enough bytes. Payloads are shared between frames: what they hold does not matter.
std::vector<Message> frames(std::uint64_t bytes) {
  Random random(5);
  std::vector<Message> frame;
  const std::string image(sensor_msgs::Image::kType);
  frame.push_back({{"/carla/hero/rgb_front/image", image}, 0, picture(1024, 768, "bgra8", 4, random)});
  frame.push_back(
      {{"/carla/hero/semantic_segmentation_front/image", image}, 0, picture(1024, 768, "mono8", 1, random)});
  sensor_msgs::PointCloud2 cloud;
  cloud.height = 1;
  cloud.width = 50'000;
  cloud.point_step = 16;
  cloud.row_step = cloud.width * cloud.point_step;
  cloud.data = *random_payload(cloud.row_step, random);
  frame.push_back({{"/carla/hero/lidar", std::string(sensor_msgs::PointCloud2::kType)},
                   0,
                   std::make_shared<const std::vector<std::uint8_t>>(serialize(cloud, cloud.data.size()))});
  for (int i = 0; i < 8; ++i)
    frame.push_back({{fmt::format("/carla/hero/imu_{}", i), std::string(sensor_msgs::Imu::kType)},
                     0,
                     std::make_shared<const std::vector<std::uint8_t>>(serialize(sensor_msgs::Imu{}))});
  std::vector<Message> messages;
  std::uint64_t sum = 0;
  for (StampNs stamp_ns = kNsPerSecond; sum < bytes; stamp_ns += kNsPerSecond / 20)
    for (Message message : frame) {
      message.stamp_ns = stamp_ns;
      sum += message.cdr->size();
      messages.push_back(std::move(message));
    }
  return messages;
}

// What a robot's small sensors give: where the work for a message counts, not its bytes.
std::vector<Message> small_messages(std::size_t count) {
  constexpr std::size_t kTopics = 8;
  const auto payload = std::make_shared<const std::vector<std::uint8_t>>(serialize(sensor_msgs::Imu{}));
  std::vector<Message> messages;
  messages.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    messages.push_back({{fmt::format("/carla/hero/imu_{}", i % kTopics), std::string(sensor_msgs::Imu::kType)},
                        static_cast<StampNs>(i) * 1'000'000,
                        payload});
  return messages;
}

template <typename Step>
double seconds_of(const Step& step) {
  const auto begin = std::chrono::steady_clock::now();
  step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void write_plain(const fs::path& file, const std::vector<Message>& messages) {
  const int handle = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (handle < 0) fail("cannot create {}", file.string());
  for (const Message& message : messages) {
    std::size_t done = 0;
    while (done < message.cdr->size()) {
      const ssize_t written = ::write(handle, message.cdr->data() + done, message.cdr->size() - done);
      if (written <= 0) {
        ::close(handle);
        fail("cannot write {}", file.string());
      }
      done += static_cast<std::size_t>(written);
    }
  }
  ::close(handle);
}

// Each message into memory of its own, as a reader of bags gives it.
void read_plain(const fs::path& file, const std::vector<Message>& messages) {
  const int handle = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (handle < 0) fail("cannot read {}", file.string());
  for (const Message& message : messages) {
    std::vector<std::uint8_t> bytes(message.cdr->size());
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t got = ::read(handle, bytes.data() + done, bytes.size() - done);
      if (got <= 0) {
        ::close(handle);
        fail("cannot read {}", file.string());
      }
      done += static_cast<std::size_t>(got);
    }
  }
  ::close(handle);
}

// What is measured, and how its figures are called.
struct Storage {
  std::string name, plugin, preset;
};

void write_bag(const fs::path& folder, const Storage& storage, const std::vector<Message>& messages) {
  BagOptions options;
  options.storage = storage.plugin;
  options.storage_preset = storage.preset;
  BagWriter writer(folder, options);
  for (const Message& message : messages) writer.write(message);
  writer.close();
}

// SQLite as rosbag2 sets it by default: nothing survives a kill, and it is the fastest that SQLite gets.
void write_as_rosbag2(const fs::path& file, const std::vector<Message>& messages) {
  SqliteDatabase database(file, SqliteDatabase::Mode::kCreate);
  database.execute("PRAGMA journal_mode=MEMORY");
  database.execute("PRAGMA synchronous=OFF");
  database.execute(
      "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL, data BLOB "
      "NOT NULL); CREATE INDEX timestamp_idx ON messages (timestamp ASC)");
  SqliteStatement insert(database, "INSERT INTO messages (topic_id, timestamp, data) VALUES (1, ?, ?)");
  std::uint64_t uncommitted = 0;
  database.execute("BEGIN");
  for (const Message& message : messages) {
    insert.reset();
    insert.bind(1, message.stamp_ns).bind(2, std::span<const std::uint8_t>(*message.cdr)).step();
    uncommitted += message.cdr->size();
    if (uncommitted < BagOptions().commit_bytes) continue;
    database.execute("COMMIT; BEGIN");
    uncommitted = 0;
  }
  database.execute("COMMIT");
}

void read_bag(const fs::path& folder, std::size_t messages) {
  BagReader reader(folder);
  std::size_t count = 0;
  while (reader.next()) ++count;
  if (count != messages) fail("{} of {} messages were read", count, messages);
}

std::uint64_t bytes_of(const std::vector<Message>& messages) {
  std::uint64_t bytes = 0;
  for (const Message& message : messages) bytes += message.cdr->size();
  return bytes;
}

std::string shell_quoted(const fs::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Seconds that Python rosbags takes for a bag, {"write_s", "read_s"}; empty when it did not run.
nlohmann::json rosbags_seconds(const BagBenchOptions& options, const Scratch& scratch, const fs::path& bag,
                               std::uint64_t bytes) {
  const fs::path result = scratch / "peer.json", copy = scratch / "peer_copy";
  const std::string command =
      fmt::format("{} {} {} {} > {} 2>/dev/null", shell_quoted(options.python), shell_quoted(options.peer_script),
                  shell_quoted(bag), shell_quoted(copy), shell_quoted(result));
  const bool ran = std::system(command.c_str()) == 0;  // NOLINT: a benchmark starts its peer
  fs::remove_all(copy);
  const auto figures = ran ? nlohmann::json::parse(read_text_file(result), nullptr, false) : nlohmann::json::object();
  const bool whole = figures.is_object() && figures.contains("write_s") && figures.contains("read_s") &&
                     figures.value("bytes", std::uint64_t{0}) == bytes;
  return whole ? figures : nlohmann::json::object();
}

}  // namespace

nlohmann::json bench_bag(const BagBenchOptions& options) {
  const Scratch scratch(options.folder);
  require_free_space(scratch.path(), 5 * options.bytes, "the files of the bench");
  const std::vector<Message> messages = frames(options.bytes);
  const std::uint64_t bytes = bytes_of(messages);
  const std::vector<Message> small = small_messages(options.small_messages);

  // All in turn in every round, so that what else the machine does meets all of them.
  std::map<std::string, double> best_s;
  const auto measure = [&](const std::string& what, const auto& step) {
    const double seconds = seconds_of(step);
    const auto [at, fresh] = best_s.try_emplace(what, seconds);
    if (!fresh) at->second = std::min(at->second, seconds);
  };
  const std::vector<Storage> storages = {
      {"sqlite3", "sqlite3", "resilient"}, {"sqlite3_none", "sqlite3", "none"}, {"mcap", "mcap", "none"}};
  for (int round = 0; round < options.rounds; ++round) {
    const fs::path plain = scratch / "plain";
    fs::remove(plain);
    measure("write2", [&] { write_plain(plain, messages); });
    measure("read2", [&] { read_plain(plain, messages); });
    const fs::path rows = scratch / "rows.db3";
    fs::remove(rows);
    measure("sqlite3_as_rosbag2_write", [&] { write_as_rosbag2(rows, messages); });
    for (const Storage& storage : storages) {
      const fs::path bag = scratch / storage.name;
      fs::remove_all(bag);
      measure(storage.name + "_write", [&] { write_bag(bag, storage, messages); });
      measure(storage.name + "_read", [&] { read_bag(bag, messages.size()); });
      const fs::path small_bag = scratch / (storage.name + "_small");
      fs::remove_all(small_bag);
      measure(storage.name + "_small_write", [&] { write_bag(small_bag, storage, small); });
      measure(storage.name + "_small_read", [&] { read_bag(small_bag, small.size()); });
    }
  }
  const auto mb_per_s = [&](double seconds) { return static_cast<double>(bytes) * 1e-6 / seconds; };
  const auto messages_per_s = [&](double seconds) { return static_cast<double>(small.size()) / seconds; };
  nlohmann::json out = {{"bytes", bytes}, {"messages", messages.size()}, {"small_messages", small.size()}};
  for (const auto& [what, seconds] : best_s) {
    const bool is_small = what.find("_small_") != std::string::npos;
    out[what + (is_small ? "_messages_per_s" : "_mb_per_s")] = is_small ? messages_per_s(seconds) : mb_per_s(seconds);
  }
  for (const std::string name : {"sqlite3", "sqlite3_none"})
    out[name + "_write_over_rosbag2_settings"] = best_s["sqlite3_as_rosbag2_write"] / best_s[name + "_write"];
  for (const auto& [storage, plugin, preset] : storages) {
    out[storage + "_write_ratio"] = best_s["write2"] / best_s[storage + "_write"];
    out[storage + "_read_ratio"] = best_s["read2"] / best_s[storage + "_read"];
    const auto beside = [&, name = storage](const std::string& workload, std::uint64_t payload, const std::string& unit,
                                            const auto& rate) {
      const std::string ours = name + workload;
      const nlohmann::json peer = rosbags_seconds(options, scratch, scratch / ours, payload);
      for (const std::string what : {"write", "read"}) {
        const double seconds = peer.value(what + "_s", 0.0);
        const bool there = seconds > 0;
        out[fmt::format("rosbags_{}_{}{}", ours, what, unit)] = there ? nlohmann::json(rate(seconds)) : nullptr;
        out[fmt::format("{}_over_rosbags_{}", ours, what)] =
            there ? nlohmann::json(seconds / best_s[fmt::format("{}_{}", ours, what)]) : nullptr;
        if (!there)
          out["note"] = fmt::format("the peer did not run: {} needs rosbags (./bramble test installs it)",
                                    options.python.string());
      }
    };
    beside("", bytes, "_mb_per_s", mb_per_s);
    beside("_small", bytes_of(small), "_messages_per_s", messages_per_s);
  }
  return out;
}

}  // namespace bramble
