#pragma once
#include <Eigen/Core>
#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bramble {

/// A vehicle file (config/vehicles/jeep.yaml), block by block: every member is one key, with its default. Frame B is
/// base_link: on the ground midway between the axles, x forward, y left, z up.
struct VehicleConfig {
  std::string name = "jeep";
  std::string look = "jeep";  ///< what is drawn to these measures: jeep, truck or robot
  /// Mesh files (glTF and others) instead, beside the vehicle file or full paths; empty: as `look` says. The body in B;
  /// the wheel with its axle along y and the hub in the origin, turned by half a turn for the right side.
  std::filesystem::path body_mesh, wheel_mesh;
  double mass_kg = 1850;

  struct Body {
    double length_m = 3.95;
    double width_m = 1.70;
    double bottom_m = 0.42;  ///< above the ground, at rest
    double top_m = 1.80;
    double centre_x_m = 0.05;                      ///< of the box, in B
    Eigen::Vector3d mass_centre_m{0.05, 0, 0.66};  ///< in B
  } body;
  struct Wheels {
    double wheelbase_m = 2.50;
    double track_m = 1.56;
    double radius_m = 0.38;
    double width_m = 0.26;
  } wheels;
  struct Suspension {
    double travel_m = 0.26;             ///< largest deflection from rest, either way
    double frequency_hz = 1.7;          ///< of the body's bounce
    double damping_compression = 0.30;  ///< share of critical damping
    double damping_rebound = 0.45;
    double roll_influence = 0.35;  ///< 0: cornering never rolls the body … 1: full lever
  } suspension;
  struct Engine {
    double max_force_n = 9500;  ///< at the ground, all four wheels together
    double max_power_w = 95000;
    double max_speed_mps = 30;  ///< force fades to zero over the last tenth
    double braking_force_n = 700;
  } engine;
  /// An automatic gearbox: a gear passes max_force_n by its ratio over the first's, and reaches max_speed_mps by the
  /// last ratio over its own. Without ratios the engine is an electric one.
  struct Gearbox {
    std::vector<double> ratios = {3.8, 2.3, 1.5, 1.15, 0.9};
    double shift_s = 0.25;  ///< without force while it shifts
  } gearbox;
  struct Brakes {
    double max_force_n = 15000;
    double hand_brake_force_n = 9000;  ///< rear wheels
  } brakes;
  struct Steering {
    std::string kind = "ackermann";  ///< or skid: left and right wheels turn at different speeds, as a tracked robot's
    double max_angle_deg = 35;       ///< of the single wheel that stands for both front wheels
    double rate_deg_per_s = 140;
  } steering;
  struct Resistance {
    double rolling = 0.025;
    double air_drag_area_m2 = 1.15;
  } resistance;
  /// Friction by class of the ground under the wheel; «mud» for dirt that is wet, «rubble» where a stone lies that the
  /// body clears, «other» for classes not named.
  std::map<std::string, double> grip = {{"dirt", 0.85},  {"mud", 0.45},   {"grass", 0.65},
                                        {"rubble", 0.6}, {"water", 0.45}, {"other", 0.75}};

  /// Throws one Error that lists every mistake with file, line, key, value and range.
  static VehicleConfig load(const std::filesystem::path& file);
  static VehicleConfig parse(const std::string& text, const std::string& name,
                             const std::filesystem::path& folder = {});

  /// Largest force [N] that the engine gives at the ground at this forward speed.
  double engine_force_n(double speed_mps) const;
  /// The same in one gear, from 1.
  double engine_force_n(double speed_mps, int gear) const;
  int gears() const { return static_cast<int>(gearbox.ratios.size()); }
  /// Speed [m/s] at which the engine can turn no faster in this gear.
  double gear_speed_mps(int gear) const;
};

}  // namespace bramble
