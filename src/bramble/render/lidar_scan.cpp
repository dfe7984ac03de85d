#include "bramble/render/lidar_scan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/render/lighting.hpp"

namespace bramble {
namespace {

using Eigen::Vector3f;

// Beams side by side are near each other in space: a task takes several columns, a packet neighbours in one channel.
constexpr int kColumns = 16;
// A beam that spreads: its axis, and six rays around it that stand for the rest of a Gaussian spot.
constexpr int kSpotRays = 7;
constexpr float kAxisWeight = 0.28F, kRingWeight = 0.12F, kRingRadius = 0.55F;  // of the half angle
constexpr float kEchoLength = 0.4F;        // metres: what a receiver cannot tell apart
constexpr float kLeastIntensity = 0.012F;  // weaker echoes drown in the receiver's noise

// What a ray brings back.
struct Echo {
  float distance = 0, energy = 0, cosine = 0;
  std::uint32_t instance = 0;
  ClassId class_id = kIgnoreId;
};

// The strongest of the echoes that can be told apart; its class is that of its strongest part.
Echo strongest(std::array<Echo, kSpotRays>& parts, int count) {
  for (int i = 1; i < count; ++i)  // by distance: few, and nearly in order
    for (int k = i; k > 0 && parts[k].distance < parts[k - 1].distance; --k) std::swap(parts[k], parts[k - 1]);
  Echo best;
  for (int begin = 0; begin < count;) {
    Echo sum;
    float most = 0, weighted = 0;
    int end = begin;
    for (; end < count && parts[end].distance - parts[begin].distance < kEchoLength; ++end) {
      const Echo& part = parts[end];
      sum.energy += part.energy;
      weighted += part.energy * part.distance;
      if (part.energy > most) {
        most = part.energy;
        sum.cosine = part.cosine;
        sum.instance = part.instance;
        sum.class_id = part.class_id;
      }
    }
    sum.distance = sum.energy > 0 ? weighted / sum.energy : parts[begin].distance;
    if (sum.energy > best.energy) best = sum;
    begin = end;
  }
  return best;
}

}  // namespace

void LidarScanner::scan(const LidarModel& lidar, const Pose& X_ML, const ScanRequest& request, const Sky& sky,
                        std::vector<LidarPoint>& points, std::vector<std::vector<RayRequest>>* log) {
  if (lidar.channels < 1 || lidar.columns < 1)
    fail("a LiDAR of {} channels and {} columns cannot be scanned", lidar.channels, lidar.columns);
  const int total = lidar.columns * lidar.channels;
  const int tasks = (lidar.columns + kColumns - 1) / kColumns;
  const int spot = lidar.beam_divergence_rad > 0 ? kSpotRays : 1;
  const float ring = kRingRadius * 0.5F * static_cast<float>(lidar.beam_divergence_rad);
  // Air that is not clear: the beam goes through it twice.
  const auto air = static_cast<float>(lidar.attenuation_per_m + 2 * (sky.fog_per_m + 0.012 * sky.rain));
  // Drops send echoes of their own, nearly all of them close by, where the beam is narrow.
  const double drop_echo = 0.3 * (1 - std::exp(-8.0 * (sky.fog_per_m + 0.012 * sky.rain)));
  const Eigen::Quaterniond turn_before(request.X_ML_before ? request.X_ML_before->linear() : X_ML.linear());
  const Eigen::Quaterniond turn_now(X_ML.linear());
  points_.resize(total);
  hit_.assign(total, 0);
  if (log) log->assign(tasks, {});
  parallel_for(static_cast<std::size_t>(tasks), [&](std::size_t task) {
    std::array<RayRequest, kColumns * kSpotRays> rays;
    std::array<Hit, kColumns * kSpotRays> hits, actor_hits;
    std::array<Vector3f, kColumns> beams;
    const int first = static_cast<int>(task) * kColumns, count = std::min(kColumns, lidar.columns - first);
    for (int channel = 0; channel < lidar.channels; ++channel) {
      for (int i = 0; i < count; ++i) {
        beams[i] = lidar.beam(channel, first + i, request.scan_index).cast<float>();
        Vector3f origin = X_ML.translation().cast<float>();
        Eigen::Matrix3f R_ML = X_ML.linear().cast<float>();
        if (request.X_ML_before) {
          const double share = 1 + lidar.time_share(channel, first + i);
          origin =
              (request.X_ML_before->translation() + share * (X_ML.translation() - request.X_ML_before->translation()))
                  .cast<float>();
          R_ML = turn_before.slerp(share, turn_now).toRotationMatrix().cast<float>();
        }
        const Vector3f axis = R_ML * beams[i];
        rays[i * spot] = {origin, axis, static_cast<float>(lidar.range_m)};
        if (spot == 1) continue;
        const Vector3f across = axis.unitOrthogonal(), up = axis.cross(across);
        for (int k = 1; k < spot; ++k) {
          const float angle = static_cast<float>(k - 1) * std::numbers::pi_v<float> / 3;
          rays[i * spot + k] = {origin, (axis + ring * (std::cos(angle) * across + std::sin(angle) * up)).normalized(),
                                static_cast<float>(lidar.range_m)};
        }
      }
      const int sent = count * spot;
      if (log) (*log)[task].insert((*log)[task].end(), rays.begin(), rays.begin() + sent);
      // Neighbouring beams are too far apart for Embree's way with coherent rays: a fifth of the time less without it.
      tracer_.nearest(scene_.scene(), rays.data(), hits.data(), sent, false);
      if (!actors_.empty()) {
        for (int i = 0; i < sent; ++i) rays[i].length = hits[i].t;
        tracer_.nearest(actors_.scene(), rays.data(), actor_hits.data(), sent, true);
      }
      for (int i = 0; i < count; ++i) {
        std::array<Echo, kSpotRays> parts;
        int echoes = 0;
        for (int k = 0; k < spot; ++k) {
          const int r = i * spot + k;
          const bool on_actor = !actors_.empty() && actor_hits[r].any();
          if (!on_actor && !hits[r].any()) continue;
          Surface s = on_actor ? actors_.surface(actor_hits[r], rays[r].origin, rays[r].direction)
                               : scene_.surface(hits[r], rays[r].origin, rays[r].direction, 0.003F);
          apply_weather(s, sky);
          const float cosine = std::abs(s.flat_normal.dot(rays[r].direction));
          if (s.water && cosine < 0.5F) continue;  // still water mirrors a flat beam away
          // Near infrared: plants reflect strongly; falls with the angle.
          const float reflectance = std::clamp(0.25F + 0.9F * s.albedo.maxCoeff() + 0.35F * s.translucency, 0.0F, 1.0F);
          const float weight = spot == 1 ? 1.0F : k == 0 ? kAxisWeight : kRingWeight;
          parts[echoes++] = {s.distance, weight * reflectance * (0.3F + 0.7F * cosine), cosine, s.instance_id,
                             s.class_id};
        }
        const int index = (first + i) * lidar.channels + channel;
        Random random(seed_ ^ request.scan_index * 0x9e3779b97f4a7c15ULL, stream_of("lidar") + request.sensor,
                      static_cast<std::uint64_t>(index));
        const auto noise = static_cast<float>(random.normal(0, lidar.range_noise_stddev_m));
        Echo echo = strongest(parts, echoes);
        if (drop_echo > 0 && random.uniform(0.0, 1.0) < drop_echo) {
          const auto near = static_cast<float>(lidar.least_range_m + 12 * std::pow(random.uniform(0.0, 1.0), 2));
          if (echoes == 0 || near < echo.distance) echo = {near, 0.06F, 1, kSkyInstanceId, kIgnoreId};
        }
        if (echo.energy <= 0 || echo.distance < lidar.least_range_m) continue;
        const float intensity = echo.energy * std::exp(-air * echo.distance);
        if (intensity < kLeastIntensity) continue;
        if (lidar.dropoff_general_rate > 0 && random.uniform(0.0, 1.0) < lidar.dropoff_general_rate) continue;
        if (lidar.dropoff_zero_intensity > 0 && intensity < lidar.dropoff_intensity_limit &&
            random.uniform(0.0, 1.0) < lidar.dropoff_zero_intensity * (1 - intensity / lidar.dropoff_intensity_limit))
          continue;
        const Vector3f p_L = (echo.distance + noise) * beams[i];
        points_[index] = {p_L.x(),
                          p_L.y(),
                          p_L.z(),
                          intensity,
                          echo.cosine,
                          echo.instance,
                          echo.class_id,
                          static_cast<std::uint32_t>(channel),
                          static_cast<float>(lidar.time_share(channel, first + i))};
        hit_[index] = 1;
      }
    }
  });
  points.clear();
  for (int i = 0; i < total; ++i)
    if (hit_[i]) points.push_back(points_[i]);
}

}  // namespace bramble
