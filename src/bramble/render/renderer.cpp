#include "bramble/render/renderer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/render/lighting.hpp"
#include "bramble/render/render_bench.hpp"
#include "bramble/render/scene.hpp"
#include "bramble/render/sky_dome.hpp"

namespace bramble {
namespace {

using Eigen::Vector3f;

constexpr int kTile = 16;  // pixels per side of a tile: one task of the thread pool
constexpr int kTilePixels = kTile * kTile;
constexpr float kFar = 1e5F;
constexpr float kSkyDepth = 1000.0F;   // CARLA's far plane
constexpr float kShadowStart = 0.01F;  // along the normal, against self-shadowing

struct RayRequest {
  Vector3f origin, direction;
  float length = kFar;
};

template <int W>
void fill(typename RayPacket<W>::Ray& rays, int i, const RayRequest& ray) {
  rays.org_x[i] = ray.origin.x();
  rays.org_y[i] = ray.origin.y();
  rays.org_z[i] = ray.origin.z();
  rays.dir_x[i] = ray.direction.x();
  rays.dir_y[i] = ray.direction.y();
  rays.dir_z[i] = ray.direction.z();
  rays.tnear[i] = 0;
  rays.tfar[i] = ray.length;
  rays.time[i] = 0;
  rays.mask[i] = ~0U;
  rays.id[i] = static_cast<unsigned>(i);
  rays.flags[i] = 0;
}

// Nearest hits of `count` rays, W at a time.
template <int W>
void trace(RTCScene scene, const RayRequest* rays, Hit* hits, int count, bool coherent) {
  alignas(64) typename RayPacket<W>::RayHit packet;
  alignas(64) std::array<int, W> valid;
  for (int begin = 0; begin < count; begin += W) {
    const int in_packet = std::min(W, count - begin);
    for (int i = 0; i < W; ++i) {
      valid[i] = i < in_packet ? -1 : 0;
      fill<W>(packet.ray, i, rays[begin + std::min(i, in_packet - 1)]);
      packet.hit.geomID[i] = RTC_INVALID_GEOMETRY_ID;
      packet.hit.instID[0][i] = RTC_INVALID_GEOMETRY_ID;
    }
    intersect(valid.data(), scene, packet, coherent);
    for (int i = 0; i < in_packet; ++i)
      hits[begin + i] = {packet.hit.geomID[i], packet.hit.primID[i], packet.hit.instID[0][i], packet.ray.tfar[i]};
  }
}

// Whether something stands in the way of each ray.
template <int W>
void trace_shadow(RTCScene scene, const RayRequest* rays, bool* blocked, int count) {
  alignas(64) typename RayPacket<W>::Ray packet;
  alignas(64) std::array<int, W> valid;
  for (int begin = 0; begin < count; begin += W) {
    const int in_packet = std::min(W, count - begin);
    for (int i = 0; i < W; ++i) {
      valid[i] = i < in_packet ? -1 : 0;
      fill<W>(packet, i, rays[begin + std::min(i, in_packet - 1)]);
    }
    occluded(valid.data(), scene, packet);
    for (int i = 0; i < in_packet; ++i) blocked[begin + i] = blocked[begin + i] || packet.tfar[i] < 0;
  }
}

using TraceFunction = void (*)(RTCScene, const RayRequest*, Hit*, int, bool);
using ShadowFunction = void (*)(RTCScene, const RayRequest*, bool*, int);

}  // namespace

double CameraModel::focal_px() const { return width / (2 * std::tan(fov_rad / 2)); }

struct Renderer::Impl {
  Impl(const World& w, const RendererOptions& options)
      : world(w),
        device(rtcNewDevice(nullptr), rtcReleaseDevice),
        dome(w.sky),
        scene(w, checked_device()),
        actors(device.get()) {
    if (const auto id = world.ontology.find("sky")) sky_class = *id;
    const auto native = [&](RTCDeviceProperty property) { return rtcGetDeviceProperty(device.get(), property) != 0; };
    packet_width = options.packet_width > 0                             ? options.packet_width
                   : native(RTC_DEVICE_PROPERTY_NATIVE_RAY16_SUPPORTED) ? 16
                   : native(RTC_DEVICE_PROPERTY_NATIVE_RAY8_SUPPORTED)  ? 8
                                                                        : 4;
    if (packet_width == 16) {
      trace = bramble::trace<16>;
      trace_shadow = bramble::trace_shadow<16>;
    } else if (packet_width == 8) {
      trace = bramble::trace<8>;
      trace_shadow = bramble::trace_shadow<8>;
    } else if (packet_width == 4) {
      trace = bramble::trace<4>;
      trace_shadow = bramble::trace_shadow<4>;
    } else {
      fail("a packet of {} rays cannot be traced; packet_width is 4, 8, 16, or 0 for the processor's own",
           packet_width);
    }
  }
  RTCDevice checked_device() const {
    if (!device) fail("Embree could not be started");
    return device.get();
  }

  const World& world;
  std::unique_ptr<RTCDeviceTy, void (*)(RTCDevice)> device;
  mutable SkyDome dome;  // of the weather in force
  StaticScene scene;
  mutable ActorScene actors;                    // poses of the frame in work
  mutable std::vector<LidarPoint> scan_points;  // [columns, channels] of the scan in work
  mutable std::vector<std::uint8_t> scan_hit;   // likewise
  ClassId sky_class = kIgnoreId;
  int packet_width = 0;
  TraceFunction trace = nullptr;
  ShadowFunction trace_shadow = nullptr;

  struct View {
    CameraModel camera;
    Vector3f origin;
    Eigen::Matrix3f R_MC;
    float focal;
    Vector3f direction(float u, float v) const {
      return (R_MC * Vector3f((u - 0.5F * camera.width) / focal, (v - 0.5F * camera.height) / focal, 1)).normalized();
    }
  };
  // Work space of one tile; on the stack of its task.
  struct Tile {
    std::array<RayRequest, kTilePixels> rays;
    std::array<Hit, kTilePixels> hits;
    std::array<Hit, kTilePixels> actor_hits;
    std::array<bool, kTilePixels> on_actor;
    std::array<Surface, kTilePixels> surfaces;
    std::array<RayRequest, kTilePixels> shadow_rays;
    std::array<int, kTilePixels> shadow_pixel;
    std::array<bool, kTilePixels> blocked;
    std::array<std::array<float, 2>, kTilePixels> in_disc;  // where in the sun's disc each pixel's shadow ray ends
  };

  // Rays asked of Embree, for the benchmark.
  struct RayLog {
    std::vector<std::vector<RayRequest>> primary, shadow;  // one list a tile
  };

  // Pixels of a tile in the order of its rays: blocks of 4 x 4, so that a packet covers a compact patch.
  static void pixel_of(int index, int& u, int& v) {
    const int block = index / 16, inside = index % 16;
    u = (block % (kTile / 4)) * 4 + inside % 4;
    v = (block / (kTile / 4)) * 4 + inside / 4;
  }

  // Two numbers in [0, 1) for a pixel's sample, such that neighbours differ as much as they can: half shadows become a
  // fine even grain, and the samples of one pixel spread over the disc. (Jimenez, "Next Generation Post Processing in
  // Call of Duty", 2014, for the pixel; Roberts' R2 sequence for the sample.)
  static std::array<float, 2> point_in_disc(int u, int v, int sample) {
    const auto fraction = [](double x) { return static_cast<float>(x - std::floor(x)); };
    const double x = u, y = v, a = 0.06711056 * x + 0.00583715 * y, b = 0.00583715 * x + 0.06711056 * y + 0.37;
    return {fraction(52.9829189 * fraction(a) + 0.7548776662466927 * sample),
            fraction(52.9829189 * fraction(b) + 0.5698402909980532 * sample)};
  }

  // What a mirror sees: one more ray, its hit lit without a shadow ray of its own.
  Vector3f reflected(const Vector3f& origin, const Vector3f& direction, float pixel_angle) const {
    RTCRayHit ray{};
    ray.ray.org_x = origin.x();
    ray.ray.org_y = origin.y();
    ray.ray.org_z = origin.z();
    ray.ray.dir_x = direction.x();
    ray.ray.dir_y = direction.y();
    ray.ray.dir_z = direction.z();
    ray.ray.tfar = kFar;
    ray.ray.mask = ~0U;
    ray.hit.geomID = RTC_INVALID_GEOMETRY_ID;
    ray.hit.instID[0] = RTC_INVALID_GEOMETRY_ID;
    intersect_one(scene.scene(), ray);
    if (ray.hit.geomID == RTC_INVALID_GEOMETRY_ID) return dome.radiance(direction);
    const Hit hit{ray.hit.geomID, ray.hit.primID, ray.hit.instID[0], ray.ray.tfar};
    Surface s = scene.surface(hit, origin, direction, pixel_angle * 2);
    apply_weather(s, dome.sky());
    return through_air(shade(s, dome, direction, 0.6F), s.distance, origin.z(), direction, dome);
  }

  // Radiance along each ray of the tile; fills hits and surfaces on the way.
  void radiance(Tile& tile, int count, float pixel_angle, Vector3f* out, std::vector<RayRequest>* log_shadow) const {
    trace(scene.scene(), tile.rays.data(), tile.hits.data(), count, true);
    if (!actors.empty()) {
      for (int i = 0; i < count; ++i) tile.rays[i].length = tile.hits[i].t;
      trace(actors.scene(), tile.rays.data(), tile.actor_hits.data(), count, true);
    }
    int shadows = 0;
    for (int i = 0; i < count; ++i) {
      tile.on_actor[i] = !actors.empty() && tile.actor_hits[i].any();
      const RayRequest& ray = tile.rays[i];
      if (tile.on_actor[i])
        tile.surfaces[i] = actors.surface(tile.actor_hits[i], ray.origin, ray.direction);
      else if (tile.hits[i].any())
        tile.surfaces[i] = scene.surface(tile.hits[i], ray.origin, ray.direction, pixel_angle);
      else
        continue;
      apply_weather(tile.surfaces[i], dome.sky());
      if (!wants_sun(tile.surfaces[i], dome)) continue;
      const Surface& s = tile.surfaces[i];
      tile.shadow_rays[shadows] = {s.position + kShadowStart * s.flat_normal,
                                   towards_sun(dome.sky(), tile.in_disc[i][0], tile.in_disc[i][1]), kFar};
      tile.shadow_pixel[shadows++] = i;
    }
    std::fill_n(tile.blocked.begin(), shadows, false);
    trace_shadow(scene.scene(), tile.shadow_rays.data(), tile.blocked.data(), shadows);
    if (!actors.empty()) trace_shadow(actors.scene(), tile.shadow_rays.data(), tile.blocked.data(), shadows);
    if (log_shadow) log_shadow->assign(tile.shadow_rays.begin(), tile.shadow_rays.begin() + shadows);

    std::array<bool, kTilePixels> sunny{};
    for (int k = 0; k < shadows; ++k) sunny[tile.shadow_pixel[k]] = !tile.blocked[k];
    for (int i = 0; i < count; ++i) {
      const RayRequest& ray = tile.rays[i];
      if (!tile.on_actor[i] && !tile.hits[i].any()) {
        out[i] = dome.radiance(ray.direction);
        continue;
      }
      const Surface& s = tile.surfaces[i];
      Vector3f color = shade(s, dome, ray.direction, sunny[i] ? 1.0F : 0.0F);
      if (s.water) {
        // Fresnel's reflectance of water in Schlick's form, R0 = 0.02.
        const float cosine = std::clamp(-ray.direction.dot(s.normal), 0.0F, 1.0F);
        const float mirror = 0.02F + 0.98F * std::pow(1 - cosine, 5.0F);
        Vector3f direction = ray.direction - 2 * ray.direction.dot(s.normal) * s.normal;
        direction.z() = std::max(direction.z(), 0.01F);
        color = (1 - mirror) * color +
                mirror * reflected(s.position + kShadowStart * Vector3f::UnitZ(), direction.normalized(), pixel_angle);
      }
      out[i] = through_air(color, s.distance, ray.origin.z(), ray.direction, dome);
    }
  }

  // Where the surface point of a ray was in the picture of the frame before, and how far it has come since.
  struct Flow {
    Eigen::Isometry3f now_to_before_C;               // of points that stand still, and of the sky's directions
    std::vector<Eigen::Isometry3f> actors_M_before;  // from M now to M before, per actor
    Eigen::Isometry3f X_CM_before;
    Eigen::Isometry3f X_CM_now;
  };
  static Flow flow_of(const Pose& X_MC, const std::vector<Actor>& actor_list, const FrameRequest& request) {
    if (!request.X_MA_before.empty() && request.X_MA_before.size() != actor_list.size())
      fail("{} actors were given, but {} poses of the frame before", actor_list.size(), request.X_MA_before.size());
    Flow flow;
    flow.X_CM_before = request.X_MC_before.inverse().cast<float>();
    flow.X_CM_now = X_MC.inverse().cast<float>();
    flow.now_to_before_C = (request.X_MC_before.inverse() * X_MC).cast<float>();
    for (std::size_t i = 0; i < request.X_MA_before.size(); ++i)
      flow.actors_M_before.push_back((request.X_MA_before[i] * actor_list[i].X_MA.inverse()).cast<float>());
    return flow;
  }
  Eigen::Vector2f moved(const Flow& flow, const View& view, const Tile& tile, int i, float u, float v) const {
    const bool hit = tile.on_actor[i] || tile.hits[i].any();
    Vector3f before;
    if (!hit) {
      before = flow.now_to_before_C.linear() * (flow.X_CM_now.linear() * tile.rays[i].direction);
    } else {
      Vector3f p_M = tile.surfaces[i].position;
      if (tile.on_actor[i] && !flow.actors_M_before.empty())
        p_M = flow.actors_M_before[tile.actor_hits[i].instance] * p_M;
      before = flow.X_CM_before * p_M;
    }
    if (before.z() <= 1e-3F) return Eigen::Vector2f::Zero();
    const auto width = static_cast<float>(view.camera.width), height = static_cast<float>(view.camera.height);
    return {(u - (view.focal * before.x() / before.z() + 0.5F * width)) / width,
            (v - (view.focal * before.y() / before.z() + 0.5F * height)) / height};
  }

  void render(const CameraModel& camera, const Pose& X_MC, const std::vector<Actor>& actor_list, CameraFrame& frame,
              const FrameRequest& request, RayLog* log) const {
    if (camera.width < 1 || camera.height < 1 || camera.samples_per_axis < 1)
      fail("a camera of {}x{} pixels cannot be rendered", camera.width, camera.height);
    const auto fit = [&](auto& image, int channels) {
      if (image.width != camera.width || image.height != camera.height || image.channels != channels)
        image = std::remove_reference_t<decltype(image)>(camera.width, camera.height, channels);
    };
    fit(frame.bgra, 4);
    fit(frame.semantic, 1);
    fit(frame.instance, 1);
    fit(frame.depth_m, 1);
    const int classes = static_cast<int>(world.ontology.size());
    const auto fit_if = [&](bool wanted, ImageF32& image, int channels) {
      if (wanted)
        fit(image, channels);
      else
        image = {};
    };
    fit_if(request.normal, frame.normal, 3);
    fit_if(request.flow, frame.flow, 2);
    fit_if(request.coverage, frame.coverage, classes);
    actors.update(actor_list);
    const Flow flow = request.flow ? flow_of(X_MC, actor_list, request) : Flow{};
    const View view{camera, X_MC.translation().cast<float>(), X_MC.linear().cast<float>(),
                    static_cast<float>(camera.focal_px())};
    const Vector3f forward = view.R_MC.col(2);
    const int tiles_x = (camera.width + kTile - 1) / kTile, tiles_y = (camera.height + kTile - 1) / kTile;
    if (log) {
      log->primary.assign(static_cast<std::size_t>(tiles_x) * tiles_y, {});
      log->shadow.assign(static_cast<std::size_t>(tiles_x) * tiles_y, {});
    }
    const int n = camera.samples_per_axis;
    const float pixel_angle = 1.0F / (view.focal * static_cast<float>(n));
    parallel_for(static_cast<std::size_t>(tiles_x) * tiles_y, [&](std::size_t number) {
      Tile tile;
      std::array<Vector3f, kTilePixels> color, sum;
      std::array<int, kTilePixels> us, vs;
      int count = 0;
      for (int i = 0; i < kTilePixels; ++i) {
        int u, v;
        pixel_of(i, u, v);
        u += static_cast<int>(number % tiles_x) * kTile;
        v += static_cast<int>(number / tiles_x) * kTile;
        if (u >= camera.width || v >= camera.height) continue;
        us[count] = u;
        vs[count++] = v;
      }
      const auto aim = [&](float du, float dv, int sample) {
        for (int i = 0; i < count; ++i) {
          tile.rays[i] = {view.origin, view.direction(static_cast<float>(us[i]) + du, static_cast<float>(vs[i]) + dv),
                          kFar};
          tile.in_disc[i] = point_in_disc(us[i], vs[i], sample);
        }
      };
      // 1. The ray through the centre gives the annotations, and the colour when it is the only one.
      aim(0.5F, 0.5F, 0);
      if (log) log->primary[number].assign(tile.rays.begin(), tile.rays.begin() + count);
      radiance(tile, count, pixel_angle, color.data(), log ? &log->shadow[number] : nullptr);
      for (int i = 0; i < count; ++i) {
        const bool hit = tile.on_actor[i] || tile.hits[i].any();
        *frame.semantic.at(us[i], vs[i]) = hit ? tile.surfaces[i].class_id : sky_class;
        *frame.instance.at(us[i], vs[i]) = hit ? tile.surfaces[i].instance_id : kSkyInstanceId;
        *frame.depth_m.at(us[i], vs[i]) =
            hit ? std::min(tile.surfaces[i].distance * tile.rays[i].direction.dot(forward), kSkyDepth) : kSkyDepth;
        if (request.normal) {
          const Vector3f n_C = hit ? Vector3f(view.R_MC.transpose() * tile.surfaces[i].flat_normal) : Vector3f::Zero();
          std::copy_n(n_C.data(), 3, frame.normal.at(us[i], vs[i]));
        }
        if (request.flow) {
          const Eigen::Vector2f by =
              moved(flow, view, tile, i, static_cast<float>(us[i]) + 0.5F, static_cast<float>(vs[i]) + 0.5F);
          std::copy_n(by.data(), 2, frame.flow.at(us[i], vs[i]));
        }
        if (request.coverage) std::fill_n(frame.coverage.at(us[i], vs[i]), classes, 0.0F);
      }
      const auto cover = [&](float share) {
        if (!request.coverage) return;
        for (int i = 0; i < count; ++i) {
          const bool hit = tile.on_actor[i] || tile.hits[i].any();
          const ClassId id = hit ? tile.surfaces[i].class_id : sky_class;
          if (id < classes) frame.coverage.at(us[i], vs[i])[id] += share;
        }
      };
      if (n == 1) cover(1);
      // 2. More rays on a regular grid inside the pixel; display values are averaged, as a camera that clips each
      //    photosite does not.
      if (n > 1) {
        std::fill_n(sum.begin(), count, Vector3f::Zero());
        for (int a = 0; a < n; ++a)
          for (int b = 0; b < n; ++b) {
            aim((static_cast<float>(a) + 0.5F) / n, (static_cast<float>(b) + 0.5F) / n, a * n + b);
            radiance(tile, count, pixel_angle, color.data(), nullptr);
            cover(1.0F / static_cast<float>(n * n));
            for (int i = 0; i < count; ++i) sum[i] += tone_map(color[i], dome.exposure());
          }
        for (int i = 0; i < count; ++i) color[i] = sum[i] / static_cast<float>(n * n);
      } else {
        for (int i = 0; i < count; ++i) color[i] = tone_map(color[i], dome.exposure());
      }
      for (int i = 0; i < count; ++i) {
        std::uint8_t* bgra = frame.bgra.at(us[i], vs[i]);
        bgra[0] = linear_to_srgb(color[i].z());
        bgra[1] = linear_to_srgb(color[i].y());
        bgra[2] = linear_to_srgb(color[i].x());
        bgra[3] = 255;
      }
    });
  }

  void scan(const LidarModel& lidar, const Pose& X_ML, const std::vector<Actor>& actor_list, std::uint64_t noise_index,
            std::vector<LidarPoint>& points, RayLog* log) const {
    if (lidar.channels < 1 || lidar.columns < 1)
      fail("a LiDAR of {} channels and {} columns cannot be scanned", lidar.channels, lidar.columns);
    actors.update(actor_list);
    const Vector3f origin = X_ML.translation().cast<float>();
    const Eigen::Matrix3f R_ML = X_ML.linear().cast<float>();
    const int total = lidar.columns * lidar.channels;
    // Beams side by side are near each other in space: a task takes several columns, a packet neighbours in one
    // channel.
    constexpr int kColumns = 16;
    const int tasks = (lidar.columns + kColumns - 1) / kColumns;
    scan_points.resize(total);
    scan_hit.assign(total, 0);
    if (log) log->primary.assign(tasks, {});
    parallel_for(static_cast<std::size_t>(tasks), [&](std::size_t task) {
      std::array<RayRequest, kColumns> rays;
      std::array<Vector3f, kColumns> beams;
      std::array<Hit, kColumns> hits, actor_hits;
      const int first = static_cast<int>(task) * kColumns, count = std::min(kColumns, lidar.columns - first);
      for (int channel = 0; channel < lidar.channels; ++channel) {
        const double along = lidar.channels == 1 ? 0.5 : static_cast<double>(channel) / (lidar.channels - 1);
        const double elevation = lidar.upper_fov_rad + along * (lidar.lower_fov_rad - lidar.upper_fov_rad);
        for (int i = 0; i < count; ++i) {
          const double azimuth =
              -2 * M_PI * (first + i) / lidar.columns;  // clockwise seen from above, as spinning sensors turn
          beams[i] = Eigen::Vector3d(std::cos(elevation) * std::cos(azimuth), std::cos(elevation) * std::sin(azimuth),
                                     std::sin(elevation))
                         .cast<float>();
          rays[i] = {origin, R_ML * beams[i], static_cast<float>(lidar.range_m)};
        }
        if (log) log->primary[task].insert(log->primary[task].end(), rays.begin(), rays.begin() + count);
        trace(scene.scene(), rays.data(), hits.data(), count, true);
        if (!actors.empty()) {
          for (int i = 0; i < count; ++i) rays[i].length = hits[i].t;
          trace(actors.scene(), rays.data(), actor_hits.data(), count, true);
        }
        for (int i = 0; i < count; ++i) {
          const bool on_actor = !actors.empty() && actor_hits[i].any();
          if (!on_actor && !hits[i].any()) continue;
          const Hit& hit = on_actor ? actor_hits[i] : hits[i];
          Surface s = on_actor ? actors.surface(hit, origin, rays[i].direction)
                               : scene.surface(hit, origin, rays[i].direction, 0.003F);
          apply_weather(s, dome.sky());
          const float cosine = std::abs(s.flat_normal.dot(rays[i].direction));
          if (s.water && cosine < 0.5F) continue;  // still water mirrors a flat beam away
          const int index = (first + i) * lidar.channels + channel;
          Random random(world.seed ^ noise_index * 0x9e3779b97f4a7c15ULL, stream_of("lidar"),
                        static_cast<std::uint64_t>(index));
          const float range = s.distance + static_cast<float>(random.normal(0, lidar.range_noise_stddev_m));
          // Near infrared: plants reflect strongly; falls with the angle and, by the air, with distance (as CARLA:
          // exp(-0.004 d)).
          const float reflectance = std::clamp(0.25F + 0.9F * s.albedo.maxCoeff() + 0.35F * s.translucency, 0.0F, 1.0F);
          const Vector3f p_L = range * beams[i];
          scan_points[index] = {
              p_L.x(), p_L.y(),       p_L.z(),   reflectance * (0.3F + 0.7F * cosine) * std::exp(-0.004F * s.distance),
              cosine,  s.instance_id, s.class_id};
          scan_hit[index] = 1;
        }
      }
    });
    points.clear();
    for (int i = 0; i < total; ++i)
      if (scan_hit[i]) points.push_back(scan_points[i]);
  }
};

Renderer::Renderer(const World& world, const RendererOptions& options)
    : impl_(std::make_unique<Impl>(world, options)) {}
Renderer::~Renderer() = default;
Renderer::Renderer(Renderer&&) noexcept = default;
Renderer& Renderer::operator=(Renderer&&) noexcept = default;

void Renderer::render(const CameraModel& camera, const Pose& X_MC, const std::vector<Actor>& actors, CameraFrame& frame,
                      const FrameRequest& request) const {
  impl_->render(camera, X_MC, actors, frame, request, nullptr);
}

void Renderer::relight(const Sky& sky) const { impl_->dome = SkyDome(sky); }

void Renderer::scan(const LidarModel& lidar, const Pose& X_ML, const std::vector<Actor>& actors,
                    std::uint64_t noise_index, std::vector<LidarPoint>& points) const {
  impl_->scan(lidar, X_ML, actors, noise_index, points, nullptr);
}

RenderBench Renderer::bench(const CameraModel& camera, const LidarModel& lidar, const std::vector<Pose>& eyes,
                            const std::vector<Pose>& lidars) const {
  using Clock = std::chrono::steady_clock;
  const auto timed_ms = [](const auto& action) {
    const auto begin = Clock::now();
    action();
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  };
  const auto raw = [&](const std::vector<std::vector<RayRequest>>& lists, bool shadow) {
    return timed_ms([&] {
      parallel_for(lists.size(), [&](std::size_t i) {
        std::array<Hit, kTilePixels> hits;
        std::array<bool, kTilePixels> blocked{};
        for (std::size_t at = 0; at < lists[i].size(); at += kTilePixels) {
          const int count = static_cast<int>(std::min<std::size_t>(kTilePixels, lists[i].size() - at));
          if (shadow)
            impl_->trace_shadow(impl_->scene.scene(), lists[i].data() + at, blocked.data(), count);
          else
            impl_->trace(impl_->scene.scene(), lists[i].data() + at, hits.data(), count, true);
        }
      });
    });
  };
  RenderBench bench;
  bench.packet_width = impl_->packet_width;
  CameraFrame frame;
  std::vector<LidarPoint> points;
  Impl::RayLog log;
  for (std::size_t i = 0; i < eyes.size(); ++i) {
    // The complete labelled frame: colour, class, instance, depth and normals.
    FrameRequest request;
    request.normal = true;
    impl_->render(camera, eyes[i], {}, frame, request, &log);
    bench.frame_ms.push_back(timed_ms([&] { impl_->render(camera, eyes[i], {}, frame, request, nullptr); }));
    bench.raw_ms.push_back(raw(log.primary, false) + raw(log.shadow, true));
    for (const auto& list : log.primary) bench.primary_rays += list.size();
    for (const auto& list : log.shadow) bench.shadow_rays += list.size();
  }
  for (std::size_t i = 0; i < lidars.size(); ++i) {
    impl_->scan(lidar, lidars[i], {}, i, points, &log);
    bench.lidar_ms.push_back(timed_ms([&] { impl_->scan(lidar, lidars[i], {}, i, points, nullptr); }));
    bench.lidar_raw_ms.push_back(raw(log.primary, false));
  }
  return bench;
}

}  // namespace bramble
