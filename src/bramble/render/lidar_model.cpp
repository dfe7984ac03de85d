#include "bramble/render/lidar_model.hpp"

#include <cmath>
#include <functional>
#include <map>
#include <numbers>

namespace bramble {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kDegree = kPi / 180;
// Turns per second of the two prisms of a Livox Mid-40.
constexpr double kPrismHz[2] = {7294.0 / 60, -4664.0 / 60};

LidarModel spinning(int channels, double upper_deg, double lower_deg, double points_per_second, double range_m,
                    double noise_m, double divergence_rad, double scan_s) {
  LidarModel lidar;
  lidar.channels = channels;
  lidar.upper_fov_rad = upper_deg * kDegree;
  lidar.lower_fov_rad = lower_deg * kDegree;
  lidar.columns = static_cast<int>(std::lround(points_per_second * scan_s / channels));
  lidar.scan_s = scan_s;
  lidar.range_m = range_m;
  lidar.range_noise_stddev_m = noise_m;
  lidar.beam_divergence_rad = divergence_rad;
  lidar.least_range_m = 0.5;
  return lidar;
}

LidarModel hdl_64e(double scan_s) {
  LidarModel lidar = spinning(64, 2, -24.33, 1300000, 120, 0.02, 0.002, scan_s);
  // Two blocks: the upper 32 a third of a degree apart, the lower 32 half a degree.
  for (int i = 0; i < 32; ++i) lidar.elevations_rad.push_back((2 - i / 3.0) * kDegree);
  for (int i = 0; i < 32; ++i) lidar.elevations_rad.push_back((-8.83 - i / 2.0) * kDegree);
  return lidar;
}

LidarModel rs_m1(double scan_s) {
  LidarModel lidar = spinning(125, 12.5, -12.5, 787500, 200, 0.03, 0.0035, scan_s);
  lidar.pattern = ScanPattern::kRaster;
  lidar.horizontal_fov_rad = 120 * kDegree;
  return lidar;
}

LidarModel mid_40(double scan_s) {
  LidarModel lidar = spinning(1, 0, 0, 100000, 260, 0.02, 0.005, scan_s);
  lidar.pattern = ScanPattern::kRosette;
  lidar.horizontal_fov_rad = 38.4 * kDegree;
  lidar.least_range_m = 1;
  return lidar;
}

// Figures of the makers' data sheets: channels, field of view, points a second, range, noise, divergence.
const std::map<std::string, std::function<LidarModel(double)>>& presets() {
  static const std::map<std::string, std::function<LidarModel(double)>> result = {
      {"vlp-16", [](double s) { return spinning(16, 15, -15, 300000, 100, 0.03, 0.003, s); }},
      {"hdl-32e", [](double s) { return spinning(32, 10.67, -30.67, 695000, 100, 0.02, 0.00279, s); }},
      {"hdl-64e", hdl_64e},
      {"os1-32", [](double s) { return spinning(32, 22.5, -22.5, 655360, 120, 0.015, 0.00314, s); }},
      {"os1-64", [](double s) { return spinning(64, 22.5, -22.5, 1310720, 120, 0.015, 0.00314, s); }},
      {"os1-128", [](double s) { return spinning(128, 22.5, -22.5, 2621440, 120, 0.015, 0.00314, s); }},
      {"rs-m1", rs_m1},
      {"mid-40", mid_40}};
  return result;
}

}  // namespace

double LidarModel::elevation_rad(int channel) const {
  if (!elevations_rad.empty()) return elevations_rad[static_cast<std::size_t>(channel)];
  const double along = channels == 1 ? 0.5 : static_cast<double>(channel) / (channels - 1);
  return upper_fov_rad + along * (lower_fov_rad - upper_fov_rad);
}

Eigen::Vector3d LidarModel::beam(int channel, int column, std::uint64_t scan) const {
  const auto towards = [](double azimuth, double elevation) {
    return Eigen::Vector3d(std::cos(elevation) * std::cos(azimuth), std::cos(elevation) * std::sin(azimuth),
                           std::sin(elevation));
  };
  switch (pattern) {
    case ScanPattern::kSpinning: {
      // The part of a turn at which this scan begins; whole turns are dropped before they cost digits.
      const double begun = std::fmod(static_cast<double>(scan) * std::fmod(turns_per_scan, 1.0), 1.0);
      return towards(-2 * kPi * (begun + turns_per_scan * column / columns), elevation_rad(channel));
    }
    case ScanPattern::kRaster:
      return towards(horizontal_fov_rad * (0.5 - (column + 0.5) / columns), elevation_rad(channel));
    case ScanPattern::kRosette: {
      const double firing =
          (static_cast<double>(column) * channels + channel) / (static_cast<double>(columns) * channels);
      double azimuth = 0, elevation = 0;
      for (const double hz : kPrismHz) {
        const double turn =
            2 * kPi * (std::fmod(static_cast<double>(scan) * std::fmod(hz * scan_s, 1.0), 1.0) + hz * scan_s * firing);
        azimuth += 0.25 * horizontal_fov_rad * std::cos(turn);
        elevation += 0.25 * horizontal_fov_rad * std::sin(turn);
      }
      return towards(azimuth, elevation);
    }
  }
  return Eigen::Vector3d::UnitX();
}

double LidarModel::time_share(int channel, int column) const {
  const double lines =
      pattern == ScanPattern::kRaster ? (channel + (column + 1.0) / columns) / channels : (column + 1.0) / columns;
  return lines - 1;
}

std::optional<LidarModel> lidar_preset(const std::string& name, double scan_s) {
  const auto found = presets().find(name);
  if (found == presets().end()) return std::nullopt;
  return found->second(scan_s);
}

std::vector<std::string> lidar_preset_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : presets()) names.push_back(name);
  return names;
}

}  // namespace bramble
