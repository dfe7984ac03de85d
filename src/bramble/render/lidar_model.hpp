#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bramble {

enum class ScanPattern {
  kSpinning,  ///< channels one above the other, turning clockwise seen from above
  kRaster,    ///< solid state: lines from left to right over horizontal_fov
  kRosette    ///< solid state with two turning prisms: a flower that is another in every scan
};

/// A LiDAR; one scan is what it sends between two frames. Frame L: x forward, y left, z up.
struct LidarModel {
  ScanPattern pattern = ScanPattern::kSpinning;
  int channels = 64;
  int columns = 1024;                   ///< firings of every channel in a scan
  double upper_fov_rad = 0.2618;        ///< 15 degrees
  double lower_fov_rad = -0.4363;       ///< -25 degrees
  std::vector<double> elevations_rad;   ///< of the channels, from the top; empty: even from upper to lower
  double horizontal_fov_rad = 6.28319;  ///< raster: around the forward axis; rosette: the cone's full angle
  double turns_per_scan = 1;            ///< spinning: a scan goes on where the last one ended
  double scan_s = 0.05;                 ///< time from scan to scan
  double range_m = 80;
  double least_range_m = 0;
  double range_noise_stddev_m = 0.01;
  double beam_divergence_rad = 0;    ///< full angle; above 0 a beam is several rays and answers with its strongest echo
  double attenuation_per_m = 0.004;  ///< of the intensity, in clear air
  // Points that get lost, as CARLA's: a share of all, and of those whose intensity is below the limit a share that
  // grows from 0 at the limit to zero_intensity at 0.
  double dropoff_general_rate = 0, dropoff_intensity_limit = 0.8, dropoff_zero_intensity = 0;

  /// Elevation [rad] of a channel, 0 the highest.
  double elevation_rad(int channel) const;
  /// Unit direction in L of a beam of scan number `scan`.
  Eigen::Vector3d beam(int channel, int column, std::uint64_t scan) const;
  /// When in the scan it is sent: above -1, 0 is the scan's end.
  double time_share(int channel, int column) const;
};

/// A LiDAR as its maker describes it: `vlp-16`, `hdl-32e`, `hdl-64e`, `os1-32`, `os1-64`, `os1-128`, `rs-m1`, `mid-40`.
/// With the points that it sends in
/// a scan of `scan_s`.
std::optional<LidarModel> lidar_preset(const std::string& name, double scan_s);
std::vector<std::string> lidar_preset_names();

struct LidarPoint {
  float x, y, z;        ///< metres, frame L at the time of the beam
  float intensity;      ///< 0…1
  float cos_incidence;  ///< cosine of the angle between beam and surface normal
  std::uint32_t instance;
  std::uint32_t class_id;
  std::uint32_t ring;  ///< channel
  float time_share;    ///< -1…0: when in the scan, whose end is the stamp
};

}  // namespace bramble
