#pragma once
#include <Eigen/Core>
#include <array>

#include "bramble/core/random.hpp"

namespace bramble {

/// Errors of an IMU: white noise of every sample, a constant bias of the gyroscope, and biases that wander (first-order
/// Gauss-Markov processes). x, y, z; m/s², rad/s.
struct ImuNoise {
  std::array<double, 3> accelerometer_stddev{}, gyroscope_stddev{}, gyroscope_bias{};
  double accelerometer_bias_stddev = 0, gyroscope_bias_stddev = 0;  ///< of the wandering biases
  double bias_time_s = 300;                                         ///< over which they forget where they were
};

/// Errors of a GNSS receiver: white noise and a constant bias of latitude, longitude [degrees] and altitude [m], and a
/// position that drifts as satellites and atmosphere change.
struct GnssNoise {
  std::array<double, 3> stddev{}, bias{};
  double drift_stddev_m = 0;  ///< per axis, altitude kAltitudeDrift times as much
  double drift_time_s = 120;
};

inline constexpr double kAltitudeDrift = 1.5;  ///< satellites all stand above: height is the weakest

/// Wheel encoders and the odometry that follows from them.
struct WheelEncoder {
  int ticks_per_turn = 0;   ///< angles are whole ticks; 0: exact
  double radius_error = 0;  ///< share by which the assumed radius of the wheels is too large
  double speed_stddev = 0;  ///< rad/s
};

/// A first-order Gauss-Markov process of three independent axes: stationary, with this standard deviation, correlation
/// exp(-t / time_s).
class Wander {
 public:
  Wander() = default;
  /// Begins at a draw of its stationary distribution.
  Wander(double stddev, double time_s, Random random);
  void step(double dt_s);
  const Eigen::Vector3d& value() const { return value_; }

 private:
  double stddev_ = 0, time_s_ = 1;
  Random random_{0};
  Eigen::Vector3d value_ = Eigen::Vector3d::Zero();
};

/// Noise of one draw: axis by axis, each with its own standard deviation.
Eigen::Vector3d white_noise(Random& random, const std::array<double, 3>& stddev);

}  // namespace bramble
