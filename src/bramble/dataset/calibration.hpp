#pragma once
#include <filesystem>
#include <vector>

#include "bramble/dataset/extract.hpp"

namespace bramble {

/// Writes FOLDER/calibration.json out of the first message of the camera_info topic beside each camera's picture topic
/// (…/rgb_front/image → …/rgb_front/camera_info): {camera: {width, height, distortion_model, d, k, p, frame_id,
/// recorded: {width, height, k}}}. k and p are those of the written pictures, after cropping and resizing; pixel
/// centres lie at (u + 0.5, v + 0.5) of the area, so that a centre c becomes (c + 0.5 - crop) * scale - 0.5. Throws
/// Error when a bag lacks the topic.
void write_calibration(const ExtractOptions& options, const std::vector<CameraTopics>& cameras);

}  // namespace bramble
