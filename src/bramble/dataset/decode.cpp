#include "bramble/dataset/decode.hpp"

#include <algorithm>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

struct ColourLayout {
  int bytes = 0;
  int red = 0, green = 1, blue = 2;
};

ColourLayout colour_layout(std::string_view encoding) {
  if (encoding == "rgb8") return {3, 0, 1, 2};
  if (encoding == "rgba8") return {4, 0, 1, 2};
  if (encoding == "bgr8" || encoding == "8UC3") return {3, 2, 1, 0};
  if (encoding == "bgra8" || encoding == "8UC4") return {4, 2, 1, 0};
  return {};
}

}  // namespace

ImageU8 decode_picture(const ImageView& view) {
  const auto layout = colour_layout(view.encoding);
  if (layout.bytes == 0)
    fail("a picture in encoding '{}' is not read (rgb8, bgr8, rgba8 and bgra8 are)", view.encoding);
  ImageU8 rgb(static_cast<int>(view.width), static_cast<int>(view.height), 3);
  for (int v = 0; v < rgb.height; ++v) {
    const std::uint8_t* from = view.data.data() + static_cast<std::size_t>(v) * view.step;
    std::uint8_t* to = rgb.row(v);
    for (int u = 0; u < rgb.width; ++u, from += layout.bytes, to += 3) {
      to[0] = from[layout.red];
      to[1] = from[layout.green];
      to[2] = from[layout.blue];
    }
  }
  return rgb;
}

ImageU8 decode_label(const ImageView& view, const Ontology& ontology, std::uint64_t& unknown) {
  ImageU8 label(static_cast<int>(view.width), static_cast<int>(view.height), 1);
  unknown = 0;
  if (view.encoding == "mono8" || view.encoding == "8UC1") {
    for (int v = 0; v < label.height; ++v)
      std::copy_n(view.data.data() + static_cast<std::size_t>(v) * view.step, label.width, label.row(v));
    for (auto& id : label.data)
      if (id >= ontology.size() && id != kIgnoreId) {
        id = kIgnoreId;
        ++unknown;
      }
    return label;
  }
  const auto layout = colour_layout(view.encoding);
  if (layout.bytes == 0)
    fail("a label in encoding '{}' is not read (mono8, rgb8, bgr8, rgba8 and bgra8 are)", view.encoding);
  bool raw_tags = true;
  for (int v = 0; v < label.height && raw_tags; ++v) {
    const std::uint8_t* from = view.data.data() + static_cast<std::size_t>(v) * view.step;
    for (int u = 0; u < label.width && raw_tags; ++u, from += layout.bytes)
      raw_tags = from[layout.green] == 0 && from[layout.blue] == 0;
  }
  // Neighbouring pixels are mostly of one class: remember the last colour.
  Rgb last{};
  std::optional<ClassId> id = raw_tags ? ontology.find_carla_tag(0) : ontology.find_color(last);
  for (int v = 0; v < label.height; ++v) {
    const std::uint8_t* from = view.data.data() + static_cast<std::size_t>(v) * view.step;
    for (int u = 0; u < label.width; ++u, from += layout.bytes) {
      const Rgb color{from[layout.red], from[layout.green], from[layout.blue]};
      if (color != last) {
        last = color;
        id = raw_tags ? ontology.find_carla_tag(color[0]) : ontology.find_color(color);
      }
      *label.at(u, v) = id.value_or(kIgnoreId);
      unknown += !id && color != Rgb{0, 0, 0};  // black is the usual colour of ignored pixels
    }
  }
  return label;
}

}  // namespace bramble
