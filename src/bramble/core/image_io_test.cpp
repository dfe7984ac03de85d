#include "bramble/core/image_io.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

ImageU8 noise(int width, int height, int channels) {
  ImageU8 image(width, height, channels);
  Random random(1, channels);
  for (auto& byte : image.data) byte = static_cast<std::uint8_t>(random.next_u32());
  return image;
}

TEST(ImageIo, PngRoundTripKeepsEveryByte) {
  for (int channels : {1, 3, 4})
    for (auto effort : {PngEffort::kFast, PngEffort::kSmall}) {
      const auto image = noise(37, 21, channels);
      EXPECT_EQ(decode_image(encode_png(image, effort), PixelFormat::kAsStored, "x.png"), image);
    }
}

TEST(ImageIo, CutPngIsRefusedAtEveryLength) {
  const auto bytes = encode_png(noise(16, 16, 3));
  for (std::size_t length = 0; length + 12 < bytes.size(); length += 7)
    EXPECT_THROW(decode_image(std::span(bytes).first(length), PixelFormat::kRgb, "cut.png"), Error) << length;
}

TEST(ImageIo, ColourIsNotTakenForLabels) {
  EXPECT_THROW(decode_image(encode_png(noise(4, 4, 3)), PixelFormat::kGrey, "rgb.png"), Error);
}

TEST(ImageIo, ResizeKeepsAConstantPictureAndTheMean) {
  EXPECT_EQ(resize_picture(ImageU8(40, 30, 3, 77), 13, 50), ImageU8(13, 50, 3, 77));
  const auto small = resize_picture(noise(256, 256, 1), 32, 32);
  double mean = 0;
  for (auto byte : small.data) mean += byte;
  EXPECT_NEAR(mean / small.data.size(), 127.5, 3);
}

}  // namespace
}  // namespace bramble
