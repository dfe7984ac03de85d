#include "bramble/vehicle/config.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {
namespace {

VehicleConfig read(YamlReader& reader, const std::filesystem::path& folder) {
  VehicleConfig config;
  YamlBlock root = reader.root();
  root.get("name", config.name);
  root.get("look", config.look, {"jeep", "truck", "robot"});
  const auto mesh = [&](const char* key, std::filesystem::path& file) {
    std::string text;
    root.get(key, text);
    if (text.empty()) return;
    file = folder / text;  // a full path stays as it is
    if (!std::filesystem::exists(file)) root.complain(key, fmt::format("is {}, which is not there", file.string()));
  };
  mesh("body_mesh", config.body_mesh);
  mesh("wheel_mesh", config.wheel_mesh);
  root.get("mass_kg", config.mass_kg, 50, 50000);
  YamlBlock body = root.block("body");
  body.get("length_m", config.body.length_m, 0.3, 15);
  body.get("width_m", config.body.width_m, 0.2, 4);
  body.get("bottom_m", config.body.bottom_m, 0.02, 2);
  body.get("top_m", config.body.top_m, 0.2, 5);
  body.get("centre_x_m", config.body.centre_x_m, -5, 5);
  std::vector<double> centre(config.body.mass_centre_m.begin(), config.body.mass_centre_m.end());
  body.get("mass_centre_m", centre, 3);
  if (centre.size() == 3) config.body.mass_centre_m = Eigen::Vector3d(centre[0], centre[1], centre[2]);
  if (config.body.top_m <= config.body.bottom_m) body.complain("top_m", "must be above bottom_m");
  YamlBlock wheels = root.block("wheels");
  wheels.get("wheelbase_m", config.wheels.wheelbase_m, 0.3, 10);
  wheels.get("track_m", config.wheels.track_m, 0.2, 4);
  wheels.get("radius_m", config.wheels.radius_m, 0.05, 2);
  wheels.get("width_m", config.wheels.width_m, 0.01, 2);
  if (std::abs(config.body.mass_centre_m.x()) >= 0.5 * config.wheels.wheelbase_m)
    body.complain("mass_centre_m", "must lie between the axles");
  YamlBlock suspension = root.block("suspension");
  suspension.get("travel_m", config.suspension.travel_m, 0.02, 1);
  suspension.get("frequency_hz", config.suspension.frequency_hz, 0.5, 5);
  suspension.get("damping_compression", config.suspension.damping_compression, 0.05, 2);
  suspension.get("damping_rebound", config.suspension.damping_rebound, 0.05, 2);
  suspension.get("roll_influence", config.suspension.roll_influence, 0, 1);
  YamlBlock engine = root.block("engine");
  engine.get("max_force_n", config.engine.max_force_n, 10, 1e6);
  engine.get("max_power_w", config.engine.max_power_w, 10, 1e7);
  engine.get("max_speed_mps", config.engine.max_speed_mps, 1, 60);
  engine.get("braking_force_n", config.engine.braking_force_n, 0, 1e5);
  YamlBlock gearbox = root.block("gearbox");
  gearbox.get("ratios", config.gearbox.ratios);
  for (std::size_t i = 0; i < config.gearbox.ratios.size(); ++i)
    if (!(config.gearbox.ratios[i] > 0) || (i > 0 && config.gearbox.ratios[i] >= config.gearbox.ratios[i - 1]))
      gearbox.complain("ratios", "must be positive and fall from gear to gear");
  gearbox.get("shift_s", config.gearbox.shift_s, 0, 2);
  YamlBlock brakes = root.block("brakes");
  brakes.get("max_force_n", config.brakes.max_force_n, 10, 1e6);
  brakes.get("hand_brake_force_n", config.brakes.hand_brake_force_n, 10, 1e6);
  YamlBlock steering = root.block("steering");
  steering.get("kind", config.steering.kind, {"ackermann", "skid"});
  steering.get("max_angle_deg", config.steering.max_angle_deg, 1, 60);
  steering.get("rate_deg_per_s", config.steering.rate_deg_per_s, 1, 2000);
  YamlBlock resistance = root.block("resistance");
  resistance.get("rolling", config.resistance.rolling, 0, 0.5);
  resistance.get("air_drag_area_m2", config.resistance.air_drag_area_m2, 0, 20);
  YamlBlock grip = root.block("grip");
  for (const std::string& key : grip.keys()) {
    double value = 0.75;
    grip.get(key, value, 0.05, 2);
    config.grip[key] = value;
  }
  reader.finish();
  return config;
}

}  // namespace

VehicleConfig VehicleConfig::load(const std::filesystem::path& file) {
  YamlReader reader(file);
  return read(reader, file.parent_path());
}

VehicleConfig VehicleConfig::parse(const std::string& text, const std::string& name,
                                   const std::filesystem::path& folder) {
  YamlReader reader(text, name);
  return read(reader, folder);
}

double VehicleConfig::gear_speed_mps(int gear) const {
  return engine.max_speed_mps * gearbox.ratios.back() / gearbox.ratios[static_cast<std::size_t>(gear - 1)];
}

double VehicleConfig::engine_force_n(double speed_mps, int gear) const {
  const double speed = std::abs(speed_mps), fastest = gear_speed_mps(gear);
  const double pull = engine.max_force_n * gearbox.ratios[static_cast<std::size_t>(gear - 1)] / gearbox.ratios.front();
  return std::min(pull, engine.max_power_w / std::max(speed, 0.1)) *
         std::clamp((fastest - speed) / (0.1 * fastest), 0.0, 1.0);
}

double VehicleConfig::engine_force_n(double speed_mps) const {
  const double speed = std::abs(speed_mps);
  const double force = std::min(engine.max_force_n, engine.max_power_w / std::max(speed, 0.1));
  return force * std::clamp((engine.max_speed_mps - speed) / (0.1 * engine.max_speed_mps), 0.0, 1.0);
}

}  // namespace bramble
