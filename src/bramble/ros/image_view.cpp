#include "bramble/ros/image_view.hpp"

#include "bramble/ros/messages.hpp"

namespace bramble {

int bytes_per_pixel(std::string_view encoding) {
  if (encoding == "mono8" || encoding == "8UC1") return 1;
  if (encoding == "mono16" || encoding == "16UC1") return 2;
  if (encoding == "rgb8" || encoding == "bgr8" || encoding == "8UC3") return 3;
  if (encoding == "rgba8" || encoding == "bgra8" || encoding == "8UC4" || encoding == "32FC1") return 4;
  return 0;
}

ImageView ImageView::parse(std::span<const std::uint8_t> payload) {
  CdrReader reader(payload);
  ImageView view;
  builtin_interfaces::Time stamp;
  std::uint8_t big_endian = 0;
  reader.get(stamp);
  view.frame_id = reader.get_string_view();
  reader.get(view.height);
  reader.get(view.width);
  view.encoding = reader.get_string_view();
  reader.get(big_endian);
  reader.get(view.step);
  view.data = reader.get_bytes();
  view.stamp_ns = to_stamp(stamp);
  if (view.data.size() < static_cast<std::size_t>(view.height) * view.step)
    fail("image of {} rows of {} bytes has only {} bytes", view.height, view.step, view.data.size());
  if (static_cast<std::uint64_t>(view.width) * bytes_per_pixel(view.encoding) > view.step)
    fail("image of width {} in {} has rows of only {} bytes", view.width, view.encoding, view.step);
  return view;
}

}  // namespace bramble
