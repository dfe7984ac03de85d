#include "bramble/bag/mcap_reader.hpp"

#include <fcntl.h>
#include <oneapi/tbb/task_arena.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "bramble/bag/lz4.hpp"
#include "bramble/bag/mcap.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/crc32.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/ros/ros1_message.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {
namespace {

constexpr std::uint64_t kLargestRecord = 2'000'000'000;
constexpr std::uint64_t kMessageHead = 22;      // channel, number, two times
constexpr std::uint64_t kPiece = 128 << 10;     // what is read, and summed while the cache holds it
constexpr std::uint64_t kMostAhead = 32 << 20;  // of chunks that are read side by side

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
      const std::size_t number = next_++;
      if (!is_wanted(entries_[number])) continue;
      std::optional<Message> message;
      note_damage([&] { message = read(number); });
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
    std::uint16_t channel;
    auto operator<=>(const Entry&) const = default;
  };
  bool is_wanted(const Entry& entry) const { return channels_.at(entry.channel).wanted; }
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

  // Puts what the file has at a place behind `bytes` and their checksum into `crc`.
  void append_at(std::uint64_t at, std::uint64_t size, std::vector<std::uint8_t>& bytes, std::uint32_t& crc) const {
    require_place(at, size);
    bytes.reserve(bytes.size() + size);
    for (std::uint64_t piece; size > 0; at += piece, size -= piece) {
      piece = std::min(size, kPiece);
      bytes.resize(bytes.size() + piece);
      const auto last = std::span(bytes).last(piece);
      in_.read(at, last);
      crc = crc32(crc, last);
    }
  }

  std::pair<std::uint8_t, std::uint64_t> record_head(std::uint64_t at) const {
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
    // A kill may leave a chunk with the indexes of some of its channels only.
    const auto finish_last_chunk = [&] {
      if (open && open->indexed) {
        forget(*open);
        open->indexed = false;
      }
      finish_chunk();
    };
    bool ended = false;
    while (!ended) {
      if (at == size_) {
        finish_last_chunk();
        fail("the file has no end: its recorder was killed or is still at work");
      }
      if (size_ - at < mcap::kRecordHead) {
        finish_last_chunk();
        fail("the last record is cut");
      }
      const auto [opcode, length] = record_head(at);
      const std::uint64_t content = at + mcap::kRecordHead;
      if (length > size_ - content) {
        finish_last_chunk();
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
    entries_.push_back({static_cast<StampNs>(time), chunk, offset, channel});
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

  // Takes back what an index told of a chunk.
  void forget(const ChunkPlace& chunk) {
    std::erase_if(entries_, [&](const Entry& entry) {
      if (entry.chunk != chunk.at) return false;
      --channels_.at(entry.channel).topic.message_count;
      return true;
    });
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

  // A chunk in memory. A message that is most of a chunk without compression, as pictures are, is read to where it
  // stays, not among the records first.
  struct LoadedChunk {
    std::uint64_t at = kNoChunk;
    std::string compression;
    std::vector<std::uint8_t> records;                 // all of them, or up to the large message's payload
    std::shared_ptr<std::vector<std::uint8_t>> large;  // null: there is none, or it has been given away
    std::uint64_t large_size = 0;
    std::vector<std::uint8_t> after;  // the records behind it
    std::string problem, damage;      // why there is nothing; what is wrong with it

    std::uint64_t large_at() const { return records.size(); }
    bool has(std::uint64_t offset) const {
      return large_size == 0 || large || offset + mcap::kRecordHead + kMessageHead != large_at();
    }
  };

  // `large_offset`: where a large message may be.
  LoadedChunk load(std::uint64_t at, std::uint64_t length, std::uint64_t large_offset) const {
    LoadedChunk out;
    out.at = at;
    try {
      const ChunkHead head = chunk_head(at, length);
      out.compression = head.compression;
      std::uint32_t crc = 0;
      if (head.compression.empty()) {
        crc = load_plain(head, large_offset, out);
      } else {
        const auto packed = bytes_at(head.records_at, head.packed_size);
        if (head.compression == "zstd")
          out.records = unpack_zstd(packed);
        else if (head.compression == "lz4")
          out.records = unpack_lz4(packed, head.size);
        else
          fail("a chunk is compressed as '{}'; none, zstd and lz4 are read", head.compression);
        if (out.records.size() != head.size)
          fail("a chunk at {} holds {} bytes, not {}", at, out.records.size(), head.size);
        crc = crc32(0, out.records);
      }
      if (head.crc != 0 && head.crc != crc)
        out.damage = fmt::format("the chunk at {} has a wrong checksum", head.records_at);
    } catch (const Error& error) {
      out.problem = error.what();
    }
    return out;
  }
  std::uint32_t load_plain(const ChunkHead& head, std::uint64_t large_offset, LoadedChunk& out) const {
    std::uint32_t crc = 0;
    constexpr std::uint64_t kBefore = mcap::kRecordHead + kMessageHead;
    if (large_offset < head.size / 2 && head.size / 2 >= kBefore) {
      append_at(head.records_at, large_offset + kBefore, out.records, crc);
      Fields record(std::span<const std::uint8_t>(out.records).subspan(large_offset));
      const bool message = record.u8() == mcap::kMessage;
      const std::uint64_t size = record.u64() - kMessageHead;  // beyond all sizes where there is less
      if (message && size >= head.size / 2 && size <= head.size - out.records.size()) {
        out.large = std::make_shared<std::vector<std::uint8_t>>();
        out.large_size = size;
        append_at(head.records_at + out.records.size(), size, *out.large, crc);
        const std::uint64_t done = out.records.size() + size;
        append_at(head.records_at + done, head.size - done, out.after, crc);
        return crc;
      }
    }
    const std::uint64_t done = out.records.size();
    append_at(head.records_at + done, head.size - done, out.records, crc);
    return crc;
  }
  void require_whole(const LoadedChunk& chunk) {
    if (!chunk.compression.empty()) packed_ = chunk.compression;
    if (!chunk.problem.empty()) throw Error(chunk.problem);
    if (!chunk.damage.empty()) note_damage([&] { throw Error(chunk.damage); });
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
    const LoadedChunk loaded = load(chunk.at, chunk.length, kNoChunk);
    require_whole(loaded);
    visit_records(loaded.records, [&](std::uint8_t opcode, const Fields& fields, std::uint64_t) {
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
  void index_chunk(const ChunkPlace& chunk) {
    const LoadedChunk loaded = load(chunk.at, chunk.length, kNoChunk);
    require_whole(loaded);
    index_records(loaded.records, chunk.at);
  }

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

  std::optional<Message> read(std::size_t number) {
    const Entry& entry = entries_[number];
    if (entry.chunk == kNoChunk) {
      const auto record = bytes_at(entry.offset + mcap::kRecordHead, record_head(entry.offset).second);
      return message_of(record, entry);
    }
    LoadedChunk& chunk = loaded(number);
    require_whole(chunk);
    std::span<const std::uint8_t> records = chunk.records;
    std::uint64_t offset = entry.offset;
    if (chunk.large_size > 0 && offset >= chunk.large_at()) {
      if (offset - chunk.large_at() < chunk.large_size) fail("an index points into a message");
      offset -= chunk.large_at() + chunk.large_size;
      records = chunk.after;
    }
    if (offset >= records.size()) fail("an index points {} bytes into a chunk of {}", offset, records.size());
    Fields head(records.subspan(offset));
    if (head.u8() != mcap::kMessage) fail("an index points to what is no message");
    const std::uint64_t length = head.u64();
    if (chunk.large && offset + mcap::kRecordHead + kMessageHead == chunk.large_at() &&
        records.data() == chunk.records.data())
      return large_message(head.rest(), entry, std::exchange(chunk.large, nullptr));
    return message_of(head.part(length), entry);
  }

  // The chunk of an entry: of those in memory, or read now, together with the chunks that are wanted next.
  LoadedChunk& loaded(std::size_t number) {
    const auto in_memory = [&]() -> LoadedChunk* {
      for (LoadedChunk& chunk : loaded_)
        if (chunk.at == entries_[number].chunk && chunk.has(entries_[number].offset)) return &chunk;
      return nullptr;
    };
    if (LoadedChunk* found = in_memory()) return *found;
    struct Wanted {
      std::uint64_t chunk, length, last_offset;
    };
    std::vector<Wanted> wanted;
    const std::size_t most = 2 * static_cast<std::size_t>(thread_count());
    std::uint64_t sum = 0;
    for (std::size_t i = number; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      if (entry.chunk == kNoChunk || !is_wanted(entry)) continue;
      const auto known =
          std::find_if(wanted.rbegin(), wanted.rend(), [&](const Wanted& w) { return w.chunk == entry.chunk; });
      if (known != wanted.rend()) {
        known->last_offset = std::max(known->last_offset, entry.offset);
        continue;
      }
      if (wanted.size() == most) break;
      const std::uint64_t length = record_head(entry.chunk - mcap::kRecordHead).second;
      if (!wanted.empty() && sum + length > kMostAhead) break;
      sum += length;
      wanted.push_back({entry.chunk, length, entry.offset});
    }
    loaded_.clear();
    loaded_.resize(wanted.size());
    // Kept to these tasks: a thread that waits here must not begin on what else the program has to do.
    tbb::this_task_arena::isolate([&] {
      parallel_for(wanted.size(),
                   [&](std::size_t i) { loaded_[i] = load(wanted[i].chunk, wanted[i].length, wanted[i].last_offset); });
    });
    return loaded_.front();
  }

  // The message whose head (from the channel on) the records end with.
  std::optional<Message> large_message(std::span<const std::uint8_t> head, const Entry& entry,
                                       std::shared_ptr<std::vector<std::uint8_t>> payload) {
    const auto channel = channels_.find(Fields(head).u16());
    if (channel == channels_.end() || !channel->second.wanted) return std::nullopt;
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
  std::string packed_;               // how chunks are compressed, if they are
  std::vector<LoadedChunk> loaded_;  // chunks in memory
  std::vector<std::string> damage_;
};

}  // namespace

std::unique_ptr<StorageReader> open_mcap_file(const std::filesystem::path& file, std::vector<std::string> wanted,
                                              bool recover) {
  return std::make_unique<McapReader>(file, std::move(wanted), recover);
}

}  // namespace bramble
