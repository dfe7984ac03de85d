#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/stamp.hpp"

namespace bramble {

struct VideoOptions {
  int width = 0;  ///< pixels, 2 to 16,384
  int height = 0;
  int kilobits_per_s = 1500;  ///< aimed at
  double keyframe_s = 2;      ///< a player can jump to a frame at least every so often
};

/// A WebM video made frame by frame: VP8 (RFC 6386) by libvpx in its real-time mode, one track, in the Matroska
/// container (RFC 8794, RFC 9559) with duration and cues, so that browsers can jump about in it. It is held in memory:
/// a minute takes about 60 * kilobits_per_s / 8 kilobytes.
class Video {
 public:
  /// Throws Error for an impossible size or when the encoder cannot be started.
  explicit Video(const VideoOptions& options);
  ~Video();
  Video(const Video&) = delete;
  Video& operator=(const Video&) = delete;

  /// rgb: [height, width, 3]. Stamps ascend; the first becomes the video's time 0. Milliseconds count: two frames of
  /// one millisecond are one too many, and the second is left out.
  void add(const ImageU8& rgb, StampNs stamp_ns);
  std::size_t frames() const;

  /// Ends the video and returns the .webm file. Frames cannot be added any more. Throws Error without frames.
  std::vector<std::uint8_t> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One encoded frame.
struct WebmFrame {
  std::int64_t time_ms = 0;  ///< since the beginning, ascending
  bool key = false;
  std::vector<std::uint8_t> bytes;
};

/// The container: a WebM file of one VP8 track. The first frame must be a key frame. Clusters begin at key frames and
/// hold at most 30 s.
std::vector<std::uint8_t> to_webm(std::span<const WebmFrame> frames, int width, int height, std::int64_t duration_ms);

}  // namespace bramble
