#include "bramble/train/augment.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/ontology/ontology.hpp"

namespace bramble {

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
  const double left = random.uniform() * (width - window_w), top = random.uniform() * (height - window_h);
  const auto around_one = [&](double range) { return static_cast<float>(random.uniform(1 - range, 1 + range)); };
  const float brightness = around_one(options.brightness), contrast = around_one(options.contrast),
              saturation = around_one(options.saturation);
  float gain[3];
  for (float& g : gain) g = brightness * around_one(options.hue_shift);
  const bool blur = random.uniform() < options.blur_chance;

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
  // 3. A soft lens now and then: 1-2-1 along the rows and columns.
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
}

}  // namespace bramble
