#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/pose.hpp"
#include "bramble/render/camera_effects.hpp"
#include "bramble/render/camera_model.hpp"
#include "bramble/render/lidar_model.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// All that one pass over the pixels gives. Annotations belong to the ray through the pixel's centre.
struct CameraFrame {
  ImageU8 bgra;       // [H, W, 4] as carla_ros_bridge publishes; alpha 255
  ImageU8 semantic;   // [H, W, 1] ClassId
  ImageU32 instance;  // [H, W, 1] instance id, kSkyInstanceId for sky
  ImageF32 depth_m;   // [H, W, 1] depth along the optical axis (fisheye: distance), 1000 for sky (CARLA's far plane)
  // On request (FrameRequest); else empty.
  ImageF32 normal;    // [H, W, 3] unit, optical frame (x right, y down, z forward), of the triangle hit; 0 for sky
  ImageF32 flow;      // [H, W, 2] motion of the pixel's surface point in the picture since the frame before, right and
                      // down, as share of the picture's width and height (CARLA's optical flow); 0 where it was behind
  ImageF32 coverage;  // [H, W, classes] share of the pixel that each class takes, from all its samples
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
  std::vector<double> raw_primary_ms;  ///< the part of raw_ms that is the primary rays'
  std::uint64_t primary_rays = 0, shadow_rays = 0;
  int packet_width = 0;
};

/// What a frame holds beside colour, class, instance and depth, and how the camera makes its picture.
struct FrameRequest {
  bool normal = false;
  bool coverage = false;
  bool flow = false;
  std::optional<Pose> X_MC_before;  ///< the optical frame's pose in the frame before; empty: it stood still
  std::vector<Pose> X_MA_before;    ///< the actors' poses then, in their order; empty: they stood still
  double frame_s = 0.05;            ///< time from the frame before to this one
  CameraEffects effects;
  std::uint64_t frame_index = 0;  ///< gives the frame noise and rain drops of its own, repeatable
};

/// What a scan needs beside the LiDAR and its pose.
struct ScanRequest {
  std::uint64_t scan_index = 0;     ///< where in its pattern the LiDAR is; its noise is its own and repeatable
  std::uint64_t sensor = 0;         ///< so that two LiDARs of a vehicle have different noise
  std::optional<Pose> X_ML_before;  ///< pose at the scan's begin: the LiDAR moves on while it scans; empty: it stands
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
  /// X_ML: pose of the LiDAR (x forward, y left, z up) at the scan's end. Only hits are returned, channel by channel
  /// within a column.
  void scan(const LidarModel& lidar, const Pose& X_ML, const std::vector<Actor>& actors, const ScanRequest& request,
            std::vector<LidarPoint>& points) const;

  /// Takes up the world's ground and instances if they have changed (World::revision), which takes a second or two for
  /// a million things.
  void follow_world() const;
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
