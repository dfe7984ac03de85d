#include "bramble/bag/mcap_reader.hpp"

#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "bramble/bag/lz4.hpp"
#include "bramble/bag/mcap.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/ros/ros1_message.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {
namespace {

constexpr std::uint64_t kLargestRecord = 2'000'000'000;
constexpr std::uint64_t kMessageHead = 22;  // channel, number, two times

// Reads a record's content from the front; fails rather than read beyond its end.
class Fields {
 public:
  explicit Fields(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  std::string text() {
    const auto bytes = part(u32());
    return {bytes.begin(), bytes.end()};
  }
  std::span<const std::uint8_t> part(std::uint64_t size) {
    if (size > bytes_.size()) fail("a record is cut: {} bytes are wanted, {} left", size, bytes_.size());
    const auto result = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return result;
  }
  std::span<const std::uint8_t> rest() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::uint64_t integer(std::size_t size) {
    const auto bytes = part(size);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
    return value;
  }
  std::span<const std::uint8_t> bytes_;
};

// A file read from any place. (Not mapped into memory: a file that is cut while it is read must be an error, no crash.)
class PlacedFile {
 public:
  explicit PlacedFile(const std::filesystem::path& path) : handle_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (handle_ < 0) fail("cannot read {}: {}", path.string(), std::strerror(errno));
  }
  ~PlacedFile() { ::close(handle_); }
  PlacedFile(const PlacedFile&) = delete;
  PlacedFile& operator=(const PlacedFile&) = delete;

  void read(std::uint64_t at, std::span<std::uint8_t> to) const {
    for (std::size_t done = 0; done < to.size();) {
      const ssize_t got = ::pread(handle_, to.data() + done, to.size() - done, static_cast<off_t>(at + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) fail("{} bytes at {} cannot be read", to.size(), at);
      done += static_cast<std::size_t>(got);
    }
  }

 private:
  int handle_;
};

// Bytes that are about to be overwritten: memory without the zeros that a vector begins with.
class Buffer {
 public:
  std::span<std::uint8_t> sized(std::size_t size) {
    if (size > capacity_) {
      bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(size);
      capacity_ = size;
    }
    return {bytes_.get(), size};
  }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t capacity_ = 0;
};

class McapReader final : public StorageReader {
 public:
  McapReader(std::filesystem::path file, std::vector<std::string> wanted, bool recover)
      : path_(std::move(file)), wanted_(std::move(wanted)), recover_(recover), in_(path_) {
    size_ = std::filesystem::file_size(path_);
    note_damage([&] { walk(); });
    std::sort(entries_.begin(), entries_.end());
  }

  BagMetadata content() override {
    BagMetadata bag;
    bag.storage = "mcap";
    for (const auto& entry : channels_) {
      const Channel& channel = entry.second;
      auto same = std::find_if(bag.topics.begin(), bag.topics.end(),
                               [&](const BagTopic& topic) { return topic.info.name == channel.topic.info.name; });
      if (same == bag.topics.end())
        bag.topics.push_back(channel.topic);
      else
        same->message_count += channel.topic.message_count;
    }
    bag.message_count = entries_.size();
    if (!packed_.empty()) {
      bag.compression_format = packed_;
      bag.compression_mode = "chunk";
    }
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

  bool seek(StampNs stamp_ns) override {
    next_ =
        static_cast<std::size_t>(std::partition_point(entries_.begin(), entries_.end(),
                                                      [&](const Entry& entry) { return entry.stamp_ns < stamp_ns; }) -
                                 entries_.begin());
    return true;
  }

  const std::vector<std::string>& damage() const override { return damage_; }

 private:
  struct Channel {
    BagTopic topic;
    bool wanted = false;
    std::shared_ptr<const Ros1Transcoder> ros1;  // for messages as ROS 1 has them

    void take_from_ros1(const std::string& definition) {
      wanted = false;  // unless it can be read
      ros1 = std::make_shared<const Ros1Transcoder>(topic.info.type, definition);
      topic.info.type = ros1->type();
      topic.info.definition =
          ros1->definition().empty()
              ? nullptr
              : std::make_shared<const TypeDefinition>(TypeDefinition{"ros2msg", ros1->definition(), ""});
      topic.serialization_format = "cdr";
      wanted = true;
    }
  };
  // Where a message is: in a chunk, or (kNoChunk) a record of the file itself.
  static constexpr std::uint64_t kNoChunk = ~0ULL;
  struct Entry {
    StampNs stamp_ns;
    std::uint64_t chunk;   // its place in the file, or kNoChunk
    std::uint64_t offset;  // in the unpacked chunk, or in the file
    auto operator<=>(const Entry&) const = default;
  };
  struct ChunkPlace {
    std::uint64_t at = 0, length = 0;
    bool indexed = false;
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

  void require_place(std::uint64_t at, std::uint64_t size) const {
    if (size > kLargestRecord || at > size_ || size > size_ - at)
      fail("the file is cut: {} bytes at {} are wanted, it ends at {}", size, at, size_);
  }
  std::vector<std::uint8_t> bytes_at(std::uint64_t at, std::uint64_t size) const {
    require_place(at, size);
    std::vector<std::uint8_t> bytes(size);
    in_.read(at, bytes);
    return bytes;
  }

  std::pair<std::uint8_t, std::uint64_t> record_head(std::uint64_t at) {
    const auto bytes = bytes_at(at, mcap::kRecordHead);
    Fields fields(bytes);
    const auto opcode = fields.u8();
    return {opcode, fields.u64()};
  }

  // Goes over the records up to the end of the data section.
  void walk() {
    const auto magic = bytes_at(0, std::min<std::uint64_t>(size_, mcap::kMagic.size()));
    if (!std::equal(magic.begin(), magic.end(), mcap::kMagic.begin(), mcap::kMagic.end()))
      fail("this is no MCAP file: it does not begin as one");
    std::uint64_t at = mcap::kMagic.size();
    std::optional<ChunkPlace> open;  // a chunk whose index may follow
    const auto finish_chunk = [&] {
      if (open && !open->indexed) note_damage([&] { index_chunk(*open); });
      open.reset();
    };
    bool ended = false;
    while (!ended) {
      if (at == size_) {
        finish_chunk();
        fail("the file has no end: its recorder was killed or is still at work");
      }
      if (size_ - at < mcap::kRecordHead) {
        finish_chunk();
        fail("the last record is cut");
      }
      const auto [opcode, length] = record_head(at);
      const std::uint64_t content = at + mcap::kRecordHead;
      if (length > size_ - content) {
        finish_chunk();
        if (opcode == mcap::kChunk) note_damage([&] { index_torn_chunk(content); });
        fail("the last record is cut at {} of {} bytes", size_ - content, length);
      }
      if (opcode != mcap::kMessageIndex) finish_chunk();
      switch (opcode) {
        case mcap::kSchema:
          read_schema(Fields(bytes_at(content, length)));
          break;
        case mcap::kChannel:
          read_channel(Fields(bytes_at(content, length)));
          break;
        case mcap::kMessage: {
          const auto bytes = bytes_at(content, std::min<std::uint64_t>(length, 22));
          note_message(Fields(bytes), kNoChunk, at);
          break;
        }
        case mcap::kChunk:
          open = ChunkPlace{content, length, false};
          break;
        case mcap::kMessageIndex:
          if (open) read_index(Fields(bytes_at(content, length)), *open);
          break;
        case mcap::kDataEnd:
        case mcap::kFooter:
          ended = true;
          break;
        default:
          break;  // attachments, metadata and what later versions may add
      }
      at = content + length;
    }
    read_summary(at);
  }

  // Schemas and channels once more, and those without messages.
  void read_summary(std::uint64_t at) {
    while (size_ - at >= mcap::kRecordHead + mcap::kMagic.size()) {
      const auto [opcode, length] = record_head(at);
      if (length > size_ - at - mcap::kRecordHead) fail("the summary is cut");
      if (opcode == mcap::kSchema) read_schema(Fields(bytes_at(at + mcap::kRecordHead, length)));
      if (opcode == mcap::kChannel) read_channel(Fields(bytes_at(at + mcap::kRecordHead, length)));
      at += mcap::kRecordHead + length;
    }
    const auto magic = bytes_at(at, size_ - at);
    if (!std::equal(magic.begin(), magic.end(), mcap::kMagic.begin(), mcap::kMagic.end()))
      fail("the file's end is missing");
  }

  void read_schema(Fields fields) {
    const std::uint16_t id = fields.u16();
    Schema& schema = schemas_[id];
    schema.type = fields.text();
    // (ROS 1's own encoding is dealt with where the channel says so.)
    TypeDefinition definition{fields.text(), "", ""};
    definition.text = fields.text();
    schema.text = definition.text;
    if (!definition.text.empty() && !find_message_type(schema.type))
      schema.definition = std::make_shared<const TypeDefinition>(std::move(definition));
  }

  void read_channel(Fields fields) {
    const std::uint16_t id = fields.u16(), schema = fields.u16();
    if (channels_.contains(id)) return;
    Channel channel;
    channel.topic.info.name = fields.text();
    if (const auto found = schemas_.find(schema); found != schemas_.end()) {
      channel.topic.info.type = found->second.type;
      channel.topic.info.definition = found->second.definition;
    }
    channel.topic.serialization_format = fields.text();
    Fields metadata(fields.part(fields.u32()));
    while (!metadata.empty()) {
      const std::string key = metadata.text(), value = metadata.text();
      if (key == "offered_qos_profiles")
        channel.topic.info.latched =
            value.find("durability: 1") != std::string::npos || value.find("transient_local") != std::string::npos;
      if (key == "topic_type_hash" && !value.empty() && channel.topic.info.definition) {
        TypeDefinition definition = *channel.topic.info.definition;
        definition.hash = value;
        channel.topic.info.definition = std::make_shared<const TypeDefinition>(std::move(definition));
      }
    }
    channel.wanted = topic_wanted(channel.topic.info.name, wanted_);
    if (channel.topic.serialization_format == "ros1" && channel.wanted)
      note_damage([&] { channel.take_from_ros1(schemas_[schema].text); });
    channels_[id] = std::move(channel);
  }

  void note_message(Fields fields, std::uint64_t chunk, std::uint64_t offset) {
    const std::uint16_t id = fields.u16();
    fields.u32();
    add(id, fields.u64(), chunk, offset);
  }

  void add(std::uint16_t channel, std::uint64_t time, std::uint64_t chunk, std::uint64_t offset) {
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;  // nobody can say what it is
    ++found->second.topic.message_count;
    entries_.push_back({static_cast<StampNs>(time), chunk, offset});
  }

  void read_index(Fields fields, ChunkPlace& chunk) {
    // The first index of a chunk may speak of a channel that only the chunk itself explains.
    const std::uint16_t channel = fields.u16();
    if (!channels_.contains(channel)) read_definitions(chunk);
    Fields entries(fields.part(fields.u32()));
    while (!entries.empty()) {
      const std::uint64_t time = entries.u64();
      add(channel, time, chunk.at, entries.u64());
    }
    chunk.indexed = true;
  }

  // What stands before a chunk's records.
  struct ChunkHead {
    std::uint64_t size = 0;  // of the records, unpacked
    std::uint32_t crc = 0;   // of the records, unpacked; 0: not given
    std::string compression;
    std::uint64_t records_at = 0, packed_size = 0;
  };
  ChunkHead chunk_head(std::uint64_t at, std::uint64_t length) const {
    constexpr std::uint64_t kFixed = 32;  // two times, size, checksum, length of the compression's name
    const auto fixed = bytes_at(at, std::min(length, kFixed));
    Fields fields(fixed);
    fields.part(16);
    ChunkHead head;
    head.size = fields.u64();
    head.crc = fields.u32();
    const std::uint64_t name = fields.u32();
    if (name + 8 > length - kFixed) fail("a chunk at {} is cut", at);
    const auto rest = bytes_at(at + kFixed, name + 8);
    Fields more(rest);
    const auto text = more.part(name);
    head.compression.assign(text.begin(), text.end());
    head.packed_size = more.u64();
    head.records_at = at + kFixed + name + 8;
    if (head.packed_size > length - kFixed - name - 8) fail("a chunk at {} is cut", at);
    if (head.size > kLargestRecord) fail("a chunk claims {} bytes", head.size);
    if (head.compression.empty() && head.packed_size != head.size)
      fail("a chunk at {} holds {} bytes, not {}", at, head.packed_size, head.size);
    return head;
  }
  void check_crc(const ChunkHead& head, std::uint32_t crc) {
    if (head.crc != 0 && head.crc != crc)
      note_damage([&] { fail("the chunk at {} has a wrong checksum", head.records_at); });
  }

  // The records of a chunk, in memory that the next call may take again.
  std::span<const std::uint8_t> unpack(std::uint64_t at, std::uint64_t length) {
    const ChunkHead head = chunk_head(at, length);
    require_place(head.records_at, head.packed_size);
    const auto packed = buffer_.sized(head.packed_size);
    in_.read(head.records_at, packed);
    std::span<const std::uint8_t> bytes = packed;
    if (!head.compression.empty()) {
      packed_ = head.compression;
      if (head.compression == "zstd")
        unpacked_ = unpack_zstd(packed);
      else if (head.compression == "lz4")
        unpacked_ = unpack_lz4(packed, head.size);
      else
        fail("a chunk is compressed as '{}'; none, zstd and lz4 are read", head.compression);
      bytes = unpacked_;
    }
    if (bytes.size() != head.size) fail("a chunk at {} holds {} bytes, not {}", at, bytes.size(), head.size);
    check_crc(head, libdeflate_crc32(0, bytes.data(), bytes.size()));
    return bytes;
  }

  // Calls visit(opcode, content, place of the record) for every whole record of an unpacked chunk.
  template <typename Visit>
  static void visit_records(std::span<const std::uint8_t> bytes, const Visit& visit) {
    std::uint64_t at = 0;
    while (at < bytes.size()) {
      Fields fields(bytes.subspan(at));
      const auto opcode = fields.u8();
      const std::uint64_t length = fields.u64();
      visit(opcode, Fields(fields.part(length)), at);
      at += mcap::kRecordHead + length;
    }
  }

  void read_definitions(const ChunkPlace& chunk) {
    visit_records(unpack(chunk.at, chunk.length), [&](std::uint8_t opcode, const Fields& fields, std::uint64_t) {
      if (opcode == mcap::kSchema) read_schema(fields);
      if (opcode == mcap::kChannel) read_channel(fields);
    });
  }

  void index_records(std::span<const std::uint8_t> bytes, std::uint64_t chunk) {
    visit_records(bytes, [&](std::uint8_t opcode, const Fields& fields, std::uint64_t at) {
      if (opcode == mcap::kSchema) read_schema(fields);
      if (opcode == mcap::kChannel) read_channel(fields);
      if (opcode == mcap::kMessage) note_message(fields, chunk, at);
    });
  }
  void index_chunk(const ChunkPlace& chunk) { index_records(unpack(chunk.at, chunk.length), chunk.at); }

  // A chunk that the file's end cuts: if it is not compressed, its whole records are records of the file.
  void index_torn_chunk(std::uint64_t at) {
    const auto record = bytes_at(at, size_ - at);
    Fields fields(record);
    for (int i = 0; i < 3; ++i) fields.u64();
    fields.u32();
    const std::string compression = fields.text();
    fields.u64();
    if (!compression.empty()) return;
    const std::uint64_t records_at = at + (record.size() - fields.rest().size());
    visit_records(fields.rest(), [&](std::uint8_t opcode, const Fields& content, std::uint64_t offset) {
      if (opcode == mcap::kSchema) read_schema(content);
      if (opcode == mcap::kChannel) read_channel(content);
      if (opcode == mcap::kMessage) note_message(content, kNoChunk, records_at + offset);
    });
  }

  std::optional<Message> read(const Entry& entry) {
    if (entry.chunk == kNoChunk) {
      const auto record = bytes_at(entry.offset + mcap::kRecordHead, record_head(entry.offset).second);
      return message_of(record, entry);
    }
    if (current_chunk_ != entry.chunk) {
      const std::uint64_t length = record_head(entry.chunk - mcap::kRecordHead).second;
      if (auto payload = read_large(entry, length)) return std::move(*payload);
      current_chunk_ = kNoChunk;
      current_ = unpack(entry.chunk, length);
      current_chunk_ = entry.chunk;
    }
    if (entry.offset >= current_.size())
      fail("an index points {} bytes into a chunk of {}", entry.offset, current_.size());
    Fields head(current_.subspan(entry.offset));
    if (head.u8() != mcap::kMessage) fail("an index points to what is no message");
    return message_of(head.part(head.u64()), entry);
  }

  // A message that is most of a chunk without compression, as pictures are: read to where it stays, not into the chunk
  // first. Empty: it is another kind of chunk. The inner one: a message that nobody wants.
  std::optional<std::optional<Message>> read_large(const Entry& entry, std::uint64_t length) {
    const ChunkHead chunk = chunk_head(entry.chunk, length);
    constexpr std::uint64_t kBefore = mcap::kRecordHead + kMessageHead;
    if (!chunk.compression.empty() || entry.offset > chunk.size || chunk.size - entry.offset < kBefore) return {};
    std::vector<std::uint8_t> before = bytes_at(chunk.records_at, std::min(entry.offset + kBefore, chunk.size / 2));
    if (before.size() < entry.offset + kBefore) return {};
    Fields record(std::span<const std::uint8_t>(before).subspan(entry.offset));
    if (record.u8() != mcap::kMessage) fail("an index points to what is no message");
    const std::uint64_t record_length = record.u64();
    if (record_length < kMessageHead || record_length - kMessageHead < chunk.size / 2 ||
        record_length - kMessageHead > chunk.size - before.size())
      return {};
    const std::uint64_t size = record_length - kMessageHead, payload_at = chunk.records_at + before.size();
    const auto channel = channels_.find(record.u16());
    if (channel == channels_.end() || !channel->second.wanted) return std::optional<Message>();
    auto payload = std::make_shared<std::vector<std::uint8_t>>(bytes_at(payload_at, size));
    const auto after = bytes_at(payload_at + size, chunk.size - before.size() - size);
    std::uint32_t crc = 0;
    for (const std::vector<std::uint8_t>& part :
         {std::cref(before), std::cref(std::as_const(*payload)), std::cref(after)})
      if (!part.empty()) crc = libdeflate_crc32(crc, part.data(), part.size());  // of no bytes it would begin anew
    check_crc(chunk, crc);
    if (channel->second.ros1 || is_zstd(*payload)) return message_from(channel->second, entry.stamp_ns, *payload);
    return Message{channel->second.topic.info, entry.stamp_ns, std::move(payload)};
  }

  std::optional<Message> message_of(std::span<const std::uint8_t> record, const Entry& entry) {
    Fields fields(record);
    const auto channel = channels_.find(fields.u16());
    if (channel == channels_.end() || !channel->second.wanted) return std::nullopt;
    fields.part(kMessageHead - 2);
    return message_from(channel->second, entry.stamp_ns, fields.rest());
  }
  static Message message_from(const Channel& channel, StampNs stamp_ns, std::span<const std::uint8_t> payload) {
    return {channel.topic.info, stamp_ns,
            std::make_shared<const std::vector<std::uint8_t>>(
                channel.ros1       ? channel.ros1->to_cdr(payload)
                : is_zstd(payload) ? unpack_zstd(payload)
                                   : std::vector<std::uint8_t>(payload.begin(), payload.end()))};
  }

  std::filesystem::path path_;
  std::vector<std::string> wanted_;
  bool recover_;
  PlacedFile in_;
  std::uint64_t size_ = 0;
  struct Schema {
    std::string type, text;
    std::shared_ptr<const TypeDefinition> definition;
  };
  std::map<std::uint16_t, Schema> schemas_;
  std::map<std::uint16_t, Channel> channels_;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
  std::string packed_;  // how chunks are compressed, if they are
  Buffer buffer_;       // a chunk as it stands in the file
  std::vector<std::uint8_t> unpacked_;
  std::uint64_t current_chunk_ = kNoChunk;
  std::span<const std::uint8_t> current_;  // its records: in one of the two above
  std::vector<std::string> damage_;
};

}  // namespace

std::unique_ptr<StorageReader> open_mcap_file(const std::filesystem::path& file, std::vector<std::string> wanted,
                                              bool recover) {
  return std::make_unique<McapReader>(file, std::move(wanted), recover);
}

}  // namespace bramble
