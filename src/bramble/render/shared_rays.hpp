#pragma once
#include "bramble/core/image.hpp"

namespace bramble {

// A picture with a ray for spacing x spacing pixels (CameraModel::ray_spacing) made whole. `rays` has a pixel a ray,
// [h, w, C], each ray going through its block's middle; `pixels` becomes [h * spacing, w * spacing, C] and is reused:
// no allocation once warm.

/// Interpolates bilinearly between the rays, in the values as they are; at the border the nearest ray's.
void interpolate_rays(const ImageU8& rays, int spacing, ImageU8& pixels);
/// Every pixel of a block has its ray's value: of labels, ids, depth. No rays: no pixels.
template <typename T>
void repeat_rays(const Image<T>& rays, int spacing, Image<T>& pixels);

}  // namespace bramble
