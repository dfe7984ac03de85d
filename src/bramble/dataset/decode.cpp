#include "bramble/dataset/decode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>

#include "bramble/core/byte_counts.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/ros/messages.hpp"

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

// Four pixels of four bytes to twelve bytes of colours; the four bytes behind them are undefined.
using Bytes16 = std::uint8_t __attribute__((vector_size(16)));
template <int kRed, int kBlue>
Bytes16 four_colours(Bytes16 p) {
  return __builtin_shufflevector(p, p, kRed, 1, kBlue, kRed + 4, 5, kBlue + 4, kRed + 8, 9, kBlue + 8, kRed + 12, 13,
                                 kBlue + 12, -1, -1, -1, -1);
}

template <int kBytes, int kRed, int kBlue>
void copy_rgb(const ImageView& view, ImageU8& rgb) {
  for (int v = 0; v < rgb.height; ++v) {
    const std::uint8_t* from = row_of(view, v);
    std::uint8_t* to = rgb.row(v);
    int u = 0;
    if constexpr (kBytes == 4)
      for (; 3 * u + 16 <= 3 * rgb.width; u += 4) {
        Bytes16 pixels;
        std::memcpy(&pixels, from + 4 * u, 16);
        pixels = four_colours<kRed, kBlue>(pixels);
        std::memcpy(to + 3 * u, &pixels, 16);
      }
    for (; u < rgb.width; ++u) {
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
  const auto width = static_cast<std::size_t>(label.width);
  std::array<std::uint64_t, 256> histogram{};
  if (view.step == width) {
    histogram = count_bytes(view.data.first(width * label.height));
  } else {
    for (int v = 0; v < label.height; ++v)
      for (std::size_t u = 0; u < width; ++u) ++histogram[row_of(view, v)[u]];
  }
  bool as_they_are = true;  // what there is of values are the ids
  for (std::size_t value = 0; value < histogram.size(); ++value) {
    if (counts[value]) unknown += histogram[value];
    as_they_are = as_they_are && (histogram[value] == 0 || id_of[value] == value);
  }
  for (int v = 0; v < label.height; ++v) {
    const std::uint8_t* const from = row_of(view, v);
    if (as_they_are)
      std::memcpy(label.row(v), from, width);
    else
      std::transform(from, from + width, label.row(v), [&](std::uint8_t value) { return id_of[value]; });
  }
  return label;
}

// The same for two bytes a pixel.
ImageU8 look_up_wide(const ImageView& view, const Ontology& ontology, bool tags, std::uint64_t& unknown) {
  ImageU8 label(static_cast<int>(view.width), static_cast<int>(view.height), 1);
  std::map<int, std::optional<ClassId>> known;
  for (int v = 0; v < label.height; ++v) {
    const std::uint8_t* from = row_of(view, v);
    for (int u = 0; u < label.width; ++u) {
      const int value = from[2 * u] | from[2 * u + 1] << 8;
      auto found = known.find(value);
      if (found == known.end())
        found = known.emplace(value, tags ? ontology.find_carla_tag(value) : ontology.find_raw(value)).first;
      label.row(v)[u] = found->second.value_or(kIgnoreId);
      unknown += !found->second && !(tags && value == 0);
    }
  }
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
  const bool wide = view.encoding == "mono16" || view.encoding == "16UC1";
  if (!mono && !wide && layout.bytes == 0)
    fail("a label in encoding '{}' is not read (mono8, mono16, rgb8, bgr8, rgba8 and bgra8 are)", view.encoding);
  require_pixels(view);
  if (wide) {
    if (format == LabelFormat::kColors) fail("expected a label in colours, found encoding '{}'", view.encoding);
    return look_up_wide(view, ontology, format == LabelFormat::kTags, unknown);
  }
  if (mono) {
    if (format == LabelFormat::kColors) fail("expected a label in colours, found encoding '{}'", view.encoding);
    std::array<ClassId, 256> id_of;
    std::array<bool, 256> counts{};
    id_of.fill(kIgnoreId);
    for (int value = 0; value < 256; ++value) {
      const bool tags = format == LabelFormat::kTags;
      const auto id = tags ? ontology.find_carla_tag(value) : ontology.find_raw(value);
      if (id) id_of[value] = *id;
      counts[value] = !id && value != (tags ? 0 : kIgnoreId);
    }
    return look_up(view, id_of, counts, unknown);
  }
  if (format == LabelFormat::kIds) fail("expected a label of ids in mono8, found encoding '{}'", view.encoding);
  const bool tags = format == LabelFormat::kTags || (format == LabelFormat::kAuto && is_red_only(view, layout));
  return look_up_colors(view, layout, ontology, tags, unknown);
}

ImageF32 decode_depth(const ImageView& view) {
  const bool metres = view.encoding == "32FC1", millimetres = view.encoding == "16UC1" || view.encoding == "mono16";
  if (!metres && !millimetres)
    fail("depth in encoding '{}' is not read (32FC1 in metres and 16UC1 in millimetres are)", view.encoding);
  require_pixels(view);
  ImageF32 depth(static_cast<int>(view.width), static_cast<int>(view.height), 1);
  for (int v = 0; v < depth.height; ++v) {
    const std::uint8_t* from = row_of(view, v);
    if (metres) {
      std::memcpy(depth.row(v), from, 4 * static_cast<std::size_t>(depth.width));
      continue;
    }
    for (int u = 0; u < depth.width; ++u)
      depth.row(v)[u] = 0.001F * static_cast<float>(from[2 * u] | from[2 * u + 1] << 8);
  }
  for (float& value : depth.data)
    if (!(std::isfinite(value) && value > 0)) value = 0;
  return depth;
}

ImageU16 depth_png_values(const ImageF32& depth_m) {
  ImageU16 out(depth_m.width, depth_m.height, 1);
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    const float value = depth_m.data[i] * 256.0F + 0.5F;
    out.data[i] = value < 65536.0F ? static_cast<std::uint16_t>(value) : 0;
  }
  return out;
}

namespace {

constexpr std::string_view kImageType = "sensor_msgs/msg/Image", kCompressedType = "sensor_msgs/msg/CompressedImage";

// The JPEG or PNG inside, decoded with the channels it has.
ImageU8 decode_compressed(std::span<const std::uint8_t> cdr) {
  CdrReader reader(cdr);
  builtin_interfaces::Time stamp;
  reader.get(stamp);
  (void)reader.get_string_view();
  const std::string format(reader.get_string_view());
  if (format.find("compressedDepth") != std::string::npos) fail("compressedDepth is not read; record the depth raw");
  return decode_image(reader.get_bytes(), PixelFormat::kAsStored, fmt::format("compressed image ({})", format));
}

// A decoded picture as a message's pixels, so that both kinds go the same way.
ImageView view_of(const ImageU8& image) {
  ImageView view;
  view.width = static_cast<std::uint32_t>(image.width);
  view.height = static_cast<std::uint32_t>(image.height);
  view.encoding = image.channels == 1 ? "mono8" : image.channels == 3 ? "rgb8" : "rgba8";
  view.step = static_cast<std::uint32_t>(image.width * image.channels);
  view.data = image.data;
  return view;
}

}  // namespace

bool is_picture_type(std::string_view type) { return type == kImageType || type == kCompressedType; }

StampNs picture_stamp(std::span<const std::uint8_t> cdr, std::string_view type) {
  if (type == kImageType) return ImageView::parse(cdr).stamp_ns;
  CdrReader reader(cdr);
  builtin_interfaces::Time stamp;
  reader.get(stamp);
  (void)reader.get_string_view();
  (void)reader.get_string_view();
  (void)reader.get_bytes();
  return to_stamp(stamp);
}

ImageU8 decode_picture(std::span<const std::uint8_t> cdr, std::string_view type) {
  if (type == kImageType) return decode_picture(ImageView::parse(cdr));
  ImageU8 image = decode_compressed(cdr);
  if (image.channels == 3) return image;
  return decode_picture(view_of(image));
}

ImageU8 decode_label(std::span<const std::uint8_t> cdr, std::string_view type, const Ontology& ontology,
                     std::uint64_t& unknown, LabelFormat format) {
  if (type == kImageType) return decode_label(ImageView::parse(cdr), ontology, unknown, format);
  const ImageU8 image = decode_compressed(cdr);
  return decode_label(view_of(image), ontology, unknown, format);
}

namespace {

// One field of a point, as float64 whatever it is stored as.
class FieldReader {
 public:
  FieldReader(const sensor_msgs::PointCloud2& cloud, std::string_view name) {
    for (const auto& field : cloud.fields) {
      if (field.name != name) continue;
      static constexpr std::uint32_t kSizes[] = {0, 1, 1, 2, 2, 4, 4, 4, 8};
      if (field.datatype < 1 || field.datatype > 8)
        fail("field {} of the point cloud has the type {}", name, field.datatype);
      if (std::uint64_t{field.offset} + kSizes[field.datatype] > cloud.point_step)
        fail("field {} of the point cloud lies outside of a point", name);
      offset_ = field.offset;
      type_ = field.datatype;
    }
  }
  explicit operator bool() const { return type_ != 0; }
  double of(const std::uint8_t* point) const {
    const std::uint8_t* at = point + offset_;
    switch (type_) {
      case 1:
        return read<std::int8_t>(at);
      case 2:
        return read<std::uint8_t>(at);
      case 3:
        return read<std::int16_t>(at);
      case 4:
        return read<std::uint16_t>(at);
      case 5:
        return read<std::int32_t>(at);
      case 6:
        return read<std::uint32_t>(at);
      case 7:
        return static_cast<double>(read<float>(at));
      default:
        return read<double>(at);
    }
  }

 private:
  template <typename T>
  static T read(const std::uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
  }
  std::uint32_t offset_ = 0;
  int type_ = 0;
};

}  // namespace

PointCloud decode_cloud(std::span<const std::uint8_t> cdr, const Ontology& ontology) {
  const auto message = deserialize<sensor_msgs::PointCloud2>(cdr);
  if (message.is_bigendian) fail("a point cloud of big-endian numbers is not read");
  const FieldReader x(message, "x"), y(message, "y"), z(message, "z"), tag(message, "ObjTag"),
      object(message, "ObjIdx");
  FieldReader intensity(message, "intensity");
  if (!intensity) intensity = FieldReader(message, "reflectivity");
  if (!x || !y || !z) fail("the point cloud has no fields x, y, z");
  if (message.point_step == 0 || std::uint64_t{message.row_step} < std::uint64_t{message.width} * message.point_step ||
      std::uint64_t{message.height} * message.row_step > message.data.size())
    fail("the point cloud has {} bytes for {}x{} points of {}", message.data.size(), message.width, message.height,
         message.point_step);
  PointCloud cloud;
  for (std::uint32_t row = 0; row < message.height; ++row)
    for (std::uint32_t column = 0; column < message.width; ++column) {
      const std::uint8_t* point =
          message.data.data() + std::size_t{row} * message.row_step + std::size_t{column} * message.point_step;
      const std::array<float, 4> p{static_cast<float>(x.of(point)), static_cast<float>(y.of(point)),
                                   static_cast<float>(z.of(point)),
                                   intensity ? static_cast<float>(intensity.of(point)) : 0.0F};
      if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) continue;
      cloud.points.push_back(p);
      if (tag) cloud.labels.push_back(ontology.find_carla_tag(static_cast<int>(tag.of(point))).value_or(kIgnoreId));
      if (object) cloud.instances.push_back(static_cast<std::uint16_t>(static_cast<std::uint32_t>(object.of(point))));
    }
  return cloud;
}

}  // namespace bramble
