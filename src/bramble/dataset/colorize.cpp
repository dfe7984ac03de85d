#include "bramble/dataset/colorize.hpp"

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

TopicInfo Colorizer::topic_for(const TopicInfo& labels) {
  return {"/segmentation/rgb" + labels.name, std::string(sensor_msgs::Image::kType), labels.latched};
}

Message Colorizer::colorize(const Message& label) {
  if (label.topic.type != sensor_msgs::Image::kType)
    fail("{} is of type {}; only pictures ({}) have classes to colour", label.topic.name, label.topic.type,
         sensor_msgs::Image::kType);
  const ImageView view = ImageView::parse(*label.cdr);
  std::uint64_t unknown = 0;
  ImageU8 colors = ontology_.colorize(decode_label(view, ontology_, unknown, format_));
  unknown_ += unknown;
  sensor_msgs::Image image;
  image.header.stamp = to_ros_time(view.stamp_ns);
  image.header.frame_id = std::string(view.frame_id);
  image.width = view.width;
  image.height = view.height;
  image.encoding = "rgb8";
  image.step = 3 * view.width;
  image.data = std::move(colors.data);
  return {topic_for(label.topic), label.stamp_ns,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(image, image.data.size()))};
}

}  // namespace bramble
