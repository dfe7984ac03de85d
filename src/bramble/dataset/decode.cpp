#include "bramble/dataset/decode.hpp"

#include <algorithm>
#include <array>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

// Where the colours of a pixel lie. The template parameters of the loops below: known strides let them vectorise.
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

bool one_channel(std::string_view encoding) { return encoding == "mono8" || encoding == "8UC1"; }

void require_pixels(const ImageView& view) {
  if (view.width == 0 || view.height == 0) fail("the image has no pixels ({}x{})", view.width, view.height);
}

const std::uint8_t* row_of(const ImageView& view, int v) {
  return view.data.data() + static_cast<std::size_t>(v) * view.step;
}

template <int kBytes, int kRed, int kBlue>
void copy_rgb(const ImageView& view, ImageU8& rgb) {
  for (int v = 0; v < rgb.height; ++v) {
    const std::uint8_t* from = row_of(view, v);
    std::uint8_t* to = rgb.row(v);
    for (int u = 0; u < rgb.width; ++u) {
      to[3 * u] = from[kBytes * u + kRed];
      to[3 * u + 1] = from[kBytes * u + 1];
      to[3 * u + 2] = from[kBytes * u + kBlue];
    }
  }
}

// Ids of one-channel pixels through a table of 256 entries; `counts[i]` says whether value i counts as unknown.
ImageU8 look_up(const ImageView& view, const std::array<ClassId, 256>& id_of, const std::array<bool, 256>& counts,
                std::uint64_t& unknown) {
  ImageU8 label(static_cast<int>(view.width), static_cast<int>(view.height), 1);
  std::array<std::uint64_t, 256> histogram{};
  for (int v = 0; v < label.height; ++v) {
    const std::uint8_t* from = row_of(view, v);
    std::uint8_t* to = label.row(v);
    for (int u = 0; u < label.width; ++u) {
      to[u] = id_of[from[u]];
      ++histogram[from[u]];
    }
  }
  for (std::size_t i = 0; i < histogram.size(); ++i)
    if (counts[i]) unknown += histogram[i];
  return label;
}

ImageU8 look_up_colors(const ImageView& view, const ColourLayout& layout, const Ontology& ontology, bool tags,
                       std::uint64_t& unknown) {
  ImageU8 label(static_cast<int>(view.width), static_cast<int>(view.height), 1);
  const auto find = [&](const Rgb& color) {
    return tags ? ontology.find_carla_tag(color[0]) : ontology.find_color(color);
  };
  // Neighbouring pixels are mostly of one class: remember the last colour.
  Rgb last{};
  std::optional<ClassId> id = find(last);
  for (int v = 0; v < label.height; ++v) {
    const std::uint8_t* from = row_of(view, v);
    std::uint8_t* to = label.row(v);
    for (int u = 0; u < label.width; ++u, from += layout.bytes) {
      const Rgb color{from[layout.red], from[layout.green], from[layout.blue]};
      if (color != last) {
        last = color;
        id = find(color);
      }
      to[u] = id.value_or(kIgnoreId);
      const bool means_no_class = tags ? color[0] == 0 : color == Rgb{0, 0, 0};
      unknown += !id && !means_no_class;
    }
  }
  return label;
}

bool is_red_only(const ImageView& view, const ColourLayout& layout) {
  for (std::uint32_t v = 0; v < view.height; ++v) {
    const std::uint8_t* from = row_of(view, static_cast<int>(v));
    for (std::uint32_t u = 0; u < view.width; ++u, from += layout.bytes)
      if (from[layout.green] != 0 || from[layout.blue] != 0) return false;
  }
  return true;
}

}  // namespace

ImageU8 decode_picture(const ImageView& view) {
  const auto layout = colour_layout(view.encoding);
  if (layout.bytes == 0)
    fail("a picture in encoding '{}' is not read (rgb8, bgr8, rgba8 and bgra8 are)", view.encoding);
  require_pixels(view);
  ImageU8 rgb(static_cast<int>(view.width), static_cast<int>(view.height), 3);
  if (layout.bytes == 3)
    layout.red == 0 ? copy_rgb<3, 0, 2>(view, rgb) : copy_rgb<3, 2, 0>(view, rgb);
  else
    layout.red == 0 ? copy_rgb<4, 0, 2>(view, rgb) : copy_rgb<4, 2, 0>(view, rgb);
  return rgb;
}

ImageU8 decode_label(const ImageView& view, const Ontology& ontology, std::uint64_t& unknown, LabelFormat format) {
  unknown = 0;
  const auto layout = colour_layout(view.encoding);
  const bool mono = one_channel(view.encoding);
  if (!mono && layout.bytes == 0)
    fail("a label in encoding '{}' is not read (mono8, rgb8, bgr8, rgba8 and bgra8 are)", view.encoding);
  require_pixels(view);
  if (mono) {
    if (format == LabelFormat::kColors) fail("expected a label in colours, found encoding '{}'", view.encoding);
    std::array<ClassId, 256> id_of;
    std::array<bool, 256> counts{};
    id_of.fill(kIgnoreId);
    for (int value = 0; value < 256; ++value) {
      const bool tags = format == LabelFormat::kTags;
      const auto id = tags                                                ? ontology.find_carla_tag(value)
                      : static_cast<std::size_t>(value) < ontology.size() ? std::optional(static_cast<ClassId>(value))
                                                                          : std::nullopt;
      if (id) id_of[value] = *id;
      counts[value] = !id && value != (tags ? 0 : kIgnoreId);
    }
    return look_up(view, id_of, counts, unknown);
  }
  if (format == LabelFormat::kIds) fail("expected a label of ids in mono8, found encoding '{}'", view.encoding);
  const bool tags = format == LabelFormat::kTags || (format == LabelFormat::kAuto && is_red_only(view, layout));
  return look_up_colors(view, layout, ontology, tags, unknown);
}

}  // namespace bramble
