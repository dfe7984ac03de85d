#pragma once
#include <cstdint>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/random.hpp"

namespace bramble {

/// How pictures are varied in training. Every draw comes from the Random that is passed in.
struct AugmentOptions {
  bool flip = true;
  double scale_low = 0.75, scale_high = 1.6;  ///< zoom; below 1 the rim is filled by mirroring, its labels ignored
  double brightness = 0.25, contrast = 0.25, saturation = 0.25;  ///< ± around 1
  double hue_shift = 0.03;                                       ///< ± around 1, for each channel
  double blur_chance = 0.1;                                      ///< of a soft lens
  double noise_chance = 0;    ///< of sensor noise, standard deviation 0.005 … 0.04, partly alike in all channels
  double jpeg_chance = 0;     ///< of JPEG compression at quality 30 … 90
  double weather_chance = 0;  ///< of one of fog, rain, dusk, glare (train/weather.hpp)
  double class_crop = 0;      ///< chance that the window is laid around a pixel of a class drawn evenly from those in
                              ///< the picture, so that rare classes are seen more often and larger (zoom above 1)

  /// Throws Error naming the first value that is out of range.
  void validate() const;
};

/// One varied sample: `rgb` [3, H, W] on 0…1 (planar), `label` [H, W].
void augment(const ImageU8& rgb, const ImageU8& label, const AugmentOptions& options, Random random, float* rgb_out,
             std::int64_t* label_out);
/// The sample as it is, in the same form.
void plain_sample(const ImageU8& rgb, const ImageU8& label, float* rgb_out, std::int64_t* label_out);

}  // namespace bramble
