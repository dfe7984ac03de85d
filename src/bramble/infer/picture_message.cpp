#include "bramble/infer/picture_message.hpp"

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/decode.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace {

bool is_compressed_type(const std::string& ros_type) { return ros_type == sensor_msgs::CompressedImage::kType; }
bool is_grey(std::string_view encoding) { return encoding == "mono8" || encoding == "8UC1"; }

}  // namespace

bool is_picture_type(const std::string& ros_type) {
  return ros_type == sensor_msgs::Image::kType || is_compressed_type(ros_type);
}

PictureMessage::PictureMessage(const Message& message) : compressed_(is_compressed_type(message.topic.type)) {
  if (!is_picture_type(message.topic.type))
    fail("{} carries {}; sensor_msgs/msg/Image or CompressedImage is needed", message.topic.name, message.topic.type);
  if (!compressed_) {
    view_ = ImageView::parse(*message.cdr);
    return;
  }
  CdrReader reader(*message.cdr);
  builtin_interfaces::Time stamp;
  reader.get(stamp);
  view_.stamp_ns = to_stamp(stamp);
  view_.frame_id = reader.get_string_view();
  view_.encoding = reader.get_string_view();
  view_.data = reader.get_bytes();
}

PictureView PictureMessage::pixels() {
  if (!compressed_ && (is_grey(view_.encoding) || view_.encoding == "rgb8" || view_.encoding == "bgra8"))
    return {static_cast<int>(view_.width), static_cast<int>(view_.height), bytes_per_pixel(view_.encoding), view_.step,
            view_.data};
  const ImageU8& picture = rgb();
  return {picture.width, picture.height, 3, static_cast<std::size_t>(picture.width) * 3, picture.data};
}

const ImageU8& PictureMessage::rgb() {
  if (!rgb_.empty()) return rgb_;
  if (compressed_) {
    rgb_ = decode_image(view_.data, PixelFormat::kRgb, "compressed picture");
  } else if (is_grey(view_.encoding)) {
    rgb_ = ImageU8(static_cast<int>(view_.width), static_cast<int>(view_.height), 3);
    prepare_picture(pixels(), rgb_.width, rgb_.height, rgb_.data.data());
  } else {
    rgb_ = decode_picture(view_);
  }
  return rgb_;
}

ImageU8 PictureMessage::labels(const Ontology& ontology) const {
  std::uint64_t unknown = 0;
  if (!compressed_) return decode_label(view_, ontology, unknown);
  const ImageU8 image = decode_image(view_.data, PixelFormat::kAsStored, "compressed labels");
  ImageView view = view_;
  view.width = static_cast<std::uint32_t>(image.width);
  view.height = static_cast<std::uint32_t>(image.height);
  view.encoding = image.channels == 1 ? "mono8" : image.channels == 3 ? "rgb8" : "rgba8";
  view.step = static_cast<std::uint32_t>(image.width * image.channels);
  view.data = image.data;
  return decode_label(view, ontology, unknown);
}

}  // namespace bramble
