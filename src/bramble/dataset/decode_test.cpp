#include "bramble/dataset/decode.hpp"

#include <gtest/gtest.h>

#include "bramble/dataset/test_bag.hpp"

namespace bramble {
namespace {

using test::error_of;

struct Case {
  const char* encoding;
  int bytes, red, blue;
};
constexpr Case kColours[] = {{"rgb8", 3, 0, 2},  {"bgr8", 3, 2, 0}, {"rgba8", 4, 0, 2},
                             {"bgra8", 4, 2, 0}, {"8UC3", 3, 2, 0}, {"8UC4", 4, 2, 0}};

ImageU8 label_of(const sensor_msgs::Image& message, std::uint64_t& unknown, LabelFormat format = LabelFormat::kAuto) {
  return decode_label(ImageView::parse(serialize(message)), test::ontology(), unknown, format);
}

TEST(Decode, PicturesOfEveryEncodingAndOddSizesWithPadding) {
  for (const auto& c : kColours)
    for (const auto& [width, height] : {std::pair{1, 1}, {17, 9}, {33, 2}}) {
      const auto message = test::image(7, c.encoding, width, height, c.bytes, 256, 5);
      const auto payload = serialize(message);
      const ImageU8 rgb = decode_picture(ImageView::parse(payload));
      ASSERT_EQ(rgb.width, width);
      ASSERT_EQ(rgb.height, height);
      for (int v = 0; v < height; ++v)
        for (int u = 0; u < width; ++u) {
          const std::uint8_t* pixel = message.data.data() + v * message.step + u * c.bytes;
          const std::uint8_t* got = rgb.at(u, v);
          ASSERT_EQ((std::array{got[0], got[1], got[2]}), (std::array{pixel[c.red], pixel[1], pixel[c.blue]}))
              << c.encoding << " " << u << "," << v;
        }
    }
}

TEST(Decode, OtherEncodingsAreRefusedByName) {
  for (const char* encoding : {"mono8", "32FC1", "mono16", "yuv422", ""}) {
    const auto payload = serialize(test::image(1, encoding, 4, 4, 4));
    EXPECT_NE(error_of([&] { decode_picture(ImageView::parse(payload)); }).find(fmt::format("'{}'", encoding)),
              std::string::npos);
  }
  std::uint64_t unknown = 0;
  EXPECT_NE(error_of([&] { label_of(test::image(1, "32FC1", 4, 4, 4), unknown); }).find("32FC1"), std::string::npos);
  EXPECT_NE(error_of([&] { label_of(test::image(1, "mono8", 0, 4, 1), unknown); }).find("no pixels"),
            std::string::npos);
  const auto nothing = serialize(test::image(1, "rgb8", 4, 0, 3));
  EXPECT_NE(error_of([&] { decode_picture(ImageView::parse(nothing)); }).find("no pixels"), std::string::npos);
}

TEST(Decode, IdsStandAndUnknownOnesAreIgnoredAndCounted) {
  auto message = test::image(1, "mono8", 4, 2, 1, 1, 3);
  const std::uint8_t row0[] = {0, 1, 2, 3}, row1[] = {255, 254, 2, 29};
  std::copy_n(row0, 4, message.data.begin());
  std::copy_n(row1, 4, message.data.begin() + message.step);
  std::uint64_t unknown = 0;
  EXPECT_EQ(label_of(message, unknown).data, (std::vector<std::uint8_t>{0, 1, 2, 255, 255, 255, 2, 255}));
  EXPECT_EQ(unknown, 3u) << "3, 254 and 29; not 255";
  EXPECT_EQ(label_of(message, unknown, LabelFormat::kTags).data,
            (std::vector<std::uint8_t>{255, 255, 255, 255, 255, 255, 255, 0}));
  EXPECT_EQ(unknown, 6u) << "not 0: CARLA's «unlabelled» (255 is CARLA's «any», no class of ours)";
}

TEST(Decode, RawTagsInRedAndPaletteColours) {
  for (const auto& c : kColours) {
    auto message = test::image(1, c.encoding, 5, 1, c.bytes, 1);
    const auto set = [&](int u, Rgb color) {
      message.data[u * c.bytes + c.red] = color[0];
      message.data[u * c.bytes + 1] = color[1];
      message.data[u * c.bytes + c.blue] = color[2];
      if (c.bytes == 4) message.data[u * c.bytes + 3] = 255;
    };
    for (const auto& [u, tag] : {std::pair{0, 29}, {1, 30}, {2, 11}, {3, 0}, {4, 77}})
      set(u, {static_cast<std::uint8_t>(tag), 0, 0});
    std::uint64_t unknown = 0;
    EXPECT_EQ(label_of(message, unknown).data, (std::vector<std::uint8_t>{0, 1, 2, 255, 255})) << c.encoding;
    EXPECT_EQ(unknown, 1u) << "tag 77";
    for (int i = 0; i < 3; ++i) set(i, test::ontology()[static_cast<ClassId>(i)].color);
    set(3, {0, 0, 0});
    set(4, {0, 102, 1});
    EXPECT_EQ(label_of(message, unknown).data, (std::vector<std::uint8_t>{0, 1, 2, 255, 255})) << c.encoding;
    EXPECT_EQ(unknown, 1u) << "one off in blue";
    EXPECT_EQ(label_of(message, unknown, LabelFormat::kTags).data, (std::vector<std::uint8_t>(5, 255)))
        << "told that these are tags, nobody guesses colours";
    EXPECT_EQ(unknown, 1u) << "red 108";
  }
}

TEST(Decode, FormatThatDoesNotFitTheEncodingIsRefused) {
  std::uint64_t unknown = 0;
  EXPECT_NE(error_of([&] { label_of(test::label(1), unknown, LabelFormat::kColors); }).find("mono8"),
            std::string::npos);
  EXPECT_NE(error_of([&] { label_of(test::picture(1), unknown, LabelFormat::kIds); }).find("bgra8"), std::string::npos);
}

}  // namespace
}  // namespace bramble
