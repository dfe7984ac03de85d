#include "bramble/bag/mcap_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "bramble/bag/lz4.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/crc32.hpp"
#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

using mcap::Bytes;

constexpr std::size_t kChunkBytes = 1 << 20;

// A file that is only ever appended to; every failure names it.
class AppendedFile {
 public:
  explicit AppendedFile(std::filesystem::path path)
      : path_(std::move(path)), handle_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (handle_ < 0) fail("cannot create {}: {}", path_.string(), std::strerror(errno));
  }
  ~AppendedFile() {
    if (handle_ >= 0) ::close(handle_);
  }
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;

  void append(const std::uint8_t* data, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::write(handle_, data, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write {}: {}", path_.string(), std::strerror(errno));
      data += written;
      size -= static_cast<std::size_t>(written);
      at_ += static_cast<std::uint64_t>(written);
    }
  }
  void append(const Bytes& bytes) { append(bytes.data(), bytes.size()); }
  std::uint64_t at() const { return at_; }
  void close() {
    const int handle = std::exchange(handle_, -1);
    if (::close(handle) != 0) fail("cannot close {}: {}", path_.string(), std::strerror(errno));
  }

 private:
  std::filesystem::path path_;
  int handle_;
  std::uint64_t at_ = 0;
};

class McapWriter final : public StorageWriter {
 public:
  McapWriter(const std::filesystem::path& file, std::string ros_distro, mcap::Compression compression)
      : file_(file), ros_distro_(std::move(ros_distro)), compression_(compression) {
    file_.append(mcap::kMagic.data(), mcap::kMagic.size());
    Bytes content;
    content.text("ros2").text("bramble");
    append_record(mcap::kHeader, content);
  }

  void add_topic(const TopicInfo& topic) override {
    Channel channel;
    const auto known = std::find(types_.begin(), types_.end(), topic.type);
    const auto schema_id = static_cast<std::uint16_t>(known - types_.begin() + 1);
    const auto* type = find_message_type(topic.type);
    if (known == types_.end()) {
      types_.push_back(topic.type);
      Bytes schema;
      const auto& other = topic.definition;  // of a type that is not ours
      const std::string_view definition = type ? type->definition : other ? std::string_view(other->text) : "";
      schema.u16(schema_id)
          .text(topic.type)
          .text(type    ? "ros2msg"
                : other ? std::string_view(other->encoding)
                        : "")
          .u32(static_cast<std::uint32_t>(definition.size()));
      schema.raw(definition.data(), definition.size());
      schemas_.push_back(std::move(schema));
      schema_written_.push_back(false);
    }
    Bytes metadata;
    metadata.text("offered_qos_profiles").text(qos_profile_yaml(topic.latched, ros_distro_ == "jazzy"));
    if (ros_distro_ == "jazzy")
      metadata.text("topic_type_hash")
          .text(type               ? type->hash
                : topic.definition ? std::string_view(topic.definition->hash)
                                   : "");
    channel.schema = schema_id - 1U;
    channel.record.u16(static_cast<std::uint16_t>(channels_.size()))
        .u16(schema_id)
        .text(topic.name)
        .text("cdr")
        .u32(static_cast<std::uint32_t>(metadata.size()))
        .raw(metadata.data(), metadata.size());
    channels_.push_back(std::move(channel));
  }

  void write(std::size_t topic, StampNs stamp_ns, std::span<const std::uint8_t> cdr) override {
    Channel& channel = channels_[topic];
    if (chunk_.size() > 0 && chunk_.size() + cdr.size() > kChunkBytes) commit();
    if (!channel.written) {
      if (!schema_written_[channel.schema]) chunk_.record(mcap::kSchema, schemas_[channel.schema]);
      schema_written_[channel.schema] = true;
      chunk_.record(mcap::kChannel, channel.record);
      channel.written = true;
    }
    const auto time = static_cast<std::uint64_t>(stamp_ns);
    const bool first = index_.empty();
    chunk_start_ = first ? time : std::min(chunk_start_, time);
    chunk_end_ = first ? time : std::max(chunk_end_, time);
    index_[static_cast<std::uint16_t>(topic)].emplace_back(time, chunk_.size());
    chunk_.u8(mcap::kMessage).u64(22 + cdr.size());
    chunk_.u16(static_cast<std::uint16_t>(topic)).u32(0).u64(time).u64(time);
    start_ = messages_ == 0 ? time : std::min(start_, time);
    end_ = messages_ == 0 ? time : std::max(end_, time);
    ++messages_;
    ++channel.messages;
    if (compression_ == mcap::Compression::kNone && cdr.size() >= kChunkBytes) {
      end_chunk(cdr);  // as large as a chunk: to the file without a copy
    } else {
      chunk_.raw(cdr.data(), cdr.size());
    }
  }

  void commit() override {
    if (chunk_.size() > 0) end_chunk({});
  }

  void close(const BagMetadata& metadata) override {
    commit();
    const std::uint64_t metadata_at = file_.at();
    Bytes map, content;
    if (ros_distro_ == "jazzy")
      map.text("serialized_metadata").text(metadata_map_yaml(metadata));
    else
      map.text("ROS_DISTRO").text(ros_distro_);
    content.text("rosbag2").u32(static_cast<std::uint32_t>(map.size())).raw(map.data(), map.size());
    append_record(mcap::kMetadata, content);
    const std::uint64_t metadata_length = file_.at() - metadata_at;
    content.clear();
    append_record(mcap::kDataEnd, content.u32(0));

    // Summary: groups of records, then where each group is.
    const std::uint64_t summary_at = file_.at();
    Bytes summary, places;
    const auto group = [&](mcap::Opcode opcode, const auto& add) {
      const std::size_t begin = summary.size();
      add();
      if (summary.size() == begin) return;
      Bytes place;
      place.u8(opcode).u64(summary_at + begin).u64(summary.size() - begin);
      places.record(mcap::kSummaryOffset, place);
    };
    group(mcap::kSchema, [&] {
      for (const Bytes& schema : schemas_) summary.record(mcap::kSchema, schema);
    });
    group(mcap::kChannel, [&] {
      for (const Channel& channel : channels_) summary.record(mcap::kChannel, channel.record);
    });
    group(mcap::kStatistics, [&] {
      Bytes counts, statistics;
      for (std::size_t i = 0; i < channels_.size(); ++i)
        if (channels_[i].messages > 0) counts.u16(static_cast<std::uint16_t>(i)).u64(channels_[i].messages);
      statistics.u64(messages_).u16(static_cast<std::uint16_t>(schemas_.size()));
      statistics.u32(static_cast<std::uint32_t>(channels_.size())).u32(0).u32(1);
      statistics.u32(static_cast<std::uint32_t>(chunk_indexes_.size())).u64(start_).u64(end_);
      statistics.u32(static_cast<std::uint32_t>(counts.size())).raw(counts.data(), counts.size());
      summary.record(mcap::kStatistics, statistics);
    });
    group(mcap::kChunkIndex, [&] {
      for (const Bytes& index : chunk_indexes_) summary.record(mcap::kChunkIndex, index);
    });
    group(mcap::kMetadataIndex, [&] {
      Bytes index;
      index.u64(metadata_at).u64(metadata_length).text("rosbag2");
      summary.record(mcap::kMetadataIndex, index);
    });
    const std::uint64_t places_at = summary_at + summary.size();
    summary.raw(places.data(), places.size());
    summary.u8(mcap::kFooter).u64(20).u64(summary_at).u64(places_at);
    summary.u32(crc32(0, {summary.data(), summary.size()}));
    summary.raw(mcap::kMagic.data(), mcap::kMagic.size());
    file_.append(summary);
    file_.close();
  }

 private:
  struct Channel {
    Bytes record;
    std::size_t schema = 0;
    bool written = false;
    std::uint64_t messages = 0;
  };
  // Writes the chunk in work; `tail` is the payload of its last message where that does not stand in the chunk.
  void end_chunk(std::span<const std::uint8_t> tail) {
    const std::uint64_t records_size = chunk_.size() + tail.size();
    std::span<const std::uint8_t> data(chunk_.data(), chunk_.size());
    std::vector<std::uint8_t> packed;
    std::string name;
    if (compression_ != mcap::Compression::kNone) {
      const bool zstd = compression_ == mcap::Compression::kZstd;
      packed = zstd ? pack_zstd(data) : pack_lz4(data);
      if (packed.size() < data.size()) {
        data = packed;
        name = zstd ? "zstd" : "lz4";
      }
    }
    const std::uint64_t size = data.size() + tail.size();
    const std::uint32_t crc = crc32(crc32(0, {chunk_.data(), chunk_.size()}), tail);
    Bytes head;
    head.u64(chunk_start_).u64(chunk_end_).u64(records_size).u32(crc).text(name).u64(size);
    const std::uint64_t chunk_at = file_.at();
    Bytes record;
    record.u8(mcap::kChunk).u64(head.size() + size).raw(head.data(), head.size());
    file_.append(record);
    file_.append(data.data(), data.size());
    file_.append(tail.data(), tail.size());
    const std::uint64_t chunk_length = file_.at() - chunk_at;
    Bytes offsets;
    const std::uint64_t index_at = file_.at();
    for (const auto& [channel, entries] : index_) {
      offsets.u16(channel).u64(file_.at());
      Bytes index;
      index.u16(channel).u32(static_cast<std::uint32_t>(16 * entries.size()));
      for (const auto& [time, offset] : entries) index.u64(time).u64(offset);
      append_record(mcap::kMessageIndex, index);
    }
    Bytes chunk_index;
    chunk_index.u64(chunk_start_).u64(chunk_end_).u64(chunk_at).u64(chunk_length);
    chunk_index.u32(static_cast<std::uint32_t>(offsets.size())).raw(offsets.data(), offsets.size());
    chunk_index.u64(file_.at() - index_at).text(name).u64(size).u64(records_size);
    chunk_indexes_.push_back(std::move(chunk_index));
    chunk_.clear();
    index_.clear();
  }

  void append_record(mcap::Opcode opcode, const Bytes& content) {
    Bytes record;
    record.record(opcode, content);
    file_.append(record);
  }

  AppendedFile file_;
  std::string ros_distro_;
  mcap::Compression compression_;
  std::vector<std::string> types_;
  std::vector<Bytes> schemas_;
  std::vector<bool> schema_written_;
  std::vector<Channel> channels_;
  Bytes chunk_;                                                                          // records of the chunk in work
  std::map<std::uint16_t, std::vector<std::pair<std::uint64_t, std::uint64_t>>> index_;  // channel → (time, offset)
  std::uint64_t chunk_start_ = 0, chunk_end_ = 0;
  std::vector<Bytes> chunk_indexes_;
  std::uint64_t messages_ = 0, start_ = 0, end_ = 0;
};

}  // namespace

std::unique_ptr<StorageWriter> create_mcap_file(const std::filesystem::path& file, const std::string& ros_distro,
                                                mcap::Compression compression) {
  return std::make_unique<McapWriter>(file, ros_distro, compression);
}

}  // namespace bramble
