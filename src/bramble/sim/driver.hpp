#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bramble/sim/give_way.hpp"
#include "bramble/sim/trace.hpp"
#include "bramble/vehicle/vehicle.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

class ManualControl;

/// Somebody at the wheel: sees the vehicle's state at every frame (20 Hz) and says what to do until the next one.
class Driver {
 public:
  virtual ~Driver() = default;
  /// Where the drive begins; only x, y and yaw count, to 1e-4.
  virtual Pose start() const = 0;
  virtual VehicleControl drive(std::int64_t frame, const VehicleState& state) = 0;
  /// Who else is about, before every drive(); drivers that follow the path give way.
  virtual void notice(const std::vector<RoadUser>&) {}
  /// Frames after which there is nothing more to do; 0: never.
  virtual std::int64_t frame_count() const { return 0; }
};

struct DriverOptions {
  double speed_limit_mps = 6;
  double start_s_m = 0;  ///< arc length of the start on the world's path; from an open path's end for `reverse`
  std::uint64_t seed = 0;
  const ManualControl* manual = nullptr;  ///< what the driver `manual` does
};

/// Drivers by name:
///   autopilot    follows the path; slows down for bends and slopes, and gives way to others (give_way); stops at the
///                end of an open path
///   reverse      the same against the path's direction, from an open path's end
///   manual-like  a model of a person: wanders, corrects late, drives unevenly, stops now and then (seeded); starts 0.4
///                of the loop further on, where a short autopilot drive has not been
///   manual       does what somebody outside wishes (ManualControl); stands when nobody does; starts as autopilot
///   trace:FILE   replays a recorded drive: the recorded controls as they stand while the vehicle is where it was
///                (within 5 cm, 0.6 degrees and 0.2 m/s), else it steers and drives back to the recorded place. In an
///                unchanged world the replay is exact; in a changed one it still follows the recorded line.
/// The world and the vehicle's configuration must outlive the driver. Throws Error for other names, listing these.
std::unique_ptr<Driver> make_driver(const std::string& spec, const World& world, const VehicleConfig& config,
                                    const DriverOptions& options);
/// The names above, for lists to choose from; `trace:` needs a file and is left out.
std::vector<std::string> driver_names();
std::unique_ptr<Driver> make_trace_driver(Trace trace, const VehicleConfig& config);

}  // namespace bramble
