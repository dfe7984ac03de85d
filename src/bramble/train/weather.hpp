#pragma once
#include "bramble/core/random.hpp"

namespace bramble {

// Cheap look-alikes of weather for planar pictures [3, height, width] on 0…1, of strengths drawn from `random`. They
// know no depth: what is far is taken to lie towards the middle row. The simulator's own weather (world/weather.hpp)
// is exact; these serve data sets that come from elsewhere.

/// Mixes in grey airlight, more towards the middle row and above.
void add_fog(float* rgb, int width, int height, Random random);
/// Bright slanted streaks over a picture of less contrast.
void add_rain(float* rgb, int width, int height, Random random);
/// Darkens, bends the tones and shifts them towards blue.
void add_dusk(float* rgb, int width, int height, Random random);
/// A low sun: a bright spot in the upper half with a veil around it.
void add_glare(float* rgb, int width, int height, Random random);
/// One of the four.
void add_weather(float* rgb, int width, int height, Random random);

}  // namespace bramble
