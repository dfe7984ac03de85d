#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

/// Widest compressed picture; wider ones are shrunk.
inline constexpr int kWidestCompressed = 1024;

/// Whether pictures of this topic are colours or ids of classes, which must not be blurred: single-channel ones always
/// are, rgb8 and others when the topic's name says so («/segmentation/…», «…/mask», «…/color»).
bool is_label_topic(std::string_view topic);

/// A sensor_msgs/msg/Image payload as a sensor_msgs/msg/CompressedImage payload with the same header: JPEG for colour
/// pictures, PNG for mono8 and for labels. Throws Error when the payload is damaged or its encoding has no 8-bit
/// picture (32FC1 depth, say).
std::vector<std::uint8_t> compress_image(std::span<const std::uint8_t> image, bool labels);

}  // namespace bramble
