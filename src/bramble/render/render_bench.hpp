#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "bramble/render/renderer.hpp"

namespace bramble {

/// The complete labelled frame beside raw Embree traversal (primary and shadow rays, cut-outs included) of the very
/// same rays, from `frames` places along the path; LiDAR likewise. Keys: frame_ms, raw_ms, frame_over_raw, lidar_ms,
/// lidar_raw_ms, lidar_over_raw (medians; ratios of the sums), scaling (one thread over all), sixteen_samples_over_one,
/// cut_outs_over_solid (primary rays in the world as it is, beside one whose leaf cards have no holes),
/// rays per frame, threads, packet_width, width, height.
nlohmann::json bench_render(const World& world, const CameraModel& camera, int frames);

}  // namespace bramble
