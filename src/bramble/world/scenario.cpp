#include "bramble/world/scenario.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/yaml.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/world/sun_position.hpp"
#include "bramble/world/weather.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

constexpr double kLargestWhole = 1024;  // metres: side of the terrains that are held whole

// Reads `key: [low, high]`, both within [least, most] and in order.
template <typename T>
void get_interval(YamlBlock& block, const std::string& key, std::array<T, 2>& value, double least, double most) {
  std::vector<double> read{static_cast<double>(value[0]), static_cast<double>(value[1])};
  block.get(key, read, 2);
  if (std::is_integral_v<T>)
    for (double bound : read)
      if (bound != std::floor(bound)) return block.complain(key, fmt::format("holds {}, must be whole numbers", bound));
  if (!(read[0] >= least && read[1] <= most && read[0] <= read[1]))
    return block.complain(key, fmt::format("is [{}, {}], must be [low, high] with {} <= low <= high <= {}", read[0],
                                           read[1], least, most));
  value = {static_cast<T>(read[0]), static_cast<T>(read[1])};
}

void get_tint(YamlBlock& block, const std::string& key, std::array<double, 3>& value) {
  std::vector<double> read(value.begin(), value.end());
  block.get(key, read, 3);
  for (double channel : read)
    if (!(channel >= 0 && channel <= 4))
      return block.complain(key, fmt::format("holds {}, linear red, green and blue must lie in [0, 4]", channel));
  std::copy_n(read.begin(), 3, value.begin());
}

void read_terrain(YamlBlock block, TerrainScenario& t) {
  block.get("size_m", t.size_m, 256, 16384);
  block.get("window_m", t.window_m, 0, 1024);
  block.get("height_samples", t.height_samples, 129, 4097);
  block.get("cover_pixels", t.cover_pixels, 256, 16384);
  if (block.sound("size_m") && block.sound("window_m")) {
    if (t.window_m == 0 && t.size_m > kLargestWhole)
      block.complain("size_m", fmt::format("is {}: a terrain of more than {} m needs window_m, the side of the square "
                                           "around the vehicle that is held in full detail, for example 320",
                                           t.size_m, kLargestWhole));
    if (t.window_m > 0 && (t.window_m < 192 || t.window_m > 0.5 * t.size_m))
      block.complain("window_m", fmt::format("is {}; it must be 0 (no window) or from 192 to half of size_m, {}",
                                             t.window_m, 0.5 * t.size_m));
  }
  // The window moves by a quarter of its side: samples and pixels must fall on the same places again.
  if (t.window_m > 0 && block.sound("height_samples") && (t.height_samples - 1) % 4 != 0)
    block.complain("height_samples", fmt::format("is {}; with window_m it must be a multiple of 4 and 1 more, for "
                                                 "example {}",
                                                 t.height_samples, t.height_samples / 4 * 4 + 1));
  if (t.window_m > 0 && block.sound("cover_pixels") && t.cover_pixels % 4 != 0)
    block.complain("cover_pixels", fmt::format("is {}; with window_m it must be a multiple of 4", t.cover_pixels));
  block.get("hill_height_m", t.hill_height_m, 0, 60);
  block.get("hill_scale_m", t.hill_scale_m, 20, 500);
  block.get("bump_height_m", t.bump_height_m, 0, 0.5);
  block.get("gully_depth_m", t.gully_depth_m, 0, 5);
  block.get("ridges", t.ridges, 0, 1);
  block.get("erosion", t.erosion, 0, 1);
  block.get("rim_height_m", t.rim_height_m, 0, 80);
  block.get("rim_width_m", t.rim_width_m, 1, 200);
  block.get("bare_patches", t.bare_patches, 0, 0.9);
}

// A path given in the scenario: beside the scenario if it is there, else under home.
fs::path resolved(const fs::path& given, const fs::path& scenario_folder, const fs::path& home) {
  if (given.is_absolute()) return given;
  if (!scenario_folder.empty() && fs::exists(scenario_folder / given)) return scenario_folder / given;
  return home / given;
}

// The road file's keys. What stands in the file is read when the world is built.
void read_path_file(YamlBlock& block, PathScenario& p, const fs::path& scenario_folder, const fs::path& home) {
  std::string file;
  block.get("file", file);
  block.get("file_road", p.file_road);
  block.get("file_origin", p.file_origin);
  block.get("file_unreal_origin", p.file_unreal_origin);
  block.get("file_elevation", p.file_elevation);
  if (file.empty()) {
    for (const char* key : {"file_road", "file_origin", "file_unreal_origin", "file_elevation"})
      if (block.has(key)) block.complain(key, "stands without a 'file', to which it belongs");
    return;
  }
  p.file = resolved(file, scenario_folder, home);
  const fs::path extension = p.file.extension();
  if (extension != ".xodr" && extension != ".json")
    block.complain("file", fmt::format("is '{}', must be .xodr (OpenDRIVE) or .json (waypoints)", file));
  else if (!fs::is_regular_file(p.file))
    block.complain("file", fmt::format("names {}, which does not exist", p.file.string()));
  if (const auto n = p.file_origin.size(); block.has("file_origin") && n != 2 && n != 3)
    block.complain("file_origin", fmt::format("has {} numbers, must be [x, y] or [x, y, z]", n));
  if (block.has("file_unreal_origin") && p.file_unreal_origin.size() != 3)
    block.complain("file_unreal_origin",
                   fmt::format("has {} numbers, must be [x, y, z] in centimetres", p.file_unreal_origin.size()));
  if (extension == ".xodr" && block.has("file_unreal_origin"))
    block.complain("file_unreal_origin", "is for waypoints; OpenDRIVE is in metres");
  if (extension == ".json" && block.has("file_road"))
    block.complain("file_road", "is for OpenDRIVE; waypoints are one road");
}

// What compares two values is silent when one of them has been complained of: the default in its place says nothing.
void read_path(YamlBlock block, PathScenario& p, const YamlBlock& terrain, double size_m) {
  block.get("seed", p.seed);
  block.get("length_m", p.length_m, 150, 60000);
  block.get("winding", p.winding, 0, 0.5);
  block.get("min_radius_m", p.min_radius_m, 6, 100);
  block.get("max_slope", p.max_slope, 0.01, 0.4);
  block.get("width_m", p.width_m, 1.5, 10);
  block.get("rut_spacing_m", p.rut_spacing_m, 0.8, 4);
  block.get("rut_depth_m", p.rut_depth_m, 0, 0.3);
  block.get("wear", p.wear, 0, 1);
  block.get("wear_scale_m", p.wear_scale_m, 5, 500);
  block.get("island_width_m", p.island_width_m, 0, 4);
  block.get("edge_noise_m", p.edge_noise_m, 0, 1.5);
  block.get("puddles", p.puddles, 0, 1);
  block.get("puddle_depth_m", p.puddle_depth_m, 0.01, 0.2);
  block.get("washouts", p.washouts, 0, 400);
  block.get("washout_depth_m", p.washout_depth_m, 0.05, 0.5);
  block.get("forks", p.forks, 0, 200);
  block.get("fork_length_m", p.fork_length_m, 15, 200);
  const double reach_m = p.length_m / (2 * std::numbers::pi) * (1 + p.winding) + 0.5 * p.width_m + 10;
  const bool loop_known = p.file.empty() && block.sound("length_m") && block.sound("winding") && block.sound("width_m");
  if (loop_known && terrain.sound("size_m") && reach_m > 0.5 * size_m)
    block.complain("length_m",
                   fmt::format("is {}: the loop reaches {:.0f} m from the centre, the terrain only {:.0f} m; "
                               "make length_m or winding smaller, or terrain.size_m larger",
                               p.length_m, reach_m, 0.5 * size_m));
  if (p.file.empty() && block.sound("length_m") && block.sound("min_radius_m") &&
      p.min_radius_m > 0.9 * p.length_m / (2 * std::numbers::pi))
    block.complain("min_radius_m",
                   fmt::format("is {}, too wide a bend for a loop of {} m", p.min_radius_m, p.length_m));
  if (block.sound("rut_spacing_m") && block.sound("width_m") && p.rut_spacing_m > p.width_m - 0.4)
    block.complain("rut_spacing_m", fmt::format("is {}, must leave 0.2 m beside each rut of a path of {} m",
                                                p.rut_spacing_m, p.width_m));
}

void read_water(YamlBlock block, WaterScenario& w, const YamlBlock& path_block, const PathScenario& path) {
  block.get("level_m", w.level_m, -100, 100);
  block.get("shore_m", w.shore_m, 0, 10);
  for (YamlBlock& entry : block.list("ponds")) {
    PondScenario pond;
    entry.get("at", pond.at, 0, 1);
    entry.get("side", pond.side, {"left", "right"});
    entry.get("offset_m", pond.offset_m, 1, 300);
    entry.get("length_m", pond.length_m, 2, 200);
    entry.get("width_m", pond.width_m, 2, 200);
    entry.get("depth_m", pond.depth_m, 0.2, 10);
    const double least_m = 0.5 * (pond.width_m + path.width_m) + 1.5;
    const bool known = entry.sound("width_m") && entry.sound("offset_m") && path_block.sound("width_m");
    if (known && pond.offset_m < least_m)
      entry.complain("offset_m", fmt::format("is {}, must be at least {:.1f}, or the path would run into the pond",
                                             pond.offset_m, least_m));
    w.ponds.push_back(pond);
  }
  for (YamlBlock& entry : block.list("streams")) {
    StreamScenario stream;
    entry.get("at", stream.at, 0, 1);
    entry.get("course", stream.course, {"across", "left", "right"});
    entry.get("length_m", stream.length_m, 20, 1000);
    entry.get("width_m", stream.width_m, 0.8, 6);
    entry.get("depth_m", stream.depth_m, 0.05, 1);
    w.streams.push_back(stream);
  }
}

// `classes`: of the ontology; empty when it could not be read.
void read_layer(YamlBlock entry, const std::string& default_class, LayerScenario layer,
                const std::vector<std::string>& classes, std::vector<LayerScenario>& layers) {
  layer.class_name = default_class;
  entry.get("name", layer.name);
  if (layer.name.empty() && entry.sound("name")) entry.complain("", "needs a 'name' of its own");
  for (const auto& other : layers)
    if (other.name == layer.name && !layer.name.empty())
      entry.complain("name",
                     fmt::format("'{}' stands twice; the name seeds the layer and must be its own", layer.name));
  entry.get("class", layer.class_name);
  if (layer.class_name.empty()) {
    if (entry.sound("class")) entry.complain("", "needs a 'class' (a folder of the assets)");
  } else if (!classes.empty() && std::find(classes.begin(), classes.end(), layer.class_name) == classes.end()) {
    entry.complain("class", fmt::format("is '{}', must be one of: {}", layer.class_name, fmt::join(classes, ", ")));
  }
  entry.get("assets", layer.assets);
  entry.get("density_per_m2", layer.density_per_m2, 0, 200);
  layer.far_density_per_m2 = layer.density_per_m2;
  entry.get("far_density_per_m2", layer.far_density_per_m2, 0, 200);
  layer.rim_density_per_m2 = layer.far_density_per_m2;
  entry.get("rim_density_per_m2", layer.rim_density_per_m2, 0, 200);
  get_interval(entry, "thinning_m", layer.thinning_m, 0, 1e4);
  get_interval(entry, "path_distance_m", layer.path_distance_m, 0, 1e4);
  get_interval(entry, "above_water_m", layer.above_water_m, -20, 1e4);
  entry.get("on_dirt", layer.on_dirt);
  entry.get("slope_max_deg", layer.slope_max_deg, 0, 90);
  entry.get("cluster_scale_m", layer.cluster_scale_m, 0, 500);
  entry.get("cluster_coverage", layer.cluster_coverage, 0.01, 1);
  entry.get("edge_boost", layer.edge_boost, 0, 20);
  entry.get("edge_width_m", layer.edge_width_m, 0.2, 50);
  entry.get("mixing_scale_m", layer.mixing_scale_m, 0, 500);
  get_interval(entry, "group_size", layer.group_size, 1, 200);
  entry.get("group_radius_m", layer.group_radius_m, 0, 50);
  entry.get("heap_height_m", layer.heap_height_m, 0, 5);
  get_interval(entry, "scale", layer.scale, 0.01, 20);
  entry.get("tilt_deg", layer.tilt_deg, 0, 180);
  entry.get("align_to_slope", layer.align_to_slope, 0, 1);
  entry.get("sink_m", layer.sink_m, -1, 5);
  entry.get("spacing_m", layer.spacing_m, 0, 100);
  entry.get("collision_radius_m", layer.collision_radius_m, 0, 5);
  get_tint(entry, "tint", layer.tint);
  entry.get("tint_variation", layer.tint_variation, 0, 0.5);
  entry.get("tint_drift", layer.tint_drift, 0, 0.5);
  layers.push_back(std::move(layer));
}

void read_sky(YamlBlock block, SkyScenario& sky) {
  // 1. A weather by name, the sun by date, time and place: single values given beside them come after.
  std::string weather, date, time;
  block.get("weather", weather);
  if (!weather.empty() && !set_weather(weather, sky)) {
    const std::string nearest = nearest_word(weather, weather_names());
    block.complain("weather", fmt::format("is '{}'{}; there are: {}", weather,
                                          nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest),
                                          fmt::join(weather_names(), ", ")));
  }
  PlaceAndTime when;
  block.get("date", date);
  block.get("time", time);
  block.get("utc_offset_h", when.utc_offset_h, -14, 14);
  block.get("latitude_deg", when.latitude_deg, -90, 90);
  block.get("longitude_deg", when.longitude_deg, -180, 180);
  if (!date.empty() && !parse_date(date, when))
    block.complain("date", fmt::format("is '{}', must be like 2026-06-21", date));
  if (!time.empty() && !parse_time(time, when))
    block.complain("time", fmt::format("is '{}', must be like \"15:30\", in quotes", time));
  if (!time.empty() || !date.empty()) {
    const SunPosition sun = sun_position(when);
    sky.sun_azimuth_deg = sun.azimuth_deg;
    sky.sun_elevation_deg = sun.elevation_deg;
    for (const char* key : {"sun_azimuth_deg", "sun_elevation_deg"})
      if (block.has(key)) block.complain(key, "stands beside a date or time, which says where the sun is; keep one");
  }
  // 2. Single values.
  block.get("sun_azimuth_deg", sky.sun_azimuth_deg, -360, 360);
  block.get("sun_elevation_deg", sky.sun_elevation_deg, -90, 90);
  block.get("sun_size_deg", sky.sun_size_deg, 0, 5);
  block.get("turbidity", sky.turbidity, 1.7, 10);
  block.get("cloud_cover", sky.cloud_cover, 0, 1);
  block.get("cloud_seed", sky.cloud_seed);
  block.get("haze_distance_m", sky.haze_distance_m, 20, 1e6);
  block.get("fog_visibility_m", sky.fog_visibility_m, 0, 1e6);
  if (sky.fog_visibility_m > 0 && sky.fog_visibility_m < 5)
    block.complain("fog_visibility_m", fmt::format("is {}, must be at least 5, or 0 for no fog", sky.fog_visibility_m));
  block.get("fog_height_m", sky.fog_height_m, 1, 2000);
  block.get("rain", sky.rain, 0, 1);
  block.get("wetness", sky.wetness, 0, 1);
  block.get("snow", sky.snow, 0, 1);
  block.get("exposure", sky.exposure, 0.05, 20);
}

void read_camera(YamlBlock block, CameraScenario& camera) {
  block.get("exposure_ev", camera.exposure_ev, -10, 10);
  block.get("temperature_k", camera.temperature_k, 1700, 25000);
  block.get("vignetting", camera.vignetting, 0, 1);
  std::vector<double> distortion(camera.distortion.begin(), camera.distortion.end());
  block.get("distortion", distortion, 5);
  if (distortion.size() == 5) std::copy_n(distortion.begin(), 5, camera.distortion.begin());
  block.get("shutter_s", camera.shutter_s, 0, 0.05);
  block.get("iso", camera.iso, 0, 409600);
  block.get("tone", camera.tone, {"filmic", "linear"});
}

void read_actor(YamlBlock entry, std::vector<ActorScenario>& actors) {
  ActorScenario actor;
  entry.get("kind", actor.kind, actor_kinds());
  if (!entry.has("kind")) entry.complain("", "needs a 'kind': person, deer, boar, cow, jeep, truck or robot");
  entry.get("name", actor.name);
  if (actor.name.empty()) actor.name = fmt::format("{} {}", actor.kind, actors.size() + 1);
  for (const ActorScenario& other : actors)
    if (other.name == actor.name) entry.complain("name", fmt::format("'{}' stands twice", actor.name));
  const bool walks = actor_walks(actor.kind);
  entry.get("course", actor.course, actor_courses(actor.kind));
  entry.get("at", actor.at, 0, 1);
  actor.offset_given = entry.has("offset_m");
  entry.get("offset_m", actor.offset_m, -50, 50);
  if (actor.course == "across" && actor.offset_given && entry.sound("offset_m") && actor.offset_m < 2)
    entry.complain("offset_m",
                   fmt::format("is {}; across the path it is how far to either side, at least 2", actor.offset_m));
  if (actor.course == "along") entry.get("direction", actor.direction, {"with", "against"});
  if (actor.course != "stand") {
    const ValueRange speed = actor_speed_range_mps(actor.kind);
    entry.get("speed_mps", actor.speed_mps, speed.least, speed.most);
    if (!walks) entry.get("gap_m", actor.gap_m, kActorGapRangeM.least, kActorGapRangeM.most);
  }
  if (actor.course == "across")
    entry.get("trigger_m", actor.trigger_m, kActorTriggerRangeM.least, kActorTriggerRangeM.most);
  actors.push_back(std::move(actor));
}

// Names of the ontology's classes; what is wrong with its file is complained of.
std::vector<std::string> read_classes(YamlBlock& root, const fs::path& ontology) {
  std::vector<std::string> names;
  if (!fs::exists(ontology)) {
    root.complain("ontology", fmt::format("names {}, which does not exist", ontology.string()));
    return names;
  }
  try {
    const Ontology loaded = Ontology::load(ontology);
    for (const SemanticClass& c : loaded.classes()) names.push_back(c.name);
  } catch (const Error& error) {
    root.complain("ontology", fmt::format("cannot be read: {}", error.what()));
  }
  return names;
}

// `scenario`: file, home and text are known already.
Scenario read(YamlReader& reader, Scenario scenario, const fs::path& scenario_folder) {
  YamlBlock root = reader.root();
  root.get("name", scenario.name);
  root.get("seed", scenario.seed);
  std::string ontology = scenario.ontology.string();
  std::string assets = scenario.assets.string();
  std::string sensors = scenario.sensors.string();
  root.get("ontology", ontology);
  root.get("assets", assets);
  root.get("sensors", sensors);
  scenario.ontology = resolved(ontology, scenario_folder, scenario.home);
  scenario.assets = resolved(assets, scenario_folder, scenario.home);
  scenario.sensors = resolved(sensors, scenario_folder, scenario.home);
  const std::vector<std::string> classes = read_classes(root, scenario.ontology);
  YamlBlock terrain = root.block("terrain");
  read_terrain(terrain, scenario.terrain);
  YamlBlock path = root.block("path");
  read_path_file(path, scenario.path, scenario_folder, scenario.home);
  read_path(path, scenario.path, terrain, scenario.terrain.size_m);
  read_water(root.block("water"), scenario.water, path, scenario.path);
  YamlBlock ground = root.block("ground");
  get_tint(ground, "grass_tint", scenario.ground.grass_tint);
  get_tint(ground, "dirt_tint", scenario.ground.dirt_tint);
  get_tint(ground, "water_tint", scenario.ground.water_tint);
  ground.get("tint_drift", scenario.ground.tint_drift, 0, 0.5);
  for (YamlBlock& entry : root.list("vegetation")) read_layer(entry, "", {}, classes, scenario.layers);
  LayerScenario stone;
  stone.on_dirt = true;
  stone.tilt_deg = 30;
  for (YamlBlock& entry : root.list("rubble")) read_layer(entry, "rubble", stone, classes, scenario.layers);
  read_sky(root.block("sky"), scenario.sky);
  read_camera(root.block("camera"), scenario.camera);
  YamlBlock drive = root.block("drive");
  drive.get("start_s_m", scenario.drive.start_s_m, 0, 1e5);
  drive.get("speed_limit_mps", scenario.drive.speed_limit_mps, 0.5, 30);
  for (YamlBlock& entry : root.list("actors")) read_actor(entry, scenario.actors);
  scenario.variation = read_variation(root, scenario);
  reader.finish();
  return scenario;
}

}  // namespace

const std::vector<std::string>& actor_kinds() {
  static const std::vector<std::string> kinds = {"person", "deer", "boar", "cow", "jeep", "truck", "robot"};
  return kinds;
}
bool actor_walks(const std::string& kind) {
  return kind == "person" || kind == "deer" || kind == "boar" || kind == "cow";
}
const std::vector<std::string>& actor_courses(const std::string& kind) {
  static const std::vector<std::string> of_walkers = {"along", "across", "stand"}, of_vehicles = {"along", "stand"};
  return actor_walks(kind) ? of_walkers : of_vehicles;
}
ValueRange actor_speed_range_mps(const std::string& kind) { return {0.2, actor_walks(kind) ? 4.0 : 30.0}; }

Scenario load_scenario(const fs::path& file, const fs::path& home) {
  Scenario scenario;
  scenario.file = fs::absolute(file);
  scenario.home = home;
  scenario.text = read_text_file(file);
  YamlReader reader(scenario.text, file.string());
  scenario = read(reader, std::move(scenario), fs::absolute(file).parent_path());
  if (scenario.name.empty()) scenario.name = file.stem().string();
  return scenario;
}

Scenario parse_scenario(const std::string& text, const std::string& name, const fs::path& home,
                        const fs::path& folder) {
  Scenario scenario;
  scenario.home = home;
  scenario.text = text;
  YamlReader reader(text, name);
  scenario = read(reader, std::move(scenario), folder);
  if (scenario.name.empty()) scenario.name = name;
  return scenario;
}

}  // namespace bramble
