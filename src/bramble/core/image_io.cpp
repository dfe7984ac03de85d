#include "bramble/core/image_io.hpp"

#include <libdeflate.h>
#include <spng.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bramble/core/crc32.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/fast_deflate.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

void put_u32_be(std::vector<std::uint8_t>& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_chunk(std::vector<std::uint8_t>& out, const char* type, std::span<const std::uint8_t> body) {
  put_u32_be(out, static_cast<std::uint32_t>(body.size()));
  const std::size_t begin = out.size();
  out.insert(out.end(), type, type + 4);
  out.insert(out.end(), body.begin(), body.end());
  put_u32_be(out, crc32(0, std::span(out).subspan(begin)));
}

// PNG filter types 1 (Sub) and 2 (Up) of one row. `out` overlaps with nothing.
void filter_sub(const std::uint8_t* row, std::size_t bytes, std::size_t bpp, std::uint8_t* __restrict out) {
  std::copy(row, row + std::min(bpp, bytes), out);
  for (std::size_t i = bpp; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(row[i] - row[i - bpp]);
}
void filter_up(const std::uint8_t* row, const std::uint8_t* above, std::size_t bytes, std::uint8_t* __restrict out) {
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(row[i] - above[i]);
}
// Sum of absolute differences of two rows: the smaller it is, the better deflates the filter that subtracts them. (This
// form of the loop is what compilers know as the instruction psadbw.)
std::uint32_t difference(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes; ++i) sum += static_cast<std::uint32_t>(std::abs(int{a[i]} - int{b[i]}));
  return sum;
}

bool is_jpeg(std::span<const std::uint8_t> bytes) { return bytes.size() > 3 && bytes[0] == 0xFF && bytes[1] == 0xD8; }

ImageU8 decode_jpeg(std::span<const std::uint8_t> bytes, PixelFormat format, const std::string& name) {
  std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitDecompress(), tjDestroy);
  int width = 0, height = 0, subsampling = 0, colourspace = 0;
  if (tjDecompressHeader3(handle.get(), bytes.data(), bytes.size(), &width, &height, &subsampling, &colourspace) != 0)
    fail("{}: not a readable JPEG ({})", name, tjGetErrorStr2(handle.get()));
  const bool grey_file = colourspace == TJCS_GRAY;
  if (format == PixelFormat::kGrey && !grey_file) fail("{}: expected a single-channel picture, found colour", name);
  if (format == PixelFormat::kAsStored) format = grey_file ? PixelFormat::kGrey : PixelFormat::kRgb;
  const int channels = format == PixelFormat::kGrey ? 1 : format == PixelFormat::kRgb ? 3 : 4;
  const int tj_format = channels == 1 ? TJPF_GRAY : channels == 3 ? TJPF_RGB : TJPF_RGBA;
  ImageU8 image(width, height, channels);
  if (tjDecompress2(handle.get(), bytes.data(), bytes.size(), image.data.data(), width, 0, height, tj_format, 0) != 0 &&
      tjGetErrorCode(handle.get()) == TJERR_FATAL)
    fail("{}: damaged JPEG ({})", name, tjGetErrorStr2(handle.get()));
  return image;
}

ImageU8 decode_png(std::span<const std::uint8_t> bytes, PixelFormat format, const std::string& name) {
  std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(0), spng_ctx_free);
  spng_set_png_buffer(context.get(), bytes.data(), bytes.size());
  spng_set_image_limits(context.get(), 1U << 16, 1U << 16);
  spng_ihdr header{};
  if (int error = spng_get_ihdr(context.get(), &header))
    fail("{}: not a readable picture ({})", name, spng_strerror(error));
  // A picture may decode although its last chunk is cut: the checksum is missing, and with it the proof.
  for (std::size_t at = 8; at < bytes.size();) {
    if (bytes.size() - at < 12) fail("{}: damaged PNG (cut after {} bytes)", name, bytes.size());
    const std::uint64_t length =
        std::uint64_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    if (length + 12 > bytes.size() - at) fail("{}: damaged PNG (cut after {} bytes)", name, bytes.size());
    if (bytes[at + 4] == 'I' && bytes[at + 5] == 'E' && bytes[at + 6] == 'N' && bytes[at + 7] == 'D') break;
    at += length + 12;
  }
  const bool grey_file = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE;
  const bool alpha_file = header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
  if (format == PixelFormat::kGrey && (!grey_file || header.bit_depth > 8))
    fail("{}: expected an 8-bit single-channel PNG, found colour type {} with {} bits", name, header.color_type,
         header.bit_depth);
  if (format == PixelFormat::kAsStored)
    format = grey_file && header.bit_depth <= 8 ? PixelFormat::kGrey
             : alpha_file                       ? PixelFormat::kRgba
                                                : PixelFormat::kRgb;
  const int channels = format == PixelFormat::kGrey ? 1 : format == PixelFormat::kRgb ? 3 : 4;
  const int spng_format = channels == 1 ? SPNG_FMT_G8 : channels == 3 ? SPNG_FMT_RGB8 : SPNG_FMT_RGBA8;
  std::size_t size = 0;
  if (int error = spng_decoded_image_size(context.get(), spng_format, &size))
    fail("{}: {}", name, spng_strerror(error));
  ImageU8 image(static_cast<int>(header.width), static_cast<int>(header.height), channels);
  if (size != image.data.size()) fail("{}: unexpected picture size", name);
  const int flags = channels == 4 ? SPNG_DECODE_TRNS : 0;
  if (int error = spng_decode_image(context.get(), image.data.data(), size, spng_format, flags))
    fail("{}: damaged PNG ({})", name, spng_strerror(error));
  return image;
}

// Deflates filtered rows and wraps them.
std::vector<std::uint8_t> wrap_png(std::span<const std::uint8_t> raw, int width, int height, std::uint8_t bits,
                                   std::uint8_t colour_type, PngEffort effort) {
  std::vector<std::uint8_t> packed;
  if (effort == PngEffort::kFast) {
    packed = deflate_fast(raw);
  } else {
    std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(libdeflate_alloc_compressor(8),
                                                                                        libdeflate_free_compressor);
    packed.resize(libdeflate_zlib_compress_bound(compressor.get(), raw.size()));
    packed.resize(libdeflate_zlib_compress(compressor.get(), raw.data(), raw.size(), packed.data(), packed.size()));
  }
  std::vector<std::uint8_t> out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  out.reserve(packed.size() + 64);
  std::vector<std::uint8_t> header;
  put_u32_be(header, width);
  put_u32_be(header, height);
  for (std::uint8_t byte : {bits, colour_type, std::uint8_t{0}, std::uint8_t{0}, std::uint8_t{0}})
    header.push_back(byte);
  put_chunk(out, "IHDR", header);
  put_chunk(out, "IDAT", packed);
  put_chunk(out, "IEND", {});
  return out;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const ImageU8& image, PngEffort effort) {
  if (image.empty()) fail("cannot write an empty picture");
  const std::size_t bpp = image.channels;
  const std::size_t stride = bpp * image.width;
  // Filter: grey images are labels (differences to the row above are mostly 0; a search for repetitions does best
  // without filter), colour rows take the better of Sub and Up.
  const std::size_t size = (stride + 1) * image.height;
  const auto raw = std::make_unique_for_overwrite<std::uint8_t[]>(size);
  for (int v = 0; v < image.height; ++v) {
    std::uint8_t* out = raw.get() + (stride + 1) * v;
    const std::uint8_t* row = image.row(v);
    const bool grey = bpp == 1;
    const bool up =
        v > 0 && (grey ? effort == PngEffort::kFast
                       : difference(row, image.row(v - 1), stride) < difference(row + bpp, row, stride - bpp));
    out[0] = up ? 2 : grey ? 0 : 1;
    if (up)
      filter_up(row, image.row(v - 1), stride, out + 1);
    else if (grey)
      std::copy(row, row + stride, out + 1);
    else
      filter_sub(row, stride, bpp, out + 1);
  }
  const std::uint8_t colour_type = bpp == 1 ? 0 : bpp == 3 ? 2 : bpp == 4 ? 6 : 255;
  if (colour_type == 255) fail("a PNG holds 1, 3 or 4 channels, not {}", bpp);
  return wrap_png({raw.get(), size}, image.width, image.height, 8, colour_type, effort);
}

std::vector<std::uint8_t> encode_png(const ImageU16& image) {
  if (image.empty() || image.channels != 1) fail("a PNG of 16 bits holds one channel, and at least a pixel");
  // Big-endian values, each row as the difference to the one above (filter 2): depth changes slowly.
  const std::size_t stride = 2 * static_cast<std::size_t>(image.width);
  std::vector<std::uint8_t> raw((stride + 1) * image.height), row(stride), above(stride, 0);
  for (int v = 0; v < image.height; ++v) {
    for (int u = 0; u < image.width; ++u) {
      row[2 * u] = static_cast<std::uint8_t>(*image.at(u, v) >> 8);
      row[2 * u + 1] = static_cast<std::uint8_t>(*image.at(u, v) & 0xFF);
    }
    std::uint8_t* out = raw.data() + (stride + 1) * v;
    out[0] = 2;
    filter_up(row.data(), above.data(), stride, out + 1);
    above = row;
  }
  return wrap_png(raw, image.width, image.height, 16, 0, PngEffort::kFast);
}

ImageU16 read_png16(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(0), spng_ctx_free);
  spng_set_png_buffer(context.get(), bytes.data(), bytes.size());
  spng_set_image_limits(context.get(), 1U << 16, 1U << 16);
  spng_ihdr header{};
  if (int error = spng_get_ihdr(context.get(), &header))
    fail("{}: not a readable picture ({})", path.string(), spng_strerror(error));
  if (header.bit_depth != 16 || header.color_type != SPNG_COLOR_TYPE_GRAYSCALE)
    fail("{}: expected one channel of 16 bits, found colour type {} with {} bits", path.string(), header.color_type,
         header.bit_depth);
  ImageU16 image(static_cast<int>(header.width), static_cast<int>(header.height), 1);
  if (int error = spng_decode_image(context.get(), image.data.data(), 2 * image.data.size(), SPNG_FMT_PNG, 0))
    fail("{}: damaged PNG ({})", path.string(), spng_strerror(error));
  return image;
}
void write_png(const std::filesystem::path& path, const ImageU8& image, PngEffort effort) {
  write_file_atomically(path, encode_png(image, effort));
}

std::vector<std::uint8_t> encode_jpeg(const ImageU8& image, int quality) {
  std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitCompress(), tjDestroy);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  const int format = image.channels == 1 ? TJPF_GRAY : image.channels == 3 ? TJPF_RGB : TJPF_RGBA;
  const int status = tjCompress2(handle.get(), image.data.data(), image.width, 0, image.height, format, &buffer, &size,
                                 image.channels == 1 ? TJSAMP_GRAY : TJSAMP_420, quality, 0);
  std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(buffer, tjFree);
  if (status != 0) fail("cannot encode a JPEG: {}", tjGetErrorStr2(handle.get()));
  return {buffer, buffer + size};
}

ImageU8 decode_image(std::span<const std::uint8_t> bytes, PixelFormat format, const std::string& name) {
  if (bytes.empty()) fail("{}: empty file", name);
  return is_jpeg(bytes) ? decode_jpeg(bytes, format, name) : decode_png(bytes, format, name);
}

ImageU8 read_image(const std::filesystem::path& path, PixelFormat format) {
  return decode_image(read_file(path), format, path.string());
}

ImageU8 resize_picture(const ImageU8& image, int width, int height) {
  if (image.width == width && image.height == height) return image;
  // A separable tent filter, widened when shrinking so that every source pixel counts (antialiased bilinear).
  struct Tap {
    int first;
    std::vector<float> weights;
  };
  auto taps_for = [](int from, int to) {
    std::vector<Tap> taps(to);
    const double scale = static_cast<double>(from) / to;
    const double radius = std::max(1.0, scale);
    for (int i = 0; i < to; ++i) {
      const double centre = (i + 0.5) * scale;
      const int first = std::max(0, static_cast<int>(std::floor(centre - radius)));
      const int last = std::min(from - 1, static_cast<int>(std::ceil(centre + radius)) - 1);
      taps[i].first = first;
      double sum = 0;
      for (int s = first; s <= last; ++s) sum += std::max(0.0, 1.0 - std::abs((s + 0.5 - centre) / radius));
      for (int s = first; s <= last; ++s)
        taps[i].weights.push_back(static_cast<float>(std::max(0.0, 1.0 - std::abs((s + 0.5 - centre) / radius)) / sum));
    }
    return taps;
  };
  const int c = image.channels;
  const auto taps_x = taps_for(image.width, width);
  const auto taps_y = taps_for(image.height, height);
  std::vector<float> wide(static_cast<std::size_t>(width) * image.height * c);
  for (int v = 0; v < image.height; ++v)
    for (int u = 0; u < width; ++u)
      for (int k = 0; k < c; ++k) {
        float sum = 0;
        for (std::size_t t = 0; t < taps_x[u].weights.size(); ++t)
          sum += taps_x[u].weights[t] * image.at(taps_x[u].first + static_cast<int>(t), v)[k];
        wide[(static_cast<std::size_t>(v) * width + u) * c + k] = sum;
      }
  ImageU8 out(width, height, c);
  const std::size_t stride = static_cast<std::size_t>(width) * c;
  std::vector<float> line(stride);
  for (int v = 0; v < height; ++v) {
    std::fill(line.begin(), line.end(), 0.0F);
    for (std::size_t t = 0; t < taps_y[v].weights.size(); ++t) {
      const float* source = wide.data() + (taps_y[v].first + t) * stride;
      for (std::size_t i = 0; i < stride; ++i) line[i] += taps_y[v].weights[t] * source[i];
    }
    for (std::size_t i = 0; i < stride; ++i)
      out.data[v * stride + i] = static_cast<std::uint8_t>(std::clamp(line[i] + 0.5F, 0.0F, 255.0F));
  }
  return out;
}

ImageU8 resize_labels(const ImageU8& image, int width, int height) {
  if (image.width == width && image.height == height) return image;
  ImageU8 out(width, height, image.channels);
  for (int v = 0; v < height; ++v) {
    const int sv = std::min(image.height - 1, static_cast<int>((v + 0.5) * image.height / height));
    for (int u = 0; u < width; ++u) {
      const int su = std::min(image.width - 1, static_cast<int>((u + 0.5) * image.width / width));
      std::copy_n(image.at(su, sv), image.channels, out.at(u, v));
    }
  }
  return out;
}

}  // namespace bramble
