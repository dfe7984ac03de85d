#include "bramble/bag/ros1_reader.hpp"

#include <bzlib.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "bramble/bag/lz4.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/ros/ros1_message.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {
namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::string_view kMagic = "#ROSBAG V2.0\n";
constexpr std::uint64_t kLargestRecord = 2'000'000'000;

enum Op : std::uint8_t { kMessage = 2, kBagHeader = 3, kIndex = 4, kChunk = 5, kChunkInfo = 6, kConnection = 7 };

std::uint32_t u32_at(View bytes, std::size_t at) {
  if (bytes.size() < 4 || at > bytes.size() - 4) fail("a record is cut");
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Seconds and nanoseconds, as two numbers of 32 bits.
StampNs time_at(View bytes, std::size_t at) {
  return StampNs{u32_at(bytes, at)} * kNsPerSecond + StampNs{u32_at(bytes, at + 4)};
}

// The fields of a record's header: name=value, each behind its length. Views into the header.
class Header {
 public:
  explicit Header(View bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const std::uint32_t size = u32_at(bytes, at);
      at += 4;
      if (size > bytes.size() - at) fail("the header of a record is cut");
      const View field = bytes.subspan(at, size);
      const auto equals = std::find(field.begin(), field.end(), '=');
      if (equals == field.end()) fail("a field in the header of a record has no name");
      const auto name_size = static_cast<std::size_t>(equals - field.begin());
      fields_.emplace_back(text(field.first(name_size)), field.subspan(name_size + 1));
      at += size;
    }
  }
  static std::string_view text(View bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

  bool has(std::string_view name) const { return find(name) != nullptr; }
  View bytes(std::string_view name) const {
    const View* const found = find(name);
    if (!found) fail("the header of a record has no field '{}'", name);
    return *found;
  }
  std::string_view text(std::string_view name) const { return text(bytes(name)); }
  std::uint32_t u32(std::string_view name) const { return u32_at(bytes(name), 0); }
  StampNs time(std::string_view name) const { return time_at(bytes(name), 0); }
  std::uint8_t op() const {
    const View value = bytes("op");
    if (value.size() != 1) fail("a record has no operation");
    return value[0];
  }

 private:
  const View* find(std::string_view name) const {
    for (const auto& [key, value] : fields_)
      if (key == name) return &value;
    return nullptr;
  }
  std::vector<std::pair<std::string_view, View>> fields_;
};

// A bzip2 stream unpacked; `whole` becomes false when it is damaged or cut, and what came out before is returned.
Bytes unpack_bz2(View packed, std::uint64_t size, bool& whole) {
  bz_stream stream{};
  if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) fail("bz2 cannot be started");
  const std::unique_ptr<bz_stream, int (*)(bz_stream*)> owner(&stream, BZ2_bzDecompressEnd);
  // The library only reads what it takes for its input.
  stream.next_in = reinterpret_cast<char*>(const_cast<std::uint8_t*>(packed.data()));  // NOLINT
  stream.avail_in = static_cast<unsigned>(packed.size());
  Bytes out;
  std::size_t filled = 0;
  for (;;) {
    if (filled == out.size()) {
      if (filled > size) {
        whole = false;
        break;
      }
      out.resize(std::min<std::uint64_t>(size + 1, std::max<std::size_t>(1 << 16, 2 * filled)));
    }
    stream.next_out = reinterpret_cast<char*>(out.data() + filled);
    stream.avail_out = static_cast<unsigned>(out.size() - filled);
    const unsigned in_before = stream.avail_in, room = stream.avail_out;
    const int status = BZ2_bzDecompress(&stream);
    filled += room - stream.avail_out;
    if (status == BZ_STREAM_END) break;
    const bool stuck = stream.avail_in == in_before && stream.avail_out == room;
    if (status != BZ_OK || stuck) {
      whole = false;
      break;
    }
  }
  out.resize(std::min<std::size_t>(filled, size));
  return out;
}

class Ros1Reader final : public StorageReader {
 public:
  Ros1Reader(std::filesystem::path file, std::vector<std::string> wanted, bool recover)
      : path_(std::move(file)), wanted_(std::move(wanted)), recover_(recover), in_(path_, std::ios::binary) {
    if (!in_) fail("cannot read {}", path_.string());
    size_ = std::filesystem::file_size(path_);
    note_damage([&] { walk(); });
    settle();
  }

  BagMetadata content() override {
    BagMetadata bag;
    bag.storage = "ros1";
    bag.ros_distro.clear();
    bag.topics = topics_;
    bag.message_count = entries_.size();
    if (!entries_.empty()) {
      bag.start_ns = entries_.front().stamp_ns;
      bag.duration_ns = duration_between(bag.start_ns, entries_.back().stamp_ns);
    }
    return bag;
  }

  std::optional<Message> next() override {
    while (next_ < entries_.size()) {
      const Entry& entry = entries_[next_++];
      std::optional<Message> message;
      note_damage([&] { message = read(entry); });
      if (message) return message;
    }
    return std::nullopt;
  }

  const std::vector<std::string>& damage() const override { return damage_; }

 private:
  struct Connection {
    std::string topic, type, definition;
    bool latched = false;
    std::optional<std::size_t> index;  // in topics_; none: not given to anybody
    bool wanted = false;
    std::shared_ptr<const Ros1Transcoder> transcoder;
  };
  static constexpr std::uint64_t kNoChunk = ~0ULL;
  struct Entry {
    StampNs stamp_ns;
    std::uint64_t chunk;   // place of the chunk's record in the file, or kNoChunk
    std::uint64_t offset;  // in the unpacked chunk, or in the file
    std::uint32_t connection;
    auto operator<=>(const Entry&) const = default;
  };
  struct Record {
    Bytes header;
    std::uint64_t data_at = 0, data_size = 0, end = 0;
  };

  template <typename Step>
  void note_damage(const Step& step) {
    try {
      step();
    } catch (const Error& error) {
      std::string what = error.what();
      if (!what.starts_with(path_.string())) what = fmt::format("{}: {}", path_.string(), what);  // steps within steps
      if (!recover_) throw Error(what);
      if (std::find(damage_.begin(), damage_.end(), what) == damage_.end()) damage_.push_back(what);
    }
  }

  Bytes bytes_at(std::uint64_t at, std::uint64_t size) {
    if (size > kLargestRecord || at > size_ || size > size_ - at)
      fail("the file is cut: {} bytes at {} are wanted, it ends at {}", size, at, size_);
    Bytes bytes(size);
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(at));
    if (!in_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
      fail("{} bytes at {} cannot be read", size, at);
    return bytes;
  }

  // Header and place of the data; the data may reach beyond the end of a torn file.
  Record record_at(std::uint64_t at) {
    Record record;
    const std::uint32_t header_size = u32_at(bytes_at(at, 4), 0);
    record.header = bytes_at(at + 4, header_size);
    record.data_at = at + 8 + header_size;
    record.data_size = u32_at(bytes_at(at + 4 + header_size, 4), 0);
    record.end = record.data_at + record.data_size;
    return record;
  }

  // Goes over the records of the file up to its end.
  void walk() {
    const auto magic = bytes_at(0, std::min<std::uint64_t>(size_, kMagic.size()));
    if (Header::text(magic) != kMagic) {
      if (Header::text(magic).starts_with("#ROSBAG"))
        fail("this is a ROS 1 bag of another version than 2.0; `rosbag fix` of ROS 1 makes one");
      fail("this is no ROS 1 bag: it does not begin as one");
    }
    std::optional<std::uint64_t> open;  // a chunk whose index may follow
    bool indexed = false, closed = false;
    const auto finish_chunk = [&] {
      if (open && !indexed) note_damage([&] { index_chunk(*open); });
      open.reset();
      indexed = false;
    };
    for (std::uint64_t at = kMagic.size(); at < size_;) {
      Record record;
      try {
        record = record_at(at);
      } catch (const Error&) {
        finish_chunk();
        fail("the last record is cut, {} bytes are left of it", size_ - at);
      }
      const Header header(record.header);
      const std::uint8_t op = header.op();
      if (op != kIndex) finish_chunk();
      if (record.end > size_) {
        if (op == kChunk) note_damage([&] { index_chunk(at); });
        fail("the last record is cut: {} of {} bytes are there", size_ - std::min(size_, record.data_at),
             record.data_size);
      }
      switch (op) {
        case kBagHeader: {
          std::uint64_t index_at = 0;
          const View value = header.bytes("index_pos");
          if (value.size() == sizeof index_at) std::memcpy(&index_at, value.data(), sizeof index_at);
          closed = index_at != 0;
          break;
        }
        case kChunk:
          open = at;
          break;
        case kIndex:
          if (open) {
            read_index(header, bytes_at(record.data_at, record.data_size), *open);
            indexed = true;
          }
          break;
        case kConnection:
          read_connection(header, bytes_at(record.data_at, record.data_size));
          break;
        case kMessage:  // outside of a chunk
          entries_.push_back({header.time("time"), kNoChunk, at, header.u32("conn")});
          break;
        default:
          break;  // information on chunks, which the walk has found
      }
      at = record.end;
    }
    finish_chunk();
    if (!closed) fail("the bag has no index: its recorder was killed or is still at work");
  }

  void read_index(const Header& header, View data, std::uint64_t chunk) {
    if (header.u32("ver") != 1) fail("an index of version {} is not known", header.u32("ver"));
    const std::uint32_t connection = header.u32("conn"), count = header.u32("count");
    if (data.size() < std::uint64_t{count} * 12) fail("an index of {} messages has {} bytes", count, data.size());
    for (std::uint32_t i = 0; i < count; ++i)
      entries_.push_back(
          {time_at(data, std::size_t{i} * 12), chunk, u32_at(data, std::size_t{i} * 12 + 8), connection});
  }

  void read_connection(const Header& header, View data) {
    const std::uint32_t id = header.u32("conn");
    if (connections_.contains(id)) return;
    const Header info(data);
    Connection connection;
    connection.topic = header.text("topic");
    connection.type = info.text("type");
    if (info.has("message_definition")) connection.definition = info.text("message_definition");
    connection.latched = info.has("latching") && info.text("latching") == "1";
    connections_[id] = std::move(connection);
  }

  // What a chunk holds; `whole` tells whether it is all of it.
  Bytes unpack(std::uint64_t at, bool& whole) {
    const Record record = record_at(at);
    const Header header(record.header);
    const std::uint64_t there = std::min(record.end, size_) - std::min(record.data_at, size_);
    const Bytes packed = bytes_at(std::min(record.data_at, size_), there);
    const std::uint64_t size = header.u32("size");
    if (size > kLargestRecord) fail("a chunk claims {} bytes", size);
    const std::string_view compression = header.text("compression");
    Bytes bytes;
    whole = true;
    if (compression == "none")
      bytes = packed;
    else if (compression == "bz2")
      bytes = unpack_bz2(packed, size, whole);
    else if (compression == "lz4")
      bytes = unpack_lz4(packed, size, &whole);
    else
      fail("a chunk is compressed as '{}'; none, bz2 and lz4 are read", compression);
    whole = whole && bytes.size() == size;
    return bytes;
  }

  // Calls visit(header, data, place) for each whole record of an unpacked chunk.
  template <typename Visit>
  static void visit_records(View bytes, const Visit& visit) {
    for (std::size_t at = 0; at < bytes.size();) {
      const std::uint64_t header_size = u32_at(bytes, at);
      if (header_size + 8 > bytes.size() - at) fail("a record in a chunk is cut");
      const std::uint64_t data_size = u32_at(bytes, at + 4 + header_size);
      if (data_size > bytes.size() - at - 8 - header_size) fail("a record in a chunk is cut");
      visit(Header(bytes.subspan(at + 4, header_size)), bytes.subspan(at + 8 + header_size, data_size), at);
      at += 8 + header_size + data_size;
    }
  }

  // Takes connections, and (unless an index has told) messages, from a chunk; also from what is left of a torn one.
  void index_chunk(std::uint64_t at, bool messages = true) {
    bool whole = true;
    const Bytes bytes = unpack(at, whole);
    const auto visit = [&](const Header& header, View data, std::size_t offset) {
      if (header.op() == kConnection) read_connection(header, data);
      if (header.op() == kMessage && messages)
        entries_.push_back({header.time("time"), at, offset, header.u32("conn")});
    };
    if (whole) return visit_records(bytes, visit);
    try {
      visit_records(bytes, visit);
    } catch (const Error&) {  // where it is torn
    }
    fail("the chunk at {} is damaged or cut", at);
  }

  // Connections → topics, entries in order. A bag without index keeps connections only in its chunks.
  void settle() {
    std::vector<std::uint64_t> unread;
    for (const Entry& entry : entries_)
      if (!connections_.contains(entry.connection) && entry.chunk != kNoChunk &&
          (unread.empty() || unread.back() != entry.chunk))
        unread.push_back(entry.chunk);
    for (const std::uint64_t chunk : unread) note_damage([&] { index_chunk(chunk, false); });
    for (auto& entry : connections_) note_damage([&] { open_topic(entry.second); });
    std::erase_if(entries_, [&](const Entry& entry) {
      const auto found = connections_.find(entry.connection);
      return found == connections_.end() || !found->second.index;
    });
    for (const Entry& entry : entries_) ++topics_[*connections_.at(entry.connection).index].message_count;
    std::sort(entries_.begin(), entries_.end());
  }

  void open_topic(Connection& connection) {
    const std::string type = full_name(connection.type == "tf/tfMessage" ? "tf2_msgs/TFMessage" : connection.type);
    const auto same = std::find_if(topics_.begin(), topics_.end(),
                                   [&](const BagTopic& topic) { return topic.info.name == connection.topic; });
    if (same != topics_.end() && same->info.type != type)
      fail("{} has messages of two types, {} and {}; the latter are left out", connection.topic, same->info.type, type);
    BagTopic topic;
    topic.info.name = connection.topic;
    topic.info.type = type;
    topic.info.latched = connection.latched;
    connection.wanted = topic_wanted(connection.topic, wanted_);
    if (connection.wanted) {  // the others are only listed
      try {
        connection.transcoder = std::make_shared<const Ros1Transcoder>(type, connection.definition);
      } catch (const Error& error) {
        fail("{} cannot be converted and is left out: {}", connection.topic, error.what());
      }
      for (const std::string& field : connection.transcoder->left_out())
        spdlog::info("{}: ROS 2 has no place for {}", connection.topic, field);
      if (const std::string& text = connection.transcoder->definition(); !text.empty())
        topic.info.definition = std::make_shared<const TypeDefinition>(TypeDefinition{"ros2msg", text, ""});
    }
    if (same != topics_.end()) {
      same->info.latched |= connection.latched;
      connection.index = static_cast<std::size_t>(same - topics_.begin());
      return;
    }
    connection.index = topics_.size();
    topics_.push_back(std::move(topic));
  }

  static std::string full_name(const std::string& type) {
    const auto slash = type.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == type.size()) fail("'{}' is no type of ROS 1", type);
    return type.substr(0, slash) + "/msg/" + type.substr(type.rfind('/') + 1);
  }

  std::optional<Message> read(const Entry& entry) {
    const Connection& connection = connections_.at(entry.connection);
    if (!connection.wanted) return std::nullopt;
    Bytes own;
    View data;
    if (entry.chunk == kNoChunk) {
      const Record record = record_at(entry.offset);
      own = bytes_at(record.data_at, record.data_size);
      data = own;
    } else {
      if (unpacked_at_ != entry.chunk) {
        bool whole = true;
        unpacked_at_ = kNoChunk;
        unpacked_ = unpack(entry.chunk, whole);
        unpacked_at_ = entry.chunk;
        if (!whole) note_damage([&] { fail("the chunk at {} is damaged or cut", entry.chunk); });
      }
      const View bytes = unpacked_;
      if (entry.offset >= bytes.size()) fail("an index points {} bytes into a chunk of {}", entry.offset, bytes.size());
      const View record = bytes.subspan(entry.offset);
      const std::uint64_t header_size = u32_at(record, 0);
      if (header_size + 8 > record.size()) fail("an index points to what is no message");
      if (Header(record.subspan(4, header_size)).op() != kMessage) fail("an index points to what is no message");
      const std::uint64_t data_size = u32_at(record, 4 + header_size);
      if (data_size > record.size() - 8 - header_size) fail("a message in a chunk is cut");
      data = record.subspan(8 + header_size, data_size);
    }
    Message message;
    message.topic = topics_[*connection.index].info;
    message.stamp_ns = entry.stamp_ns;
    try {
      message.cdr = std::make_shared<const Bytes>(connection.transcoder->to_cdr(data));
    } catch (const Error& error) {
      fail("{} at {} ns: {}", connection.topic, entry.stamp_ns, error.what());
    }
    return message;
  }

  std::filesystem::path path_;
  std::vector<std::string> wanted_;
  bool recover_;
  std::ifstream in_;
  std::uint64_t size_ = 0;
  std::map<std::uint32_t, Connection> connections_;
  std::vector<BagTopic> topics_;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
  std::uint64_t unpacked_at_ = kNoChunk;
  Bytes unpacked_;
  std::vector<std::string> damage_;
};

}  // namespace

std::unique_ptr<StorageReader> open_ros1_bag(const std::filesystem::path& file, std::vector<std::string> wanted,
                                             bool recover) {
  return std::make_unique<Ros1Reader>(file, std::move(wanted), recover);
}

}  // namespace bramble
