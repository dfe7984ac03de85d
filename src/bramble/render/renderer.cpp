#include "bramble/render/renderer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/render/lidar_scan.hpp"
#include "bramble/render/lighting.hpp"
#include "bramble/render/precipitation.hpp"
#include "bramble/render/render_bench.hpp"
#include "bramble/render/scene.hpp"
#include "bramble/render/shared_rays.hpp"
#include "bramble/render/sky_dome.hpp"
#include "bramble/render/tracer.hpp"

namespace bramble {
namespace {

using Eigen::Vector3f;

constexpr int kTile = 16;  // pixels per side of a tile: one task of the thread pool
constexpr int kTilePixels = kTile * kTile;
constexpr float kSkyDepth = 1000.0F;   // CARLA's far plane
constexpr float kShadowStart = 0.01F;  // along the normal, against self-shadowing

}  // namespace

struct Renderer::Impl {
  Impl(const World& w, const RendererOptions& options)
      : world(w),
        device(rtcNewDevice(nullptr), rtcReleaseDevice),
        tracer(checked_device(), options.packet_width),
        dome(w.sky),
        scene(w, device.get()),
        actors(device.get()),
        scanner(scene, actors, tracer, w.seed) {
    if (const auto id = world.ontology.find("sky")) sky_class = *id;
  }
  RTCDevice checked_device() const {
    if (!device) fail("Embree could not be started");
    return device.get();
  }

  const World& world;
  std::unique_ptr<RTCDeviceTy, void (*)(RTCDevice)> device;
  Tracer tracer;
  mutable SkyDome dome;  // of the weather in force
  mutable StaticScene scene;
  mutable ActorScene actors;  // poses of the frame in work
  mutable LidarScanner scanner;
  mutable ImageF32 display, blurred, blur_flow;  // work space of camera effects
  mutable CameraFrame shared;                    // a pixel a ray, where pixels share rays
  ClassId sky_class = kIgnoreId;

  struct View {
    CameraModel camera;
    Vector3f origin;
    Eigen::Matrix3f R_MC;
    float focal;
    bool plain;  // an undistorted pinhole: the common case, and cheap
    Vector3f direction(float u, float v) const {
      if (!plain) return R_MC * camera.direction(u, v);
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
    std::array<std::array<float, 2>, kTilePixels> in_sky;   // two numbers for its ray to the sky
    std::array<bool, kTilePixels> dark;                     // outside the lens's image circle: no ray
  };
  // Work space of a tile's rays for sky light; on the stack, too.
  struct SkyLight {
    std::array<RayRequest, kTilePixels> rays, shadow_rays;
    std::array<Hit, kTilePixels> hits;
    std::array<Surface, kTilePixels> surfaces;
    std::array<int, kTilePixels> pixel, shadow_of;
    std::array<bool, kTilePixels> blocked, sunny;
    std::array<Vector3f, kTilePixels> light;  // by pixel: irradiance / pi
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

  // Where in a pixel its n x n rays go: first through the middle, which gives the annotations, then over the rest of a
  // regular grid. Their mean stays in the middle, or picture and labels would part: four rays make a triangle around
  // it.
  static std::vector<std::array<float, 2>> places_in_pixel(int n) {
    std::vector<std::array<float, 2>> places = {{0.5F, 0.5F}};
    if (n == 2) places.insert(places.end(), {{0.5F, 0.1F}, {0.85F, 0.7F}, {0.15F, 0.7F}});
    const int taken = (n - 1) / 2;  // the cell whose ray goes through the middle
    for (int a = 0; a < n && n > 2; ++a)
      for (int b = 0; b < n; ++b)
        if (a != taken || b != taken)
          places.push_back({(static_cast<float>(a) + 0.5F) / static_cast<float>(n),
                            (static_cast<float>(b) + 0.5F) / static_cast<float>(n)});
    return places;
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

  // Two numbers in [0, 1) again, for rays that go anywhere: the pixel's own by a hash (a grain without a pattern),
  // evenly spread over its samples.
  static std::array<float, 2> point_in_sky(int u, int v, int sample) {
    std::uint64_t hash = (static_cast<std::uint64_t>(u) << 32U | static_cast<std::uint32_t>(v)) + 0x9e3779b97f4a7c15ULL;
    hash = (hash ^ hash >> 30U) * 0xbf58476d1ce4e5b9ULL;  // splitmix64
    hash = (hash ^ hash >> 27U) * 0x94d049bb133111ebULL;
    hash ^= hash >> 31U;
    const auto spread = [&](std::uint64_t word, double step) {
      const double x = static_cast<double>(word) * 0x1p-32 + step * sample;
      return static_cast<float>(std::min(x - std::floor(x), 0.9999999));
    };
    return {spread(hash >> 32U, 0.7548776662466927), spread(hash & 0xffffffffU, 0.5698402909980532)};
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
    ray.ray.tfar = RayRequest::kFar;
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

  // Light from the sky and from what stands around, by one ray a surface, more often where it counts more (by the
  // cosine). What it meets is lit by the sun with its shadow, and by its own estimate of the sky.
  void gather_sky_light(const Tile& tile, int count, SkyLight& work) const {
    constexpr float kCoarse = 0.03F;  // radian: what a bounce brings is blurred anyway
    int sent = 0;
    for (int i = 0; i < count; ++i) {
      if (!tile.on_actor[i] && !tile.hits[i].any()) continue;
      const Surface& s = tile.surfaces[i];
      const auto [u, v] = tile.in_sky[i];
      const float out = std::sqrt(u), angle = 2 * std::numbers::pi_v<float> * v;
      const Vector3f across = s.normal.unitOrthogonal(), up = s.normal.cross(across);
      Vector3f direction =
          out * (std::cos(angle) * across + std::sin(angle) * up) + std::sqrt(std::max(0.0F, 1 - u)) * s.normal;
      const float over = direction.dot(s.flat_normal);
      // Leaves take light on both sides; of what is solid only the outer counts.
      if (over < 0 && s.translucency <= 0) direction -= 2 * over * s.flat_normal;
      const Vector3f side = over < 0 && s.translucency > 0 ? Vector3f(-s.flat_normal) : s.flat_normal;
      work.rays[sent] = {s.position + kShadowStart * side, direction.normalized()};
      work.pixel[sent++] = i;
    }
    tracer.nearest(scene.scene(), work.rays.data(), work.hits.data(), sent, false);
    std::fill_n(work.blocked.begin(), sent, false);
    if (!actors.empty()) tracer.shadows(actors.scene(), work.rays.data(), work.blocked.data(), sent);
    int shadows = 0;
    for (int k = 0; k < sent; ++k) {
      work.sunny[k] = false;
      if (!work.hits[k].any() || work.blocked[k]) continue;
      Surface& s = work.surfaces[k];
      s = scene.surface(work.hits[k], work.rays[k].origin, work.rays[k].direction, kCoarse);
      apply_weather(s, dome.sky());
      if (!wants_sun(s, dome)) continue;
      work.shadow_rays[shadows] = {s.position + kShadowStart * s.flat_normal, dome.sky().sun_direction};
      work.shadow_of[shadows++] = k;
    }
    std::array<bool, kTilePixels> shaded{};
    tracer.shadows(scene.scene(), work.shadow_rays.data(), shaded.data(), shadows);
    for (int j = 0; j < shadows; ++j) work.sunny[work.shadow_of[j]] = !shaded[j];
    for (int k = 0; k < sent; ++k) {
      const RayRequest& ray = work.rays[k];
      Vector3f& light = work.light[work.pixel[k]];
      if (work.blocked[k])
        light = Vector3f::Zero();
      else if (work.hits[k].any())
        light = through_air(shade(work.surfaces[k], dome, ray.direction, work.sunny[k] ? 1.0F : 0.0F),
                            work.surfaces[k].distance, ray.origin.z(), ray.direction, dome);
      else
        light = dome.broad_radiance(ray.direction);
    }
  }

  // Radiance along each ray of the tile; fills hits and surfaces on the way.
  void radiance(Tile& tile, int count, float pixel_angle, bool traced_sky_light, Vector3f* out,
                std::vector<RayRequest>* log_shadow) const {
    tracer.nearest(scene.scene(), tile.rays.data(), tile.hits.data(), count, true);
    if (!actors.empty()) {
      for (int i = 0; i < count; ++i) tile.rays[i].length = tile.hits[i].t;
      tracer.nearest(actors.scene(), tile.rays.data(), tile.actor_hits.data(), count, true);
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
                                   towards_sun(dome.sky(), tile.in_disc[i][0], tile.in_disc[i][1])};
      tile.shadow_pixel[shadows++] = i;
    }
    std::fill_n(tile.blocked.begin(), shadows, false);
    tracer.shadows(scene.scene(), tile.shadow_rays.data(), tile.blocked.data(), shadows);
    if (!actors.empty()) tracer.shadows(actors.scene(), tile.shadow_rays.data(), tile.blocked.data(), shadows);
    if (log_shadow) log_shadow->insert(log_shadow->end(), tile.shadow_rays.begin(), tile.shadow_rays.begin() + shadows);

    std::array<bool, kTilePixels> sunny{};
    for (int k = 0; k < shadows; ++k) sunny[tile.shadow_pixel[k]] = !tile.blocked[k];
    std::optional<SkyLight> sky_light;
    if (traced_sky_light) gather_sky_light(tile, count, sky_light.emplace());
    for (int i = 0; i < count; ++i) {
      const RayRequest& ray = tile.rays[i];
      if (tile.dark[i]) {
        out[i] = Vector3f::Zero();
        continue;
      }
      if (!tile.on_actor[i] && !tile.hits[i].any()) {
        out[i] = dome.radiance(ray.direction);
        continue;
      }
      const Surface& s = tile.surfaces[i];
      const float sun = sunny[i] ? 1.0F : 0.0F;
      Vector3f color =
          sky_light ? shade(s, dome, ray.direction, sun, sky_light->light[i]) : shade(s, dome, ray.direction, sun);
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
    const Pose X_MC_before = request.X_MC_before.value_or(X_MC);
    flow.X_CM_before = X_MC_before.inverse().cast<float>();
    flow.X_CM_now = X_MC.inverse().cast<float>();
    flow.now_to_before_C = (X_MC_before.inverse() * X_MC).cast<float>();
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
    const auto seen_at = view.camera.project(before.cast<double>());
    if (!seen_at || tile.dark[i]) return Eigen::Vector2f::Zero();
    return {(u - static_cast<float>(seen_at->x())) / static_cast<float>(view.camera.width),
            (v - static_cast<float>(seen_at->y())) / static_cast<float>(view.camera.height)};
  }

  // With a ray for every pixel, or for all of a block.
  void render(const CameraModel& camera, const Pose& X_MC, const std::vector<Actor>& actor_list, CameraFrame& frame,
              const FrameRequest& request, RayLog* log) const {
    camera.check("render");
    const int spacing = camera.ray_spacing;
    if (spacing <= 1 || camera.width % spacing != 0 || camera.height % spacing != 0)
      return render_rays(camera, X_MC, actor_list, frame, request, log);
    CameraModel coarse = camera;
    coarse.width /= spacing;
    coarse.height /= spacing;
    render_rays(coarse, X_MC, actor_list, shared, request, log);
    interpolate_rays(shared.bgra, spacing, frame.bgra);
    repeat_rays(shared.semantic, spacing, frame.semantic);
    repeat_rays(shared.instance, spacing, frame.instance);
    repeat_rays(shared.depth_m, spacing, frame.depth_m);
    repeat_rays(shared.normal, spacing, frame.normal);
    repeat_rays(shared.flow, spacing, frame.flow);
    repeat_rays(shared.coverage, spacing, frame.coverage);
  }

  void render_rays(const CameraModel& camera, const Pose& X_MC, const std::vector<Actor>& actor_list,
                   CameraFrame& frame, const FrameRequest& request, RayLog* log) const {
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
    const CameraEffects& effects = request.effects;
    const bool blur = effects.shutter_s > 0 && (request.X_MC_before || !request.X_MA_before.empty());
    const bool with_flow = request.flow || blur;
    // Effects for which a pixel needs its neighbours, or another pass, wait for all values of the picture.
    const bool later = blur || effects.iso > 0 || dome.sky().rain > 0;
    if (later) fit(display, 3);
    if (blur) {
      fit(blurred, 3);
      fit(blur_flow, 2);
    }
    ImageF32& flow_image = request.flow ? frame.flow : blur_flow;
    const Development develop(effects, dome.exposure());
    actors.update(actor_list);
    const Flow flow = with_flow ? flow_of(X_MC, actor_list, request) : Flow{};
    const bool plain = camera.projection == Projection::kPinhole && !camera.distorted();
    const View view{camera, X_MC.translation().cast<float>(), X_MC.linear().cast<float>(),
                    static_cast<float>(camera.focal_px()), plain};
    const Vector3f forward = view.R_MC.col(2);
    const bool fisheye = camera.projection == Projection::kFisheye;
    const int tiles_x = (camera.width + kTile - 1) / kTile, tiles_y = (camera.height + kTile - 1) / kTile;
    if (log) {
      log->primary.assign(static_cast<std::size_t>(tiles_x) * tiles_y, {});
      log->shadow.assign(static_cast<std::size_t>(tiles_x) * tiles_y, {});
    }
    const std::vector<std::array<float, 2>> samples = places_in_pixel(camera.samples_per_axis);
    const float share = 1.0F / static_cast<float>(samples.size());
    const float pixel_angle = 1.0F / (view.focal * static_cast<float>(camera.samples_per_axis));
    parallel_for(static_cast<std::size_t>(tiles_x) * tiles_y, [&](std::size_t number) {
      Tile tile;
      std::array<Vector3f, kTilePixels> light, color;
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
          tile.rays[i] = {view.origin, view.direction(static_cast<float>(us[i]) + du, static_cast<float>(vs[i]) + dv)};
          tile.dark[i] = !plain && tile.rays[i].direction.isZero();
          if (tile.dark[i]) tile.rays[i] = {view.origin, forward, 0};
          tile.in_disc[i] = point_in_disc(us[i], vs[i], sample);
          if (camera.traced_sky_light) tile.in_sky[i] = point_in_sky(us[i], vs[i], sample);
        }
      };
      const auto annotate = [&] {
        for (int i = 0; i < count; ++i) {
          const bool hit = tile.on_actor[i] || tile.hits[i].any();
          const Surface& s = tile.surfaces[i];
          *frame.semantic.at(us[i], vs[i]) = hit ? s.class_id : tile.dark[i] ? kIgnoreId : sky_class;
          *frame.instance.at(us[i], vs[i]) = hit ? s.instance_id : kSkyInstanceId;
          const float planar = fisheye ? 1.0F : tile.rays[i].direction.dot(forward);
          *frame.depth_m.at(us[i], vs[i]) = hit ? std::min(s.distance * planar, kSkyDepth) : kSkyDepth;
          if (request.normal) {
            const Vector3f n_C = hit ? Vector3f(view.R_MC.transpose() * s.flat_normal) : Vector3f::Zero();
            std::copy_n(n_C.data(), 3, frame.normal.at(us[i], vs[i]));
          }
          if (with_flow) {
            const Eigen::Vector2f by =
                moved(flow, view, tile, i, static_cast<float>(us[i]) + 0.5F, static_cast<float>(vs[i]) + 0.5F);
            std::copy_n(by.data(), 2, flow_image.at(us[i], vs[i]));
          }
          if (request.coverage) std::fill_n(frame.coverage.at(us[i], vs[i]), classes, 0.0F);
        }
      };
      const auto cover = [&] {
        for (int i = 0; i < count; ++i) {
          const bool hit = tile.on_actor[i] || tile.hits[i].any();
          const ClassId id = hit ? tile.surfaces[i].class_id : tile.dark[i] ? kIgnoreId : sky_class;
          if (id < classes) frame.coverage.at(us[i], vs[i])[id] += share;
        }
      };
      // Display values are averaged, as a camera that clips each photosite does not.
      std::fill_n(color.begin(), count, Vector3f::Zero());
      for (std::size_t k = 0; k < samples.size(); ++k) {
        aim(samples[k][0], samples[k][1], static_cast<int>(k));
        if (log) log->primary[number].insert(log->primary[number].end(), tile.rays.begin(), tile.rays.begin() + count);
        radiance(tile, count, pixel_angle, camera.traced_sky_light, light.data(), log ? &log->shadow[number] : nullptr);
        if (k == 0) annotate();
        if (request.coverage) cover();
        for (int i = 0; i < count; ++i) color[i] += share * develop(light[i], tile.rays[i].direction.dot(forward));
      }
      for (int i = 0; i < count; ++i) {
        if (later)
          std::copy_n(color[i].data(), 3, display.at(us[i], vs[i]));
        else
          encode(color[i].data(), frame.bgra.at(us[i], vs[i]));
      }
    });
    if (!later) return;
    if (blur) {
      motion_blur(display, flow_image, effects.shutter_s / request.frame_s, blurred);
      std::swap(display, blurred);
    }
    if (dome.sky().rain > 0) {
      Precipitation falling;
      falling.X_MC = X_MC;
      falling.camera_velocity_M =
          request.X_MC_before
              ? Eigen::Vector3d((X_MC.translation() - request.X_MC_before->translation()) / request.frame_s)
              : Eigen::Vector3d::Zero();
      falling.shutter_s = effects.shutter_s;
      falling.seed = world.seed ^ request.frame_index * 0x9e3779b97f4a7c15ULL;
      falling.light = develop(dome.ambient(Vector3f::UnitZ()), 1);
      draw_precipitation(falling, dome.sky(), camera, frame.depth_m, display);
    }
    sensor_noise(display, effects.iso, world.seed, request.frame_index);
    parallel_for(static_cast<std::size_t>(camera.height), [&](std::size_t v) {
      for (int u = 0; u < camera.width; ++u)
        encode(display.at(u, static_cast<int>(v)), frame.bgra.at(u, static_cast<int>(v)));
    });
  }

  static void encode(const float* rgb, std::uint8_t* bgra) {
    bgra[0] = linear_to_srgb(rgb[2]);
    bgra[1] = linear_to_srgb(rgb[1]);
    bgra[2] = linear_to_srgb(rgb[0]);
    bgra[3] = 255;
  }

  void scan(const LidarModel& lidar, const Pose& X_ML, const std::vector<Actor>& actor_list, const ScanRequest& request,
            std::vector<LidarPoint>& points, RayLog* log) const {
    actors.update(actor_list);
    scanner.scan(lidar, X_ML, request, dome.sky(), points, log ? &log->primary : nullptr);
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

void Renderer::follow_world() const { impl_->scene.follow_world(); }

void Renderer::relight(const Sky& sky) const { impl_->dome = SkyDome(sky); }

void Renderer::scan(const LidarModel& lidar, const Pose& X_ML, const std::vector<Actor>& actors,
                    const ScanRequest& request, std::vector<LidarPoint>& points) const {
  impl_->scan(lidar, X_ML, actors, request, points, nullptr);
}

RenderBench Renderer::bench(const CameraModel& camera, const LidarModel& lidar, const std::vector<Pose>& eyes,
                            const std::vector<Pose>& lidars) const {
  using Clock = std::chrono::steady_clock;
  const auto timed_ms = [](const auto& action) {
    const auto begin = Clock::now();
    action();
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  };
  enum class Rays { kCamera, kShadow, kLidar };
  const auto raw = [&](const std::vector<std::vector<RayRequest>>& lists, Rays kind) {
    return timed_ms([&] {
      parallel_for(lists.size(), [&](std::size_t i) {
        std::array<Hit, kTilePixels> hits;
        std::array<bool, kTilePixels> blocked{};
        for (std::size_t at = 0; at < lists[i].size(); at += kTilePixels) {
          const int count = static_cast<int>(std::min<std::size_t>(kTilePixels, lists[i].size() - at));
          if (kind == Rays::kShadow)
            impl_->tracer.shadows(impl_->scene.scene(), lists[i].data() + at, blocked.data(), count);
          else
            impl_->tracer.nearest(impl_->scene.scene(), lists[i].data() + at, hits.data(), count,
                                  kind == Rays::kCamera);
        }
      });
    });
  };
  RenderBench bench;
  bench.packet_width = impl_->tracer.packet_width();
  CameraFrame frame;
  std::vector<LidarPoint> points;
  Impl::RayLog log;
  for (std::size_t i = 0; i < eyes.size(); ++i) {
    // The complete labelled frame: colour, class, instance, depth and normals.
    FrameRequest request;
    request.normal = true;
    impl_->render(camera, eyes[i], {}, frame, request, &log);
    bench.frame_ms.push_back(timed_ms([&] { impl_->render(camera, eyes[i], {}, frame, request, nullptr); }));
    bench.raw_primary_ms.push_back(raw(log.primary, Rays::kCamera));
    bench.raw_ms.push_back(bench.raw_primary_ms.back() + raw(log.shadow, Rays::kShadow));
    for (const auto& list : log.primary) bench.primary_rays += list.size();
    for (const auto& list : log.shadow) bench.shadow_rays += list.size();
  }
  for (std::size_t i = 0; i < lidars.size(); ++i) {
    impl_->scan(lidar, lidars[i], {}, {i, 0, {}}, points, &log);
    bench.lidar_ms.push_back(timed_ms([&] { impl_->scan(lidar, lidars[i], {}, {i, 0, {}}, points, nullptr); }));
    bench.lidar_raw_ms.push_back(raw(log.primary, Rays::kLidar));
  }
  return bench;
}

}  // namespace bramble
