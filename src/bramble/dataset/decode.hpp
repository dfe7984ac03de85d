#pragma once
#include <string>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/ros/image_view.hpp"

namespace bramble {

/// RGB picture [H, W, 3] of an image message: rgb8, bgr8, rgba8, bgra8 (and 8UC3, 8UC4 taken as BGR, OpenCV's order).
/// Throws Error for another encoding.
ImageU8 decode_picture(const ImageView& view);

/// Class ids [H, W, 1] of a label message:
///   mono8         ids as they stand (255: ignored)
///   bgra8, rgb8…  blue and green 0 in every pixel: CARLA's raw tag in red, mapped by carla_tag; else the ontology's
///   colours
/// A pixel with an unknown tag or colour, or an id the ontology lacks, becomes 255; `unknown` counts them. Throws Error
/// for another encoding.
ImageU8 decode_label(const ImageView& view, const Ontology& ontology, std::uint64_t& unknown);

}  // namespace bramble
