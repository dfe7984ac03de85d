#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "bramble/sim/simulation.hpp"

namespace bramble {

/// Numbers of a drive, gathered frame by frame.
class DriveStatistics {
 public:
  /// The world must outlive it.
  explicit DriveStatistics(const World& world) : world_(world) {}
  void add(const SimFrame& frame);

  std::int64_t frames() const { return frames_; }
  double distance_m() const { return distance_m_; }  ///< driven, seen from above
  double mean_speed_mps() const;
  double max_speed_mps() const { return max_speed_mps_; }
  double max_lateral_m() const { return max_lateral_m_; }  ///< of base_link from the path's centre line
  double mean_lateral_m() const;                           ///< of its absolute value
  int collisions() const { return collisions_; }
  double max_roll_deg() const { return max_roll_deg_; }
  double max_pitch_deg() const { return max_pitch_deg_; }
  std::string to_text() const;
  nlohmann::json to_json() const;

 private:
  const World& world_;
  std::int64_t frames_ = 0;
  double distance_m_ = 0, max_speed_mps_ = 0, max_lateral_m_ = 0, sum_lateral_m_ = 0;
  double max_roll_deg_ = 0, max_pitch_deg_ = 0;
  int collisions_ = 0;
  double s_m_ = -1;
  Eigen::Vector2d last_ = Eigen::Vector2d::Zero();
};

/// An RGB picture [H, W, 3] of what a camera of the current frame shows: colour, class colours, or depth (grey, white
/// at 0 m, by the logarithm up to 1000 m). Empty for other sensors and for what was not rendered.
ImageU8 picture_of(const Simulation& simulation, std::size_t sensor);

}  // namespace bramble
