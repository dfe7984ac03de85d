#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "bramble/core/stamp.hpp"

namespace bramble {

/// A sensor_msgs/msg/Image read in place: nothing is copied; valid as long as the payload.
struct ImageView {
  StampNs stamp_ns = 0;
  std::string_view frame_id;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::string_view encoding;           ///< «bgra8», «rgb8», «mono8», «32FC1», …
  std::uint32_t step = 0;              ///< bytes per row
  std::span<const std::uint8_t> data;  ///< height * step bytes

  /// Throws Error when the payload is cut, or its data are fewer than height * step, or step too small for its
  /// encoding.
  static ImageView parse(std::span<const std::uint8_t> payload);
};

/// Bytes per pixel of an encoding that Bramble reads, 0 for any other.
int bytes_per_pixel(std::string_view encoding);

}  // namespace bramble
