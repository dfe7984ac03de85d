#include <bit>
#include <string_view>

#include "bramble/core/error.hpp"
#include "bramble/eval/video.hpp"

// EBML (RFC 8794): an element is its id, its size, its content; the content of a master element is elements.

namespace bramble {

namespace {

using Bytes = std::vector<std::uint8_t>;

void put_big_endian(Bytes& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

int bytes_of(std::uint64_t value) { return value == 0 ? 1 : (std::bit_width(value) + 7) / 8; }

/// An id carries its own length marker: it is written as it stands.
void put_id(Bytes& out, std::uint32_t id) { put_big_endian(out, id, bytes_of(id)); }

/// A size of 1 to 8 bytes: the number of leading zero bits says how many follow; all ones would mean «unknown».
void put_size(Bytes& out, std::uint64_t size) {
  int bytes = 1;
  while (size >= (std::uint64_t{1} << (7 * bytes)) - 1) ++bytes;
  put_big_endian(out, size | std::uint64_t{1} << (7 * bytes), bytes);
}

void put_element(Bytes& out, std::uint32_t id, std::span<const std::uint8_t> content) {
  put_id(out, id);
  put_size(out, content.size());
  out.insert(out.end(), content.begin(), content.end());
}
void put_text(Bytes& out, std::uint32_t id, std::string_view text) {
  put_element(out, id, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}
void put_unsigned(Bytes& out, std::uint32_t id, std::uint64_t value) {
  Bytes content;
  put_big_endian(content, value, bytes_of(value));
  put_element(out, id, content);
}
void put_double(Bytes& out, std::uint32_t id, double value) {
  Bytes content;
  put_big_endian(content, std::bit_cast<std::uint64_t>(value), 8);
  put_element(out, id, content);
}

// Element ids (RFC 9559).
constexpr std::uint32_t kEbml = 0x1A45DFA3, kEbmlVersion = 0x4286, kEbmlReadVersion = 0x42F7, kEbmlMaxIdLength = 0x42F2,
                        kEbmlMaxSizeLength = 0x42F3, kDocType = 0x4282, kDocTypeVersion = 0x4287,
                        kDocTypeReadVersion = 0x4285, kSegment = 0x18538067, kInfo = 0x1549A966,
                        kTimestampScale = 0x2AD7B1, kDuration = 0x4489, kMuxingApp = 0x4D80, kWritingApp = 0x5741,
                        kTracks = 0x1654AE6B, kTrackEntry = 0xAE, kTrackNumber = 0xD7, kTrackUid = 0x73C5,
                        kTrackType = 0x83, kFlagLacing = 0x9C, kCodecId = 0x86, kVideo = 0xE0, kPixelWidth = 0xB0,
                        kPixelHeight = 0xBA, kCues = 0x1C53BB6B, kCuePoint = 0xBB, kCueTime = 0xB3,
                        kCueTrackPositions = 0xB7, kCueTrack = 0xF7, kCueClusterPosition = 0xF1, kCluster = 0x1F43B675,
                        kTimestamp = 0xE7, kSimpleBlock = 0xA3;

}  // namespace

std::vector<std::uint8_t> to_webm(std::span<const WebmFrame> frames, int width, int height, std::int64_t duration_ms) {
  if (frames.empty() || !frames.front().key) fail("video: it must begin with a key frame");
  Bytes head;
  put_unsigned(head, kEbmlVersion, 1);
  put_unsigned(head, kEbmlReadVersion, 1);
  put_unsigned(head, kEbmlMaxIdLength, 4);
  put_unsigned(head, kEbmlMaxSizeLength, 8);
  put_text(head, kDocType, "webm");
  put_unsigned(head, kDocTypeVersion, 2);
  put_unsigned(head, kDocTypeReadVersion, 2);

  Bytes info;
  put_unsigned(info, kTimestampScale, 1'000'000);  // stamps are milliseconds
  put_double(info, kDuration, static_cast<double>(duration_ms));
  put_text(info, kMuxingApp, "Bramble");
  put_text(info, kWritingApp, "Bramble");

  Bytes picture;
  put_unsigned(picture, kPixelWidth, static_cast<std::uint64_t>(width));
  put_unsigned(picture, kPixelHeight, static_cast<std::uint64_t>(height));
  Bytes track;
  put_unsigned(track, kTrackNumber, 1);
  put_unsigned(track, kTrackUid, 1);
  put_unsigned(track, kTrackType, 1);
  put_unsigned(track, kFlagLacing, 0);
  put_text(track, kCodecId, "V_VP8");
  put_element(track, kVideo, picture);
  Bytes tracks;
  put_element(tracks, kTrackEntry, track);

  struct Cluster {
    std::int64_t begin_ms;
    Bytes content;
  };
  std::vector<Cluster> clusters;
  for (const WebmFrame& frame : frames) {
    // A block's time is a signed 16-bit offset to its cluster's.
    if (clusters.empty() || frame.key || frame.time_ms - clusters.back().begin_ms > 30'000) {
      clusters.push_back({frame.time_ms, {}});
      put_unsigned(clusters.back().content, kTimestamp, static_cast<std::uint64_t>(frame.time_ms));
    }
    Cluster& cluster = clusters.back();
    Bytes block{0x81};  // track 1
    put_big_endian(block, static_cast<std::uint64_t>(frame.time_ms - cluster.begin_ms), 2);
    block.push_back(frame.key ? 0x80 : 0);
    block.insert(block.end(), frame.bytes.begin(), frame.bytes.end());
    put_element(cluster.content, kSimpleBlock, block);
  }

  Bytes segment;
  put_element(segment, kInfo, info);
  put_element(segment, kTracks, tracks);
  Bytes body;
  std::vector<std::size_t> offsets;
  for (const Cluster& cluster : clusters) {
    offsets.push_back(body.size());
    put_element(body, kCluster, cluster.content);
  }
  // Cues stand before the clusters and say where these lie in the segment, so their own size counts: each position is
  // written with 8 bytes whatever its value, and the size is known from a first go.
  const auto cues_of = [&](std::size_t cues_size) {
    Bytes cues;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      Bytes place;
      put_unsigned(place, kCueTrack, 1);
      Bytes position;
      put_big_endian(position, segment.size() + cues_size + offsets[i], 8);
      put_element(place, kCueClusterPosition, position);
      Bytes point;
      put_unsigned(point, kCueTime, static_cast<std::uint64_t>(clusters[i].begin_ms));
      put_element(point, kCueTrackPositions, place);
      put_element(cues, kCuePoint, point);
    }
    Bytes element;
    put_element(element, kCues, cues);
    return element;
  };
  const Bytes cues = cues_of(cues_of(0).size());
  segment.insert(segment.end(), cues.begin(), cues.end());
  segment.insert(segment.end(), body.begin(), body.end());

  Bytes file;
  put_element(file, kEbml, head);
  put_element(file, kSegment, segment);
  return file;
}

}  // namespace bramble
