#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "bramble/core/image.hpp"

namespace bramble {

/// How hard to squeeze a PNG. kFast suits data sets written frame by frame; kSmall suits figures in a report.
enum class PngEffort { kFast, kSmall };

/// PNG bytes of an 8-bit image with 1 (grey), 3 (RGB) or 4 (RGBA) channels. Lossless, never palette-indexed.
std::vector<std::uint8_t> encode_png(const ImageU8& image, PngEffort effort = PngEffort::kFast);
void write_png(const std::filesystem::path& path, const ImageU8& image, PngEffort effort = PngEffort::kFast);
/// PNG bytes of one channel of 16 bits (depth pictures), and back. Throws Error when the file is none.
std::vector<std::uint8_t> encode_png(const ImageU16& image);
ImageU16 read_png16(const std::filesystem::path& path);
std::vector<std::uint8_t> encode_jpeg(const ImageU8& image, int quality = 90);

/// What decode should give back, whatever the file holds. kAsStored keeps 1, 3 or 4 channels.
enum class PixelFormat { kAsStored, kGrey, kRgb, kRgba };

/// Decodes PNG or JPEG (told by its first bytes). Throws Error naming `name` when the bytes are cut or not a picture.
/// kGrey refuses colour pictures instead of converting them: a label image must hold ids as they stand.
ImageU8 decode_image(std::span<const std::uint8_t> bytes, PixelFormat format, const std::string& name);
ImageU8 read_image(const std::filesystem::path& path, PixelFormat format = PixelFormat::kRgb);

/// Area-averaged or bilinear resize for pictures (down or up), nearest for labels.
ImageU8 resize_picture(const ImageU8& image, int width, int height);
ImageU8 resize_labels(const ImageU8& image, int width, int height);

}  // namespace bramble
