#include "bramble/train/augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "bramble/core/byte_counts.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/train/weather.hpp"

namespace bramble {
namespace {

// A pixel of a class drawn evenly from those in the picture; none where all is ignored.
bool pixel_of_any_class(const ImageU8& label, Random& random, int& u, int& v) {
  auto counts = count_bytes(label.data);
  counts[kIgnoreId] = 0;
  std::vector<std::uint8_t> present;
  for (std::size_t id = 0; id < 256; ++id)
    if (counts[id] > 0) present.push_back(static_cast<std::uint8_t>(id));
  if (present.empty()) return false;
  const std::uint8_t id = present[random.below(static_cast<std::uint32_t>(present.size()))];
  std::uint32_t rank = random.below(counts[id]);
  for (std::size_t i = 0; i < label.data.size(); ++i)
    if (label.data[i] == id && rank-- == 0) {
      u = static_cast<int>(i % static_cast<std::size_t>(label.width));
      v = static_cast<int>(i / static_cast<std::size_t>(label.width));
      return true;
    }
  return false;
}

void add_noise(float* rgb, std::size_t pixels, Random random) {
  const double sigma = random.uniform(0.005, 0.04), common = random.uniform(0.2, 0.8);
  const auto alike = static_cast<float>(sigma * std::sqrt(common)),
             own = static_cast<float>(sigma * std::sqrt(1 - common));
  // The sum of four uniform numbers is near enough to a normal one: mean 2, variance 1/3.
  const auto normal = [&] {
    const std::uint32_t bits = random.next_u32();
    const int sum = static_cast<int>((bits & 0xFF) + (bits >> 8 & 0xFF) + (bits >> 16 & 0xFF) + (bits >> 24));
    return (static_cast<float>(sum) / 256.0F - 1.9921875F) * 1.7320508F;
  };
  for (std::size_t i = 0; i < pixels; ++i) {
    const float grey = alike * normal();
    for (std::size_t c = 0; c < 3; ++c) {
      float& value = rgb[c * pixels + i];
      value = std::clamp(value + grey + own * normal(), 0.0F, 1.0F);
    }
  }
}

void compress(float* rgb, int width, int height, int quality) {
  ImageU8 picture(width, height, 3);
  const std::size_t pixels = picture.pixel_count();
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      picture.data[3 * i + c] = static_cast<std::uint8_t>(rgb[c * pixels + i] * 255.0F + 0.5F);
  const ImageU8 back = decode_image(encode_jpeg(picture, quality), PixelFormat::kRgb, "augmentation");
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < 3; ++c) rgb[c * pixels + i] = static_cast<float>(back.data[3 * i + c]) / 255.0F;
}

}  // namespace

void AugmentOptions::validate() const {
  const auto share = [](const char* key, double value) {
    if (!(value >= 0 && value <= 1)) fail("augmentation: {} of {} is not between 0 and 1", key, value);
  };
  if (!(scale_low >= 0.1 && scale_high <= 10 && scale_low <= scale_high))
    fail("augmentation: a scale of {} to {} is not a range within 0.1 to 10", scale_low, scale_high);
  share("brightness", brightness);
  share("contrast", contrast);
  share("saturation", saturation);
  share("hue shift", hue_shift);
  share("blur", blur_chance);
  share("noise", noise_chance);
  share("jpeg", jpeg_chance);
  share("weather", weather_chance);
  share("class crop", class_crop);
}

void plain_sample(const ImageU8& rgb, const ImageU8& label, float* rgb_out, std::int64_t* label_out) {
  const std::size_t pixels = rgb.pixel_count();
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c) rgb_out[c * pixels + i] = static_cast<float>(rgb.data[3 * i + c]) / 255.0F;
    label_out[i] = label.data[i];
  }
}

void augment(const ImageU8& rgb, const ImageU8& label, const AugmentOptions& options, Random random, float* rgb_out,
             std::int64_t* label_out) {
  const int width = rgb.width, height = rgb.height;
  // 1. Draws, always in the same number and order.
  const bool flip = options.flip && random.uniform() < 0.5F;
  const double scale = std::exp(random.uniform(std::log(options.scale_low), std::log(options.scale_high)));
  const double window_w = width / scale, window_h = height / scale;
  double left = random.uniform() * (width - window_w), top = random.uniform() * (height - window_h);
  const auto around_one = [&](double range) { return static_cast<float>(random.uniform(1 - range, 1 + range)); };
  const float brightness = around_one(options.brightness), contrast = around_one(options.contrast),
              saturation = around_one(options.saturation);
  float gain[3];
  for (float& g : gain) g = brightness * around_one(options.hue_shift);
  const bool blur = random.uniform() < options.blur_chance;
  const bool weather = random.uniform() < options.weather_chance, noise = random.uniform() < options.noise_chance,
             jpeg = random.uniform() < options.jpeg_chance;
  const int quality = 30 + static_cast<int>(random.below(61));
  int around_u = 0, around_v = 0;
  if (random.uniform() < options.class_crop && pixel_of_any_class(label, random, around_u, around_v)) {
    // The window around it, kept inside the picture as far as it fits.
    const auto lay = [](double middle, double window, double size) {
      return std::clamp(middle - window / 2, std::min(0.0, size - window), std::max(0.0, size - window));
    };
    left = lay(around_u + 0.5, window_w, width);
    top = lay(around_v + 0.5, window_h, height);
  }

  // 2. Sample the window: colour bilinear, label nearest. Outside the picture colour is mirrored and the label ignored.
  const auto mirror = [](int i, int size) {
    if (i < 0) i = -i - 1;
    if (i >= size) i = 2 * size - i - 1;
    return std::clamp(i, 0, size - 1);
  };
  const std::size_t pixels = rgb.pixel_count();
  double mean = 0;
  for (int v = 0; v < height; ++v) {
    const double sv = top + (v + 0.5) / scale;
    const int v0 = static_cast<int>(std::floor(sv - 0.5));
    const auto wv = static_cast<float>(sv - 0.5 - v0);
    const std::uint8_t* row0 = rgb.row(mirror(v0, height));
    const std::uint8_t* row1 = rgb.row(mirror(v0 + 1, height));
    for (int u = 0; u < width; ++u) {
      const double su = left + ((flip ? width - 1 - u : u) + 0.5) / scale;
      const int u0 = static_cast<int>(std::floor(su - 0.5));
      const auto wu = static_cast<float>(su - 0.5 - u0);
      const int a = 3 * mirror(u0, width), b = 3 * mirror(u0 + 1, width);
      const std::size_t i = static_cast<std::size_t>(v) * width + u;
      float grey = 0;
      float color[3];
      for (int c = 0; c < 3; ++c) {
        const float upper = static_cast<float>(row0[a + c]) + wu * static_cast<float>(row0[b + c] - row0[a + c]);
        const float lower = static_cast<float>(row1[a + c]) + wu * static_cast<float>(row1[b + c] - row1[a + c]);
        color[c] = (upper + wv * (lower - upper)) / 255.0F * gain[c];
        grey += color[c] / 3;
      }
      for (int c = 0; c < 3; ++c) {
        rgb_out[c * pixels + i] = grey + saturation * (color[c] - grey);
        mean += rgb_out[c * pixels + i];
      }
      const bool inside = su >= 0 && su < width && sv >= 0 && sv < height;
      label_out[i] = inside ? *label.at(static_cast<int>(su), static_cast<int>(sv)) : kIgnoreId;
    }
  }
  mean /= static_cast<double>(3 * pixels);
  for (std::size_t i = 0; i < 3 * pixels; ++i)
    rgb_out[i] = std::clamp(static_cast<float>(mean) + contrast * (rgb_out[i] - static_cast<float>(mean)), 0.0F, 1.0F);
  // 3. What lies between scene and lens.
  if (weather) add_weather(rgb_out, width, height, Random(random.next_u32(), stream_of("weather")));
  // 4. A soft lens now and then: 1-2-1 along the rows and columns.
  if (blur)
    for (int c = 0; c < 3; ++c) {
      float* plane = rgb_out + c * pixels;
      std::vector<float> before(1);  // what the filter has already overwritten
      for (int v = 0; v < height; ++v) {
        before[0] = plane[static_cast<std::size_t>(v) * width];
        for (int u = 1; u + 1 < width; ++u) {
          float* p = plane + static_cast<std::size_t>(v) * width + u;
          const float here = *p;
          *p = 0.25F * before[0] + 0.5F * here + 0.25F * p[1];
          before[0] = here;
        }
      }
      before.assign(plane, plane + width);
      for (int v = 1; v + 1 < height; ++v)
        for (int u = 0; u < width; ++u) {
          float* p = plane + static_cast<std::size_t>(v) * width + u;
          const float here = *p;
          *p = 0.25F * before[static_cast<std::size_t>(u)] + 0.5F * here + 0.25F * p[width];
          before[static_cast<std::size_t>(u)] = here;
        }
    }
  // 5. The sensor and what stores its picture.
  if (noise) add_noise(rgb_out, pixels, Random(random.next_u32(), stream_of("noise")));
  if (jpeg) compress(rgb_out, width, height, quality);
}

}  // namespace bramble
