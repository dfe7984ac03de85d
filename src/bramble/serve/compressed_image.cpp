#include "bramble/serve/compressed_image.hpp"

#include <algorithm>
#include <array>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/ros/image_view.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

constexpr int kJpegQuality = 80;

// Where red, green and blue stand in a pixel.
struct Layout {
  std::string_view encoding;
  int channels;
  std::array<int, 3> rgb;
};
constexpr std::array<Layout, 5> kLayouts = {{{"bgra8", 4, {2, 1, 0}},
                                             {"rgba8", 4, {0, 1, 2}},
                                             {"bgr8", 3, {2, 1, 0}},
                                             {"rgb8", 3, {0, 1, 2}},
                                             {"mono8", 1, {0, 0, 0}}}};

ImageU8 to_picture(const ImageView& view) {
  const auto layout = std::find_if(kLayouts.begin(), kLayouts.end(),
                                   [&](const Layout& other) { return other.encoding == view.encoding; });
  if (layout == kLayouts.end()) fail("pictures encoded as {} have no compressed form", view.encoding);
  const int channels = layout->channels == 1 ? 1 : 3;
  ImageU8 picture(static_cast<int>(view.width), static_cast<int>(view.height), channels);
  for (int v = 0; v < picture.height; ++v) {
    const std::uint8_t* from = view.data.data() + static_cast<std::size_t>(v) * view.step;
    std::uint8_t* to = picture.row(v);
    if (channels == layout->channels && layout->rgb[0] == 0) {
      std::copy(from, from + static_cast<std::size_t>(picture.width) * channels, to);
      continue;
    }
    for (int u = 0; u < picture.width; ++u, from += layout->channels, to += 3) {
      to[0] = from[layout->rgb[0]];
      to[1] = from[layout->rgb[1]];
      to[2] = from[layout->rgb[2]];
    }
  }
  return picture;
}

}  // namespace

bool is_label_topic(std::string_view topic) {
  return topic.find("/segmentation/rgb/") != std::string_view::npos || topic.ends_with("/mask") ||
         topic.ends_with("/color");
}

std::vector<std::uint8_t> compress_image(std::span<const std::uint8_t> image, bool labels) {
  const ImageView view = ImageView::parse(image);
  if (view.width == 0 || view.height == 0) fail("the picture is empty");
  ImageU8 picture = to_picture(view);
  const bool png = labels || picture.channels == 1;
  if (picture.width > kWidestCompressed) {
    const int height = std::max(1, static_cast<int>(std::int64_t{picture.height} * kWidestCompressed / picture.width));
    picture =
        png ? resize_labels(picture, kWidestCompressed, height) : resize_picture(picture, kWidestCompressed, height);
  }
  sensor_msgs::CompressedImage compressed;
  compressed.header.stamp = to_ros_time(view.stamp_ns);
  compressed.header.frame_id = std::string(view.frame_id);
  compressed.format = png ? "png" : "jpeg";
  compressed.data = png ? encode_png(picture) : encode_jpeg(picture, kJpegQuality);
  return serialize(compressed, compressed.data.size());
}

}  // namespace bramble
