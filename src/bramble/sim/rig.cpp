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
      {"sensor.camera.instance_segmentation", SensorKind::kInstance},
      {"sensor.camera.panoptic_segmentation", SensorKind::kPanoptic},
      {"sensor.camera.detections", SensorKind::kDetections},
      {"sensor.camera.coverage", SensorKind::kCoverage},
      {"sensor.camera.normals", SensorKind::kNormals},
      {"sensor.camera.optical_flow", SensorKind::kOpticalFlow},
      {"sensor.lidar.ray_cast", SensorKind::kLidar},
      {"sensor.lidar.ray_cast_semantic", SensorKind::kSemanticLidar},
      {"sensor.other.imu", SensorKind::kImu},
      {"sensor.other.gnss", SensorKind::kGnss},
      {"sensor.other.wheel_encoder", SensorKind::kWheelEncoder},
      {"sensor.other.collision", SensorKind::kCollision},
      {"sensor.pseudo.tf", SensorKind::kTf},
      {"sensor.pseudo.odom", SensorKind::kOdometry},
      {"sensor.pseudo.speedometer", SensorKind::kSpeedometer},
      {"sensor.pseudo.objects", SensorKind::kObjects},
      {"sensor.pseudo.markers", SensorKind::kMarkers},
      {"sensor.pseudo.actor_list", SensorKind::kActorList},
      {"sensor.pseudo.opendrive_map", SensorKind::kRoadMap}};
  return result;
}

bool is_topic_word(const std::string& id) {
  return !id.empty() &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
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
  bool flag(const char* key, bool otherwise) { return number(key, otherwise ? 1 : 0, 0, 1) != 0; }
  // One of `choices`; the first is the default.
  std::string choice(const char* key, const std::vector<std::string>& choices) {
    if (!node_.contains(key)) {
      used_.push_back(key);
      return choices.front();
    }
    const std::string word = text(key);
    if (std::find(choices.begin(), choices.end(), word) == choices.end()) {
      const std::string near = nearest_word(word, choices);
      fail("{}: \"{}\" is \"{}\"; choices: {}{}", where_, key, word, fmt::join(choices, ", "),
           near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near));
    }
    return word;
  }
  // A list of at most `most` numbers; empty when the key is not there.
  std::vector<double> numbers(const char* key, std::size_t most, double low, double high) {
    used_.push_back(key);
    const auto found = node_.find(key);
    std::vector<double> values;
    if (found == node_.end()) return values;
    const bool good = found->is_array() && found->size() <= most;
    for (std::size_t i = 0; good && i < found->size(); ++i)
      if ((*found)[i].is_number() && (*found)[i] >= low && (*found)[i] <= high) values.push_back((*found)[i]);
    if (!good || values.size() != found->size())
      fail("{}: \"{}\" is {}; it must be a list of at most {} numbers in [{}, {}]", where_, key, found->dump(), most,
           low, high);
    return values;
  }
  bool has(const char* key) const { return node_.contains(key); }
  const std::string& where() const { return where_; }
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

// CARLA's attributes of RGB cameras, and ours, that change what the camera makes of the light.
void read_effects(Entry& entry, Sensor& sensor) {
  const auto read = [&](const char* key, double CameraEffects::*member, double low, double high) {
    if (!entry.has(key)) return;
    sensor.effects.emplace_back(member, entry.number(key, 0, low, high));
  };
  read("exposure_compensation", &CameraEffects::exposure_ev, -10, 10);
  read("temp", &CameraEffects::temperature_k, 1700, 25000);
  read("iso", &CameraEffects::iso, 0, 409600);
  read("vignetting", &CameraEffects::vignetting, 0, 1);
  if (entry.has("shutter_speed"))
    sensor.effects.emplace_back(&CameraEffects::shutter_s, 1 / entry.number("shutter_speed", 200, 20, 1e5));
}

void read_camera(Entry& entry, Sensor& sensor) {
  CameraModel& camera = sensor.camera;
  camera.width = static_cast<int>(entry.number("image_size_x", 800, 8, 16384));
  camera.height = static_cast<int>(entry.number("image_size_y", 600, 8, 16384));
  const bool fisheye = entry.choice("projection", {"pinhole", "fisheye"}) == "fisheye";
  camera.projection = fisheye ? Projection::kFisheye : Projection::kPinhole;
  camera.fov_rad = entry.number("fov", fisheye ? 180 : 90, 1, fisheye ? 300 : 170) * kRadians;
  const std::vector<double> distortion = entry.numbers("distortion", fisheye ? 4 : 5, -10, 10);
  std::copy(distortion.begin(), distortion.end(), camera.distortion.begin());
  if (sensor.kind == SensorKind::kRgb) {
    set_quality(entry.choice("quality", {"preview", "standard", "reference"}), camera);
    read_effects(entry, sensor);
  }
  if (sensor.kind == SensorKind::kDetections)
    sensor.min_pixels = static_cast<int>(entry.number("min_pixels", sensor.min_pixels, 1, 1e9));
  if (sensor.kind == SensorKind::kCoverage) camera.samples_per_axis = 4;  // shares of one ray would be all or nothing
  camera.samples_per_axis = static_cast<int>(entry.number("samples_per_axis", camera.samples_per_axis, 1, 8));
  sensor.sees_vehicle = entry.flag("sees_vehicle", true);
  entry.know("sensor_tick");
  entry.know("gamma");
  camera.check(entry.where());
}

void read_lidar(Entry& entry, Sensor& sensor) {
  LidarModel& lidar = sensor.lidar;
  // CARLA's defaults, or those of a preset.
  lidar.channels = 32;
  lidar.upper_fov_rad = 10 * kRadians;
  lidar.lower_fov_rad = -30 * kRadians;
  lidar.range_m = 10;
  lidar.range_noise_stddev_m = 0;
  lidar.scan_s = kFrameS;
  double points_per_second = 56000;
  if (entry.has("preset")) {
    lidar = *lidar_preset(entry.choice("preset", lidar_preset_names()), kFrameS);
    points_per_second = static_cast<double>(lidar.columns) * lidar.channels / kFrameS;
  }
  const bool shaped = entry.has("channels") || entry.has("upper_fov") || entry.has("lower_fov");
  if (shaped) lidar.elevations_rad.clear();
  lidar.channels = static_cast<int>(entry.number("channels", lidar.channels, 1, 1024));
  lidar.upper_fov_rad = entry.number("upper_fov", lidar.upper_fov_rad / kRadians, -90, 90) * kRadians;
  lidar.lower_fov_rad = entry.number("lower_fov", lidar.lower_fov_rad / kRadians, -90, 90) * kRadians;
  if (const auto elevations = entry.numbers("elevations", 1024, -90, 90); !elevations.empty()) {
    lidar.elevations_rad.clear();
    for (const double degrees : elevations) lidar.elevations_rad.push_back(degrees * kRadians);
    lidar.channels = static_cast<int>(elevations.size());
  }
  lidar.horizontal_fov_rad =
      entry.number("horizontal_fov", lidar.horizontal_fov_rad / kRadians, 0.1, 360.001) * kRadians;
  if (entry.has("pattern")) {
    const std::string pattern = entry.choice("pattern", {"spinning", "raster", "rosette"});
    lidar.pattern = pattern == "raster"    ? ScanPattern::kRaster
                    : pattern == "rosette" ? ScanPattern::kRosette
                                           : ScanPattern::kSpinning;
  }
  lidar.range_m = entry.number("range", lidar.range_m, 0.1, 2000);
  lidar.least_range_m = entry.number("min_range", lidar.least_range_m, 0, 100);
  points_per_second = entry.number("points_per_second", points_per_second, 1, 1e9);
  lidar.turns_per_scan = entry.number("rotation_frequency", 1 / kFrameS, 0.1, 1000) * kFrameS;
  lidar.columns = std::max(1, static_cast<int>(std::lround(points_per_second * kFrameS / lidar.channels)));
  lidar.beam_divergence_rad = entry.number("beam_divergence", lidar.beam_divergence_rad / kRadians, 0, 10) * kRadians;
  lidar.range_noise_stddev_m = entry.number("noise_stddev", lidar.range_noise_stddev_m, 0, 10);
  lidar.attenuation_per_m = entry.number("atmosphere_attenuation_rate", lidar.attenuation_per_m, 0, 1);
  lidar.dropoff_general_rate = entry.number("dropoff_general_rate", 0, 0, 1);
  lidar.dropoff_intensity_limit = entry.number("dropoff_intensity_limit", 0.8, 1e-6, 1);
  lidar.dropoff_zero_intensity = entry.number("dropoff_zero_intensity", 0, 0, 1);
  if (sensor.kind == SensorKind::kSemanticLidar) {  // truth: as CARLA's, without noise and losses
    lidar.range_noise_stddev_m = 0;
    lidar.dropoff_general_rate = lidar.dropoff_zero_intensity = 0;
  }
  sensor.motion_distortion = entry.flag("motion_distortion", false);
  sensor.ring_and_time = entry.flag("ring_and_time", false);
  sensor.sees_vehicle = entry.flag("sees_vehicle", true);
  entry.know("noise_seed");
  entry.know("sensor_tick");
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
    ImuNoise& imu = sensor.imu;
    read_axes(entry, imu.accelerometer_stddev, {"noise_accel_stddev_x", "noise_accel_stddev_y", "noise_accel_stddev_z"},
              0, 100);
    read_axes(entry, imu.gyroscope_stddev, {"noise_gyro_stddev_x", "noise_gyro_stddev_y", "noise_gyro_stddev_z"}, 0,
              100);
    read_axes(entry, imu.gyroscope_bias, {"noise_gyro_bias_x", "noise_gyro_bias_y", "noise_gyro_bias_z"}, -100, 100);
    imu.accelerometer_bias_stddev = entry.number("accel_bias_stddev", 0, 0, 100);
    imu.gyroscope_bias_stddev = entry.number("gyro_bias_stddev", 0, 0, 100);
    imu.bias_time_s = entry.number("bias_time", imu.bias_time_s, 0.05, 1e6);
    entry.know("noise_seed");
    entry.know("sensor_tick");
  }
  if (sensor.kind == SensorKind::kGnss) {
    read_axes(entry, sensor.gnss.stddev, {"noise_lat_stddev", "noise_lon_stddev", "noise_alt_stddev"}, 0, 1000);
    read_axes(entry, sensor.gnss.bias, {"noise_lat_bias", "noise_lon_bias", "noise_alt_bias"}, -1000, 1000);
    sensor.gnss.drift_stddev_m = entry.number("drift_stddev", 0, 0, 1000);
    sensor.gnss.drift_time_s = entry.number("drift_time", sensor.gnss.drift_time_s, 0.05, 1e6);
    entry.know("noise_seed");
    entry.know("sensor_tick");
  }
  if (sensor.kind == SensorKind::kWheelEncoder) {
    sensor.wheels.ticks_per_turn = static_cast<int>(entry.number("ticks_per_turn", 0, 0, 1000000));
    sensor.wheels.radius_error = entry.number("radius_error", 0, -0.5, 0.5);
    sensor.wheels.speed_stddev = entry.number("noise_stddev", 0, 0, 100);
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
    if (const auto kind = kinds().find(type); kind != kinds().end() && kind->second >= SensorKind::kObjects) {
      rig.scene.push_back({kind->second, entry.text("id")});
      if (const std::string& id = rig.scene.back().id; !is_topic_word(id))
        fail("{}: id \"{}\" must consist of letters, digits and _: it becomes part of a topic's name", where, id);
      continue;
    }
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

void Rig::set_quality(const std::string& name) {
  CameraModel camera;
  if (!bramble::set_quality(name, camera))
    fail("there is no quality '{}'; there are: draft, preview, standard, reference", name);
  for (Sensor& sensor : sensors) {
    if (sensor.kind == SensorKind::kRgb) bramble::set_quality(name, sensor.camera);
    // Pictures and their ground truth come from the same rays.
    if (sensor.is_camera()) sensor.camera.ray_spacing = camera.ray_spacing;
  }
}

void Rig::distort_cameras(const std::array<double, 5>& distortion) {
  for (Sensor& sensor : sensors) {
    if (!sensor.is_camera() || sensor.camera.distorted()) continue;
    sensor.camera.distortion = distortion;
    if (sensor.camera.projection == Projection::kFisheye) sensor.camera.distortion[4] = 0;
    sensor.camera.check(fmt::format("sensor {}: the scenario's camera", sensor.id));
  }
}

}  // namespace bramble
