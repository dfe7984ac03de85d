#include "bramble/sim/rig.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {
namespace {

using nlohmann::json;
constexpr double kRadians = std::numbers::pi / 180;

const std::map<std::string, SensorKind>& kinds() {
  static const std::map<std::string, SensorKind> result = {
      {"sensor.camera.rgb", SensorKind::kRgb},
      {"sensor.camera.semantic_segmentation", SensorKind::kSemantic},
      {"sensor.camera.depth", SensorKind::kDepth},
      {"sensor.lidar.ray_cast", SensorKind::kLidar},
      {"sensor.lidar.ray_cast_semantic", SensorKind::kSemanticLidar},
      {"sensor.other.imu", SensorKind::kImu},
      {"sensor.other.gnss", SensorKind::kGnss},
      {"sensor.other.collision", SensorKind::kCollision},
      {"sensor.pseudo.tf", SensorKind::kTf},
      {"sensor.pseudo.odom", SensorKind::kOdometry},
      {"sensor.pseudo.speedometer", SensorKind::kSpeedometer}};
  return result;
}

// An entry of the file, with the words to say where it is.
class Entry {
 public:
  Entry(const json& node, std::string where) : node_(node), where_(std::move(where)) {
    if (!node.is_object()) fail("{}: expected an object in braces, found {}", where_, node.type_name());
  }
  std::string text(const char* key) {
    used_.push_back(key);
    const auto found = node_.find(key);
    if (found == node_.end()) fail("{}: the key \"{}\" is missing", where_, key);
    if (!found->is_string() || found->get<std::string>().empty())
      fail("{}: \"{}\" must be a word, not {}", where_, key, found->dump());
    return found->get<std::string>();
  }
  // A number, or a number in quotes as blueprints' attributes may be.
  double number(const char* key, double otherwise, double low, double high) {
    used_.push_back(key);
    const auto found = node_.find(key);
    if (found == node_.end()) return otherwise;
    double value = std::nan("");
    if (found->is_number()) value = found->get<double>();
    if (found->is_boolean()) value = found->get<bool>() ? 1 : 0;
    if (found->is_string()) {
      const std::string text = found->get<std::string>();
      if (std::from_chars(text.data(), text.data() + text.size(), value).ptr != text.data() + text.size())
        value = std::nan("");
      if (text == "true" || text == "True") value = 1;
      if (text == "false" || text == "False") value = 0;
    }
    if (!(value >= low && value <= high))
      fail("{}: \"{}\" is {}; it must be a number in [{}, {}]", where_, key, found->dump(), low, high);
    return value;
  }
  Pose mount() {
    used_.push_back("spawn_point");
    const auto found = node_.find("spawn_point");
    if (found == node_.end()) return Pose::Identity();
    Entry point(*found, where_ + ": spawn_point");
    const double x = point.number("x", 0, -100, 100), y = point.number("y", 0, -100, 100),
                 z = point.number("z", 0, -100, 100);
    const double roll = point.number("roll", 0, -360, 360), pitch = point.number("pitch", 0, -360, 360),
                 yaw = point.number("yaw", 0, -360, 360);
    point.warn_of_others();
    return pose_from_xyz_rpy(x, y, z, roll * kRadians, pitch * kRadians, yaw * kRadians);
  }
  void know(const char* key) { used_.push_back(key); }
  void warn_of_others() const {
    for (const auto& [key, value] : node_.items())
      if (std::find(used_.begin(), used_.end(), key) == used_.end()) {
        const std::string near = nearest_word(key, used_);
        spdlog::warn("{}: \"{}\" has no effect here{}", where_, key,
                     near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near));
      }
  }

 private:
  const json& node_;
  std::string where_;
  std::vector<std::string> used_;
};

void read_camera(Entry& entry, Sensor& sensor) {
  CameraModel& camera = sensor.camera;
  camera.width = static_cast<int>(entry.number("image_size_x", 800, 8, 16384));
  camera.height = static_cast<int>(entry.number("image_size_y", 600, 8, 16384));
  camera.fov_rad = entry.number("fov", 90, 1, 170) * kRadians;
  camera.samples_per_axis = static_cast<int>(entry.number("samples_per_axis", 1, 1, 8));
  sensor.sees_vehicle = entry.number("sees_vehicle", sensor.id == "rgb_view" ? 1 : 0, 0, 1) != 0;
  entry.know("sensor_tick");
  entry.know("gamma");
}

void read_lidar(Entry& entry, Sensor& sensor) {
  LidarModel& lidar = sensor.lidar;
  lidar.channels = static_cast<int>(entry.number("channels", 32, 1, 1024));
  lidar.range_m = entry.number("range", 10, 0.1, 2000);
  lidar.upper_fov_rad = entry.number("upper_fov", 10, -90, 90) * kRadians;
  lidar.lower_fov_rad = entry.number("lower_fov", -30, -90, 90) * kRadians;
  const double points_per_second = entry.number("points_per_second", 56000, 1, 1e9);
  const double turns_per_second = entry.number("rotation_frequency", 1 / kFrameS, 0.1, 1000);
  if (std::abs(turns_per_second * kFrameS - 1) > 1e-6)
    spdlog::warn("sensor {}: turns {} times a second here, once per frame; rotation_frequency {} is not simulated",
                 sensor.id, 1 / kFrameS, turns_per_second);
  lidar.columns = std::max(1, static_cast<int>(std::lround(points_per_second * kFrameS / lidar.channels)));
  lidar.range_noise_stddev_m = sensor.kind == SensorKind::kLidar ? entry.number("noise_stddev", 0, 0, 10) : 0.0;
}

void read_axes(Entry& entry, std::array<double, 3>& values, std::array<const char*, 3> keys, double low, double high) {
  for (std::size_t i = 0; i < 3; ++i) values[i] = entry.number(keys[i], 0, low, high);
}

void read_sensor(const json& node, const std::string& where, Rig& rig) {
  Entry entry(node, where);
  Sensor sensor;
  sensor.type = entry.text("type");
  sensor.id = entry.text("id");
  for (const char c : sensor.id)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_')
      fail("{}: id \"{}\" must consist of letters, digits and _: it becomes part of a topic's name", where, sensor.id);
  const auto kind = kinds().find(sensor.type);
  if (kind == kinds().end()) {
    if (!sensor.type.starts_with("sensor.") && !sensor.type.starts_with("actor."))
      fail("{}: type \"{}\" is no sensor; types start with sensor.", where, sensor.type);
    std::vector<std::string> names;
    for (const auto& [name, value] : kinds()) names.push_back(name);
    const std::string near = nearest_word(sensor.type, names);
    spdlog::warn("{}: {} is not simulated and left out{}", where, sensor.type,
                 near.empty() ? "" : fmt::format(" (the nearest that is: {})", near));
    return;
  }
  sensor.kind = kind->second;
  for (const Sensor& other : rig.sensors) {
    if (other.id != sensor.id) continue;
    if (other.type != sensor.type) fail("{}: id \"{}\" is taken by another sensor ({})", where, sensor.id, other.type);
    spdlog::warn("{}: {} \"{}\" stands there twice; the second is ignored", where, sensor.type, sensor.id);
    return;
  }
  sensor.X_BS = entry.mount();
  if (sensor.is_camera()) read_camera(entry, sensor);
  if (sensor.is_lidar()) read_lidar(entry, sensor);
  if (sensor.kind == SensorKind::kImu) {
    read_axes(entry, sensor.accelerometer_noise,
              {"noise_accel_stddev_x", "noise_accel_stddev_y", "noise_accel_stddev_z"}, 0, 100);
    read_axes(entry, sensor.gyroscope_noise, {"noise_gyro_stddev_x", "noise_gyro_stddev_y", "noise_gyro_stddev_z"}, 0,
              100);
    read_axes(entry, sensor.gyroscope_bias, {"noise_gyro_bias_x", "noise_gyro_bias_y", "noise_gyro_bias_z"}, -100, 100);
  }
  if (sensor.kind == SensorKind::kGnss) {
    read_axes(entry, sensor.position_noise, {"noise_lat_stddev", "noise_lon_stddev", "noise_alt_stddev"}, 0, 1000);
    for (const char* bias : {"noise_lat_bias", "noise_lon_bias", "noise_alt_bias"})
      if (entry.number(bias, 0, -1000, 1000) != 0) spdlog::warn("{}: \"{}\" is not simulated", where, bias);
  }
  entry.know("attached_objects");
  entry.warn_of_others();
  rig.sensors.push_back(std::move(sensor));
}

}  // namespace

Rig Rig::load(const std::filesystem::path& file) { return parse(read_text_file(file), file.string()); }

Rig Rig::parse(const std::string& text, const std::string& name) {
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(error.byte, text.size()));
    // The library's words come after its own position, which counts from elsewhere.
    std::string what = error.what();
    if (const auto at = what.find("syntax error"); at != std::string::npos) what = what.substr(at);
    std::replace(what.begin(), what.end(), '\n', ' ');
    fail("{}:{}: not valid JSON: {}", name, 1 + std::count(text.begin(), end, '\n'), what);
  }
  if (!root.is_object() || !root.contains("objects") || !root["objects"].is_array())
    fail("{}: expected {{\"objects\": [ … ]}} as carla_spawn_objects reads it", name);
  Rig rig;
  bool found = false;
  for (std::size_t i = 0; i < root["objects"].size(); ++i) {
    const std::string where = fmt::format("{}: objects[{}]", name, i);
    Entry entry(root["objects"][i], where);
    const std::string type = entry.text("type");
    if (!type.starts_with("vehicle.")) {
      spdlog::debug("{}: {} is not the vehicle's and left out", where, type);
      continue;
    }
    if (found) {
      spdlog::warn("{}: only the first vehicle is simulated; {} is left out", where, type);
      continue;
    }
    found = true;
    rig.vehicle_type = type;
    rig.role_name = entry.text("id");
    for (const char c : rig.role_name)
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_')
        fail("{}: id \"{}\" must consist of letters, digits and _: it becomes part of topics' names", where,
             rig.role_name);
    if (root["objects"][i].contains("spawn_point"))
      spdlog::debug("{}: the driver chooses where the vehicle starts; spawn_point is not used", where);
    if (!root["objects"][i].contains("sensors")) continue;
    const json& sensors = root["objects"][i]["sensors"];
    if (!sensors.is_array()) fail("{}: \"sensors\" must be a list, not {}", where, sensors.type_name());
    for (std::size_t k = 0; k < sensors.size(); ++k)
      read_sensor(sensors[k], fmt::format("{}.sensors[{}]", where, k), rig);
  }
  if (!found) fail("{}: no object of type vehicle.* to drive", name);
  return rig;
}

void Rig::resize_cameras(int width, int height) {
  for (Sensor& sensor : sensors) {
    if (!sensor.is_camera()) continue;
    if (width > 0) sensor.camera.width = width;
    if (height > 0) sensor.camera.height = height;
  }
}

}  // namespace bramble
