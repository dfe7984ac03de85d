#include "bramble/bag/mcap_reader.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

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

class McapReader final : public StorageReader {
 public:
  McapReader(std::filesystem::path file, std::vector<std::string> wanted, bool recover)
      : path_(std::move(file)), wanted_(std::move(wanted)), recover_(recover), in_(path_, std::ios::binary) {
    if (!in_) fail("cannot read {}", path_.string());
    size_ = std::filesystem::file_size(path_);
    note_damage([&] { walk(); });
    std::sort(entries_.begin(), entries_.end());
  }

  BagMetadata content() override {
    BagMetadata bag;
    bag.storage = "mcap";
    for (const auto& [id, channel] : channels_) {
      auto same = std::find_if(bag.topics.begin(), bag.topics.end(),
                               [&](const BagTopic& topic) { return topic.info.name == channel.topic.info.name; });
      if (same == bag.topics.end())
        bag.topics.push_back(channel.topic);
      else
        same->message_count += channel.topic.message_count;
    }
    bag.message_count = entries_.size();
    if (packed_) {
      bag.compression_format = "zstd";
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

  std::vector<std::uint8_t> bytes_at(std::uint64_t at, std::uint64_t size) {
    if (size > kLargestRecord || at > size_ || size > size_ - at)
      fail("the file is cut: {} bytes at {} are wanted, it ends at {}", size, at, size_);
    std::vector<std::uint8_t> bytes(size);
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(at));
    if (!in_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
      fail("{} bytes at {} cannot be read", size, at);
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

  struct Unpacked {
    std::uint64_t at = kNoChunk;
    std::vector<std::uint8_t> bytes;
  };

  std::vector<std::uint8_t> unpack(std::uint64_t at, std::uint64_t length) {
    const auto record = bytes_at(at, length);
    Fields fields(record);
    fields.u64();
    fields.u64();
    const std::uint64_t size = fields.u64();
    const std::uint32_t crc = fields.u32();
    const std::string compression = fields.text();
    const auto packed = fields.part(fields.u64());
    if (size > kLargestRecord) fail("a chunk claims {} bytes", size);
    packed_ = packed_ || compression == "zstd";
    std::vector<std::uint8_t> bytes;
    if (compression.empty())
      bytes.assign(packed.begin(), packed.end());
    else if (compression == "zstd")
      bytes = unpack_zstd(packed);
    else if (compression == "lz4")
      bytes = unpack_lz4(packed, size);
    else
      fail("a chunk is compressed as '{}'; none, zstd and lz4 are read", compression);
    if (bytes.size() != size) fail("a chunk at {} holds {} bytes, not {}", at, bytes.size(), size);
    if (crc != 0 && libdeflate_crc32(0, bytes.data(), bytes.size()) != crc)
      note_damage([&] { fail("the chunk at {} has a wrong checksum", at); });
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
    std::vector<std::uint8_t> own;
    std::span<const std::uint8_t> record;
    if (entry.chunk == kNoChunk) {
      own = bytes_at(entry.offset + mcap::kRecordHead, record_head(entry.offset).second);
      record = own;
    } else {
      if (unpacked_.at != entry.chunk) {
        const std::uint64_t length = record_head(entry.chunk - mcap::kRecordHead).second;
        unpacked_.at = kNoChunk;
        unpacked_.bytes = unpack(entry.chunk, length);
        unpacked_.at = entry.chunk;
      }
      const std::span<const std::uint8_t> bytes = unpacked_.bytes;
      if (entry.offset >= bytes.size()) fail("an index points {} bytes into a chunk of {}", entry.offset, bytes.size());
      Fields head(bytes.subspan(entry.offset));
      if (head.u8() != mcap::kMessage) fail("an index points to what is no message");
      record = head.part(head.u64());
    }
    Fields fields(record);
    const auto channel = channels_.find(fields.u16());
    if (channel == channels_.end() || !channel->second.wanted) return std::nullopt;
    fields.part(20);
    const auto payload = fields.rest();
    const auto& ros1 = channel->second.ros1;
    return Message{channel->second.topic.info, entry.stamp_ns,
                   std::make_shared<const std::vector<std::uint8_t>>(
                       ros1               ? ros1->to_cdr(payload)
                       : is_zstd(payload) ? unpack_zstd(payload)
                                          : std::vector<std::uint8_t>(payload.begin(), payload.end()))};
  }

  std::filesystem::path path_;
  std::vector<std::string> wanted_;
  bool recover_;
  std::ifstream in_;
  std::uint64_t size_ = 0;
  struct Schema {
    std::string type, text;
    std::shared_ptr<const TypeDefinition> definition;
  };
  std::map<std::uint16_t, Schema> schemas_;
  std::map<std::uint16_t, Channel> channels_;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
  bool packed_ = false;  // there are zstd chunks
  Unpacked unpacked_;
  std::vector<std::string> damage_;
};

}  // namespace

std::unique_ptr<StorageReader> open_mcap_file(const std::filesystem::path& file, std::vector<std::string> wanted,
                                              bool recover) {
  return std::make_unique<McapReader>(file, std::move(wanted), recover);
}

}  // namespace bramble
