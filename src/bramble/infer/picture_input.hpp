#pragma once
#include <cstdint>
#include <span>

namespace bramble {

/// Pixels that someone else holds: rows of `step` bytes, grey (1 channel), RGB (3) or BGRA (4, alpha unused).
struct PictureView {
  int width = 0;
  int height = 0;
  int channels = 3;
  std::size_t step = 0;
  std::span<const std::uint8_t> data;
};

/// Throws Error when the picture is empty, has another number of channels, or fewer bytes than its size says.
void require_pixels(const PictureView& picture);

/// The network's input out of a picture in one pass: channels brought to RGB and the size to width x height, band of
/// rows by band of rows, no picture in between. Resizing is that of resize_picture() (core/image_io.hpp: a tent filter,
/// widened when shrinking), whose bytes it meets to 1 level: rows are mixed before columns here, which vectorises.
/// rgb: [height, width, 3], width * height * 3 bytes. The result does not depend on the number of threads.
/// (Normalisation is part of the compiled network, which reads bytes.)
void prepare_picture(const PictureView& picture, int width, int height, std::uint8_t* rgb);

}  // namespace bramble
