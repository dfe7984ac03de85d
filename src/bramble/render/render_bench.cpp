#include "bramble/render/render_bench.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bramble/core/parallel.hpp"

namespace bramble {

nlohmann::json bench_render(const World& world, const CameraModel& camera, int frames) {
  const Renderer renderer(world);
  std::vector<Pose> eyes, lidars;
  for (int i = 0; i < frames; ++i) {
    const double s = world.path.length_m() * i / frames;
    const Eigen::Vector3d p = world.path.point_at(s), t = world.path.tangent_at(s);
    Pose X_ML = pose_from_xyz_rpy(p.x(), p.y(), p.z() + 1.9, 0, 0, std::atan2(t.y(), t.x()));
    lidars.push_back(X_ML);
    X_ML.linear() = X_ML.linear() * R_body_optical();
    eyes.push_back(X_ML);
  }
  const LidarModel lidar;
  const RenderBench bench = renderer.bench(camera, lidar, eyes, lidars);
  // The same frames on one thread, for the scaling.
  const int threads = thread_count();
  set_thread_count(1);
  const RenderBench alone = renderer.bench(camera, lidar, eyes, {});
  set_thread_count(threads);
  // And with sixteen samples a pixel, two frames of them.
  CameraModel fine = camera;
  fine.samples_per_axis = 4;
  const std::vector<Pose> some(eyes.begin(), eyes.begin() + std::min<std::ptrdiff_t>(2, std::ssize(eyes)));
  const RenderBench sixteen = renderer.bench(fine, lidar, some, {});
  // The same primary rays where leaves have no holes: what looking for holes, and going on behind them, costs.
  World solid_world = world;
  for (Material& material : solid_world.materials) material.alpha_cutoff = 0;
  const RenderBench solid = Renderer(solid_world).bench(camera, lidar, eyes, {});
  const auto sum = [](const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); };
  const auto median = [](std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
  };
  return {
      {"width", camera.width},
      {"height", camera.height},
      {"frames", frames},
      {"threads", thread_count()},
      {"packet_width", bench.packet_width},
      {"effective_triangles", world.effective_triangles()},
      {"rays", (bench.primary_rays + bench.shadow_rays) / static_cast<std::uint64_t>(frames)},
      {"primary_rays_per_frame", bench.primary_rays / static_cast<std::uint64_t>(frames)},
      {"shadow_rays_per_frame", bench.shadow_rays / static_cast<std::uint64_t>(frames)},
      {"frame_ms", median(bench.frame_ms)},
      {"raw_ms", median(bench.raw_ms)},
      {"raw_primary_ms", median(bench.raw_primary_ms)},
      {"raw_primary_without_holes_ms", median(solid.raw_primary_ms)},
      {"cut_outs_over_solid", sum(bench.raw_primary_ms) / sum(solid.raw_primary_ms)},
      {"frame_over_raw", sum(bench.frame_ms) / sum(bench.raw_ms)},
      {"frames_per_s", 1000 / median(bench.frame_ms)},
      {"one_thread_frame_ms", median(alone.frame_ms)},
      {"scaling", sum(alone.frame_ms) / sum(bench.frame_ms)},
      {"raw_scaling", sum(alone.raw_ms) / sum(bench.raw_ms)},
      {"sixteen_samples_over_one",
       sum(sixteen.frame_ms) / std::accumulate(bench.frame_ms.begin(), bench.frame_ms.begin() + std::ssize(some), 0.0)},
      {"lidar_ms", median(bench.lidar_ms)},
      {"lidar_raw_ms", median(bench.lidar_raw_ms)},
      {"lidar_over_raw", sum(bench.lidar_ms) / sum(bench.lidar_raw_ms)}};
}

}  // namespace bramble
