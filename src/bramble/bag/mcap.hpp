#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Records of the MCAP container: byte layouts that writer and reader share. Source: MCAP's specification
/// (mcap.dev/spec); the profile ros2 is that of its registry.
namespace bramble::mcap {

inline constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'M', 'C', 'A', 'P', '0', '\r', '\n'};
inline constexpr std::size_t kRecordHead = 9;  ///< opcode and length

enum Opcode : std::uint8_t {
  kHeader = 0x01,
  kFooter = 0x02,
  kSchema = 0x03,
  kChannel = 0x04,
  kMessage = 0x05,
  kChunk = 0x06,
  kMessageIndex = 0x07,
  kChunkIndex = 0x08,
  kStatistics = 0x0B,
  kMetadata = 0x0C,
  kMetadataIndex = 0x0D,
  kSummaryOffset = 0x0E,
  kDataEnd = 0x0F
};

enum class Compression { kNone, kZstd, kLz4 };
/// Of chunks, by the name that MCAP and rosbag2 give it; any other name is none.
inline Compression compression_named(std::string_view name) {
  return name == "zstd" ? Compression::kZstd : name == "lz4" ? Compression::kLz4 : Compression::kNone;
}

/// Little-endian bytes of a record's content.
class Bytes {
 public:
  Bytes& u8(std::uint8_t value) { return integer(value, 1); }
  Bytes& u16(std::uint16_t value) { return integer(value, 2); }
  Bytes& u32(std::uint32_t value) { return integer(value, 4); }
  Bytes& u64(std::uint64_t value) { return integer(value, 8); }
  Bytes& text(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    return raw(value.data(), value.size());
  }
  Bytes& raw(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    data_.insert(data_.end(), bytes, bytes + size);
    return *this;
  }
  /// Opcode and length, then the content.
  Bytes& record(Opcode opcode, const Bytes& content) {
    u8(opcode);
    u64(content.size());
    return raw(content.data(), content.size());
  }
  const std::uint8_t* data() const { return data_.data(); }
  std::size_t size() const { return data_.size(); }
  void clear() { data_.clear(); }

 private:
  Bytes& integer(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) data_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  std::vector<std::uint8_t> data_;
};

}  // namespace bramble::mcap
