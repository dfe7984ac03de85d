#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/pose.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// Pinhole camera. Pixel (u, v): ray through (u + 0.5, v + 0.5); fx = fy = width / (2 tan(fov/2)), horizontal fov,
/// principal point at the picture's middle (as CARLA).
struct CameraModel {
  int width = 1024;
  int height = 768;
  double fov_rad = 1.5707963267948966;
  int samples_per_axis = 1;  ///< RGB is the mean of n x n rays a pixel; annotations always come from the pixel's centre
  double focal_px() const;
};

/// All that one pass over the pixels gives. Annotations belong to the ray through the pixel's centre.
struct CameraFrame {
  ImageU8 bgra;       // [H, W, 4] as carla_ros_bridge publishes; alpha 255
  ImageU8 semantic;   // [H, W, 1] ClassId
  ImageU32 instance;  // [H, W, 1] instance id, kSkyInstanceId for sky
  ImageF32 depth_m;   // [H, W, 1] planar depth along the optical axis, 1000 for sky (CARLA's far plane)
  // On request (FrameRequest); else empty.
  ImageF32 normal;    // [H, W, 3] unit, optical frame (x right, y down, z forward), of the triangle hit; 0 for sky
  ImageF32 flow;      // [H, W, 2] motion of the pixel's surface point in the picture since the frame before, right and
                      // down, as share of the picture's width and height (CARLA's optical flow); 0 where it was behind
  ImageF32 coverage;  // [H, W, classes] share of the pixel that each class takes, from all its samples
};

/// A spinning LiDAR. Beams are spread evenly from upper to lower elevation; one call is one full turn.
struct LidarModel {
  int channels = 64;
  int columns = 1024;              ///< firings per turn
  double upper_fov_rad = 0.2618;   ///< 15 degrees
  double lower_fov_rad = -0.4363;  ///< -25 degrees
  double range_m = 80;
  double range_noise_stddev_m = 0.01;
};

struct LidarPoint {
  float x, y, z;        ///< metres, frame L
  float intensity;      ///< 0…1
  float cos_incidence;  ///< cosine of the angle between beam and surface normal
  std::uint32_t instance;
  std::uint32_t class_id;
};

/// A body that moves: drawn where its pose says in this frame. `mesh` is shared by all frames.
struct Actor {
  std::shared_ptr<const Mesh> mesh;                        ///< triangle_material indexes `materials` below
  std::shared_ptr<const std::vector<Material>> materials;  ///< without textures
  Pose X_MA = Pose::Identity();
  ClassId class_id = kIgnoreId;
  std::uint32_t instance_id = 0;
};

/// Milliseconds of whole frames and scans, and of Embree alone for the same rays, one entry a pose.
struct RenderBench {
  std::vector<double> frame_ms, raw_ms, lidar_ms, lidar_raw_ms;
  std::uint64_t primary_rays = 0, shadow_rays = 0;
  int packet_width = 0;
};

/// What a frame holds beside colour, class, instance and depth.
struct FrameRequest {
  bool normal = false;
  bool coverage = false;
  bool flow = false;
  Pose X_MC_before = Pose::Identity();  ///< flow: the optical frame's pose in the frame before
  std::vector<Pose> X_MA_before;        ///< flow: the actors' poses then, in their order; empty: they stood still
};

struct RendererOptions {
  int packet_width = 0;  ///< rays that Embree takes at a time: 4, 8 or 16; 0: the widest that the processor has
};

/// Ray-traces a World. Construction builds the acceleration structures; rendering is const, uses the thread pool and
/// gives the same bytes whatever the number of threads and the packet width (Embree only says which triangle is hit;
/// where, is computed here). One Renderer may be used by one thread at a time.
class Renderer {
 public:
  /// Keeps a reference: the world must outlive the renderer.
  explicit Renderer(const World& world, const RendererOptions& options = {});
  ~Renderer();
  Renderer(Renderer&&) noexcept;
  Renderer& operator=(Renderer&&) noexcept;

  /// X_MC: pose of the optical frame (z forward, x right, y down). `frame` is reused: no allocation once warm.
  void render(const CameraModel& camera, const Pose& X_MC, const std::vector<Actor>& actors, CameraFrame& frame,
              const FrameRequest& request = {}) const;
  /// X_ML: pose of the LiDAR (x forward, y left, z up). Only hits are returned, channel by channel within a column.
  /// `noise_index` numbers the scan, so that its noise is its own and repeatable.
  void scan(const LidarModel& lidar, const Pose& X_ML, const std::vector<Actor>& actors, std::uint64_t noise_index,
            std::vector<LidarPoint>& points) const;

  /// Puts the world under another sky and weather from the next frame or scan on. Takes some tenths of a second.
  void relight(const Sky& sky) const;

  /// Times frames, scans and bare traversal (render_bench.hpp makes figures of it).
  RenderBench bench(const CameraModel& camera, const LidarModel& lidar, const std::vector<Pose>& eyes,
                    const std::vector<Pose>& lidars) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bramble
