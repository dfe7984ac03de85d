#pragma once
#include <string>
#include <string_view>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Captions on pictures: Bramble's own letters of 5 x 7 dots for ASCII (some hang 2 dots lower), each dot `scale` x
/// `scale` pixels, 6 dots from letter to letter. Any other character becomes a small box.
inline constexpr int kGlyphWidth = 6;
inline constexpr int kGlyphHeight = 9;  ///< with what hangs below the line

/// Width of a text in pixels.
int text_width(std::string_view text, int scale);
/// Writes `text` with its top left corner at (u, v) into an RGB picture; what lies outside is cut off.
void draw_text(ImageU8& rgb, int u, int v, std::string_view text, Rgb color, int scale = 1);
/// The text, shortened at its front with «...» to fit `width` pixels.
std::string fit_text(std::string_view text, int width, int scale);

}  // namespace bramble
