#pragma once
#include <optional>
#include <vector>

#include "bramble/render/lidar_model.hpp"
#include "bramble/render/scene.hpp"
#include "bramble/render/sky_dome.hpp"
#include "bramble/render/tracer.hpp"

namespace bramble {

/// Sends the beams of a LiDAR into the scene. Work space is kept from scan to scan.
class LidarScanner {
 public:
  LidarScanner(const StaticScene& scene, const ActorScene& actors, const Tracer& tracer, std::uint64_t seed)
      : scene_(scene), actors_(actors), tracer_(tracer), seed_(seed) {}

  /// As Renderer::scan. `log`, if any, takes every ray, a list a task.
  void scan(const LidarModel& lidar, const Pose& X_ML, const ScanRequest& request, const Sky& sky,
            std::vector<LidarPoint>& points, std::vector<std::vector<RayRequest>>* log);

 private:
  const StaticScene& scene_;
  const ActorScene& actors_;
  const Tracer& tracer_;
  std::uint64_t seed_;
  std::vector<LidarPoint> points_;  // [columns, channels]
  std::vector<std::uint8_t> hit_;   // likewise
};

}  // namespace bramble
