#pragma once
#include <string>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/ros/image_view.hpp"

namespace bramble {

/// What the pixels of a label message mean.
enum class LabelFormat {
  kAuto,    ///< one channel: ids; colour: tags when blue and green are 0 in every pixel, else colours
  kIds,     ///< class ids of the ontology, 255: ignored (one channel)
  kTags,    ///< CARLA's semantic tags: the one channel, or red of colour pictures; mapped by carla_tag
  kColors,  ///< the ontology's colours (colour pictures)
};

/// RGB picture [H, W, 3] of an image message: rgb8, bgr8, rgba8, bgra8 (and 8UC3, 8UC4 taken as BGR, OpenCV's order).
/// Throws Error for another encoding, or no pixels.
ImageU8 decode_picture(const ImageView& view);

/// Class ids [H, W, 1] of a label message in mono8 or one of the colour encodings above. A pixel with a tag or colour
/// that the ontology lacks, or such an id, becomes 255 (ignored); `unknown` counts them, but not black and tag 0, which
/// mean «no class» already. Throws Error for another encoding, no pixels, or one that does not fit `format`.
ImageU8 decode_label(const ImageView& view, const Ontology& ontology, std::uint64_t& unknown,
                     LabelFormat format = LabelFormat::kAuto);

}  // namespace bramble
