#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/vehicle/vehicle.hpp"

namespace bramble {

/// A recorded drive: one row per frame of 50 ms, what the driver did and where the vehicle was at that moment.
///
/// File (CSV): lines «# key: value» (trace: 1, scenario, seed, driver, start: x y yaw in metres and radians), then the
/// header «frame,throttle,steer,brake,hand_brake,reverse,x_m,y_m,yaw_rad,speed_mps», then the rows, frames counting
/// from 0. Controls are multiples of 1e-4 and written as such, so that they are read back exactly.
struct Trace {
  struct Row {
    VehicleControl control;
    double x_m = 0, y_m = 0, yaw_rad = 0;  ///< base_link in M, to 1e-4
    double speed_mps = 0;
  };
  std::string scenario;
  std::uint64_t seed = 0;
  std::string driver;
  double start_x_m = 0, start_y_m = 0, start_yaw_rad = 0;  ///< where the vehicle was put, to 1e-4
  std::vector<Row> rows;

  /// Throws Error with file, line and what was expected.
  static Trace load(const std::filesystem::path& file);
  static Trace parse(const std::string& text, const std::string& name);
  std::string to_csv() const;
};

/// Rounded to a multiple of 1e-4, the resolution of controls and of traces.
double quantized(double value);
VehicleControl quantized(const VehicleControl& control);

}  // namespace bramble
