#include "bramble/infer/picture_input.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

ImageU8 noise(int width, int height, int channels) {
  ImageU8 image(width, height, channels);
  Random random(1, stream_of("picture input"));
  for (std::uint8_t& byte : image.data) byte = static_cast<std::uint8_t>(random.below(256));
  return image;
}

/// The same picture with `channels` channels and `extra` bytes after each row.
std::vector<std::uint8_t> laid_out(const ImageU8& rgb, int channels, std::size_t extra) {
  const std::size_t step = static_cast<std::size_t>(rgb.width) * channels + extra;
  std::vector<std::uint8_t> bytes(step * rgb.height, 99);
  for (int v = 0; v < rgb.height; ++v)
    for (int u = 0; u < rgb.width; ++u)
      for (int c = 0; c < std::min(channels, 3); ++c)
        bytes[step * v + static_cast<std::size_t>(u) * channels + c] = rgb.at(u, v)[channels == 4 ? 2 - c : c];
  return bytes;
}

TEST(PictureInput, ResizesAsResizePictureDoesInEveryLayout) {
  ImageU8 rgb = noise(67, 45, 3);
  for (const bool grey : {false, true}) {
    if (grey)
      for (std::size_t i = 0; i < rgb.data.size(); i += 3) rgb.data[i + 1] = rgb.data[i + 2] = rgb.data[i];
    for (const auto& [width, height] : {std::pair{32, 16}, {67, 45}, {96, 64}, {16, 16}, {67, 16}, {1, 1}, {200, 3}}) {
      const ImageU8 expected = resize_picture(rgb, width, height);
      for (const int channels : {1, 3, 4}) {
        if ((channels == 1) != grey) continue;
        for (const std::size_t extra : {std::size_t{0}, std::size_t{13}}) {
          const auto bytes = laid_out(rgb, channels, extra);
          ImageU8 out(width, height, 3);
          prepare_picture({67, 45, channels, static_cast<std::size_t>(67) * channels + extra, bytes}, width, height,
                          out.data.data());
          int worst = 0;
          for (std::size_t i = 0; i < out.data.size(); ++i)
            worst = std::max(worst, std::abs(int(out.data[i]) - int(expected.data[i])));
          EXPECT_LE(worst, 1) << width << "x" << height << ", " << channels << " channels, " << extra << " extra bytes";
        }
      }
    }
  }
}

TEST(PictureInput, RefusesWhatIsNoPicture) {
  const ImageU8 rgb = noise(8, 4, 3);
  std::vector<std::uint8_t> out(16 * 16 * 3);
  EXPECT_THROW(prepare_picture({}, 16, 16, out.data()), Error);
  EXPECT_THROW(prepare_picture({8, 4, 2, 16, rgb.data}, 16, 16, out.data()), Error);
  EXPECT_THROW(prepare_picture({8, 4, 3, 20, rgb.data}, 16, 16, out.data()), Error) << "rows overlap";
  EXPECT_THROW(prepare_picture({8, 5, 3, 24, rgb.data}, 16, 16, out.data()), Error) << "a row is missing";
}

}  // namespace
}  // namespace bramble
