#pragma once
#include <cstdint>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// A thing in the picture: the smallest rectangle of pixels that holds all of it that is seen.
struct InstanceBox {
  std::uint32_t instance = 0;
  ClassId class_id = kIgnoreId;
  int u0 = 0, v0 = 0, u1 = 0, v1 = 0;  ///< pixels u0 … u1 - 1, v0 … v1 - 1
  std::int64_t pixels = 0;             ///< seen of it
};

/// Boxes of all instances with at least `min_pixels`, by instance id. Ground, water and sky, which are no things, are
/// left out. `instance` and `semantic`: [H, W, 1] of one frame.
std::vector<InstanceBox> instance_boxes(const ImageU32& instance, const ImageU8& semantic, std::int64_t min_pixels = 1);

/// Panoptic ids as Cityscapes and COCO count them: class id for what is no thing (ground, water, sky), class id · 1000
/// + k for the k-th thing of a class in the picture, by instance id, k from 1; things beyond the 999th of a class share
/// its last number. kIgnoreId stays.
ImageU32 panoptic_ids(const ImageU32& instance, const ImageU8& semantic);

}  // namespace bramble
