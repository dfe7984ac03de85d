#include "bramble/dataset/colorize.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

Ontology two_classes() { return Ontology("two", {{0, "grass", {10, 200, 30}, 29}, {1, "dirt", {120, 80, 40}, 30}}); }

Message label(const std::string& encoding, std::uint32_t step, std::vector<std::uint8_t> data) {
  sensor_msgs::Image image;
  image.header.stamp = to_ros_time(1'250'000'000);
  image.header.frame_id = "hero/semantic";
  image.width = 3;
  image.height = 1;
  image.encoding = encoding;
  image.step = step;
  image.data = std::move(data);
  return {{"/carla/hero/semantic/image", std::string(sensor_msgs::Image::kType), false},
          7,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(image))};
}

void expect_colors(const Message& message) {
  EXPECT_EQ(message.topic.name, "/segmentation/rgb/carla/hero/semantic/image");
  EXPECT_EQ(message.stamp_ns, 7);
  const auto image = deserialize<sensor_msgs::Image>(*message.cdr);
  EXPECT_EQ(image.encoding, "rgb8");
  EXPECT_EQ(image.step, 9U);
  EXPECT_EQ(image.header.frame_id, "hero/semantic");
  EXPECT_EQ(to_stamp(image.header.stamp), 1'250'000'000);
  EXPECT_EQ(image.data, (std::vector<std::uint8_t>{120, 80, 40, 10, 200, 30, 0, 0, 0}));
}

TEST(Colorizer, IdsTagsAndTagsInRedGiveTheSameColours) {
  Colorizer ids(two_classes()), tags(two_classes(), LabelFormat::kTags), red(two_classes());
  expect_colors(ids.colorize(label("mono8", 4, {1, 0, 255, 99})));  // a padded row
  EXPECT_EQ(ids.unknown_pixels(), 0U);
  expect_colors(tags.colorize(label("mono8", 3, {30, 29, 0})));
  expect_colors(red.colorize(label("bgra8", 12, {0, 0, 30, 255, 0, 0, 29, 255, 0, 0, 77, 255})));
  EXPECT_EQ(red.unknown_pixels(), 1U);
}

TEST(Colorizer, OnlyPicturesAreTaken) {
  Colorizer colorizer(two_classes());
  Message message = label("mono8", 3, {0, 0, 0});
  message.topic.type = "sensor_msgs/msg/PointCloud2";
  EXPECT_THROW(colorizer.colorize(message), Error);
  EXPECT_THROW(colorizer.colorize(label("32FC1", 12, std::vector<std::uint8_t>(12))), Error);
}

}  // namespace
}  // namespace bramble
