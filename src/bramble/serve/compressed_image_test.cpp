#include "bramble/serve/compressed_image.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

std::vector<std::uint8_t> image(int width, int height, const std::string& encoding, int channels,
                                std::vector<std::uint8_t> pixel) {
  sensor_msgs::Image message;
  message.header.stamp.sec = 7;
  message.header.frame_id = "eye";
  message.width = static_cast<std::uint32_t>(width);
  message.height = static_cast<std::uint32_t>(height);
  message.encoding = encoding;
  message.step = static_cast<std::uint32_t>(width * channels + 3);  // rows may be padded
  for (int v = 0; v < height; ++v) {
    for (int u = 0; u < width; ++u) message.data.insert(message.data.end(), pixel.begin(), pixel.end());
    message.data.insert(message.data.end(), 3, 99);
  }
  return serialize(message);
}

TEST(CompressedImage, ColoursAreJpegWhateverTheirOrder) {
  const std::vector<std::pair<std::string, std::vector<std::uint8_t>>> orders = {{"bgra8", {30, 120, 200, 255}},
                                                                                 {"rgba8", {200, 120, 30, 255}},
                                                                                 {"bgr8", {30, 120, 200}},
                                                                                 {"rgb8", {200, 120, 30}}};
  for (const auto& [encoding, pixel] : orders) {
    const auto compressed = deserialize<sensor_msgs::CompressedImage>(
        compress_image(image(64, 48, encoding, static_cast<int>(pixel.size()), pixel), false));
    EXPECT_EQ(compressed.format, "jpeg");
    EXPECT_EQ(compressed.header.stamp.sec, 7);
    EXPECT_EQ(compressed.header.frame_id, "eye");
    const ImageU8 picture = decode_image(compressed.data, PixelFormat::kRgb, "test");
    EXPECT_EQ(picture.width, 64);
    EXPECT_EQ(picture.height, 48);
    EXPECT_NEAR(picture.at(30, 20)[0], 200, 4);
    EXPECT_NEAR(picture.at(30, 20)[1], 120, 4);
    EXPECT_NEAR(picture.at(30, 20)[2], 30, 4);
  }
}

TEST(CompressedImage, LabelsAreExact) {
  const auto mono = deserialize<sensor_msgs::CompressedImage>(compress_image(image(1500, 30, "mono8", 1, {5}), false));
  EXPECT_EQ(mono.format, "png");
  const ImageU8 ids = decode_image(mono.data, PixelFormat::kGrey, "test");
  EXPECT_EQ(ids.width, kWidestCompressed);
  EXPECT_EQ(ids.height, 20);
  EXPECT_EQ(*ids.at(1000, 10), 5);
  const auto colour =
      deserialize<sensor_msgs::CompressedImage>(compress_image(image(9, 9, "rgb8", 3, {1, 2, 3}), true));
  EXPECT_EQ(colour.format, "png");
  EXPECT_EQ(decode_image(colour.data, PixelFormat::kRgb, "test").at(4, 4)[2], 3);
}

TEST(CompressedImage, RefusesWhatHasNone) {
  EXPECT_THROW(compress_image(image(8, 8, "32FC1", 4, {0, 0, 0, 0}), false), Error);
  EXPECT_THROW(compress_image(image(0, 0, "rgb8", 3, {1, 2, 3}), false), Error);
  auto cut = image(8, 8, "rgb8", 3, {1, 2, 3});
  cut.resize(cut.size() / 2);
  EXPECT_THROW(compress_image(cut, false), Error);
}

TEST(CompressedImage, KnowsLabelTopics) {
  EXPECT_TRUE(is_label_topic("/segmentation/rgb/carla/hero/semantic_segmentation_front/image"));
  EXPECT_TRUE(is_label_topic("/bramble/segmentation/mask"));
  EXPECT_FALSE(is_label_topic("/bramble/segmentation/overlay"));
  EXPECT_FALSE(is_label_topic("/carla/hero/rgb_front/image"));
}

}  // namespace
}  // namespace bramble
