#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/world/variation.hpp"

namespace bramble {

/// A scenario file, block by block; docs/scenario.md explains it for users. Every struct is one YAML block, every
/// member one key of the same name, with its default. Metres, degrees, seconds; ranges stand in scenario.cpp.

/// `terrain:` the height field.
struct TerrainScenario {
  double size_m = 256;          ///< side of the square
  double window_m = 0;          ///< side of the square around the vehicle that is held in full detail; 0: all of it
  int height_samples = 769;     ///< heights per side, of the window if there is one
  int cover_pixels = 4096;      ///< pixels per side of the cover maps, of the window if there is one
  double hill_height_m = 14;    ///< from the hollows to the tops
  double hill_scale_m = 95;     ///< from one hill to the next
  double bump_height_m = 0.12;  ///< unevenness at the scale of a vehicle
  double gully_depth_m = 1.2;   ///< shallow winding gullies; 0: none
  double ridges = 0;            ///< 0 rounded hills … 1 sharp ridges
  double erosion = 0;           ///< 0 none … 1 valleys and gullies cut by running water, slopes crept
  double rim_height_m = 14;     ///< the hills that close the horizon, at the border of the square
  double rim_width_m = 45;      ///< width of their slope
  double bare_patches = 0.02;   ///< share of open ground that is bare dirt
};

/// `path:` a worn track of two ruts in a closed loop around the terrain's centre, or along the road of a file.
struct PathScenario {
  std::filesystem::path file;              ///< .xodr or waypoints, see read_road_file; empty: a loop
  std::string file_road;                   ///< id of an OpenDRIVE road; empty: the longest way
  std::vector<double> file_origin;         ///< x, y, or x, y, z of the file that become the map's origin; empty: choose
  std::vector<double> file_unreal_origin;  ///< x, y, z in cm: waypoints are Unreal's, see UnrealOrigin; empty: metres
  bool file_elevation = false;             ///< heights as in the file; else the land's
  // What shapes the loop; nothing where there is a file.
  std::uint64_t seed = 0;    ///< 0: the scenario's seed
  double length_m = 550;     ///< seen from above
  double winding = 0.22;     ///< deviation of the loop from a circle, share of its radius
  double min_radius_m = 14;  ///< tightest bend of the centre line

  double max_slope = 0.12;  ///< rise over run along the track
  double width_m = 3.2;
  double rut_spacing_m = 1.6;  ///< between the centres of the ruts
  double rut_depth_m = 0.07;
  double wear = 0.6;            ///< 0 hardly used (grass in the ruts) … 1 bare from edge to edge
  double wear_scale_m = 30;     ///< length over which the wear changes
  double island_width_m = 0.8;  ///< of the grass between the ruts at mean wear
  double edge_noise_m = 0.3;    ///< how far the edges wander
  double puddles = 0;           ///< share of the level stretches of each rut that hold standing water
  double puddle_depth_m = 0.06;
  int washouts = 0;  ///< gully-like cuts across the path
  double washout_depth_m = 0.25;
  int forks = 0;  ///< side tracks that leave the path; every second one comes back to it
  double fork_length_m = 45;
};

/// One entry of `water: ponds:`.
struct PondScenario {
  double at = 0.3;            ///< where along the path, share of the loop
  std::string side = "left";  ///< of the path: left or right
  double offset_m = 14;       ///< from the path's centre line to the pond's centre
  double length_m = 32;       ///< along the path
  double width_m = 20;        ///< across
  double depth_m = 1.4;
};

/// One entry of `water: streams:`.
struct StreamScenario {
  double at = 0.5;                ///< where it meets the path, share of the loop
  std::string course = "across";  ///< across: through a ford near there; left, right: beside the path
  double length_m = 120;          ///< at most
  double width_m = 1.8;
  double depth_m = 0.25;
};

/// `water:` ponds, which share one level, and streams, whose level falls along them.
struct WaterScenario {
  double level_m = 0;
  double shore_m = 1.2;  ///< width of the muddy strip around the ponds
  std::vector<PondScenario> ponds;
  std::vector<StreamScenario> streams;
};

/// One entry of `vegetation:` or `rubble:`: a kind of thing scattered over the ground.
struct LayerScenario {
  std::string name;                 ///< unique; seeds the layer
  std::string class_name;           ///< folder of assets; in `rubble:` it is rubble unless said otherwise
  std::vector<std::string> assets;  ///< mesh names or patterns with *; empty: the whole folder
  double density_per_m2 = 0;        ///< places per square metre where the layer is at its densest (see cluster)
  double far_density_per_m2 = 0;    ///< far from the path; default: density_per_m2
  double rim_density_per_m2 = 0;    ///< on the hills at the border; default: far_density_per_m2
  std::array<double, 2> thinning_m = {20, 50};        ///< distance to the centre line over which near becomes far
  std::array<double, 2> path_distance_m = {0, 1e4};   ///< grows only at such distances from the centre line
  std::array<double, 2> above_water_m = {0.05, 1e4};  ///< grows only at such heights above the water level
  bool on_dirt = false;                               ///< may lie on bare dirt
  double slope_max_deg = 60;
  double cluster_scale_m = 0;              ///< size of the patches in which the layer grows; 0: everywhere
  double cluster_coverage = 0.5;           ///< share of the ground inside patches
  double edge_boost = 0;                   ///< at the path's edge the layer is 1 + edge_boost times as dense
  double edge_width_m = 1.5;               ///< from the path's edge to where the boost is gone
  double mixing_scale_m = 0;               ///< size of the places where one of the assets prevails; 0: mixed evenly
  std::array<int, 2> group_size = {1, 1};  ///< things per place
  double group_radius_m = 0;
  double heap_height_m = 0;  ///< a group is piled up to this height in its middle
  std::array<double, 2> scale = {0.8, 1.2};
  double tilt_deg = 0;                     ///< largest lean
  double align_to_slope = 0;               ///< 0 upright … 1 square to the ground
  double sink_m = 0.02;                    ///< how deep the foot is below the ground, at scale 1
  double spacing_m = 0;                    ///< least distance between two of the layer
  double collision_radius_m = 0;           ///< at scale 1; 0: a vehicle passes through
  std::array<double, 3> tint = {1, 1, 1};  ///< linear RGB factor
  double tint_variation = 0.1;             ///< standard deviation of brightness and hue from one to the next
  double tint_drift = 0;                   ///< the same from place to place
};

/// `ground:` linear RGB factors of the ground's materials.
struct GroundScenario {
  std::array<double, 3> grass_tint = {1, 1, 1};
  std::array<double, 3> dirt_tint = {1, 1, 1};
  std::array<double, 3> water_tint = {1, 1, 1};
  double tint_drift = 0;  ///< standard deviation of the grass's brightness and hue from place to place
};

/// `sky:` sun, clouds, air and weather. The scenario may name a weather, and a date, time and place for the sun: they
/// set these.
struct SkyScenario {
  double sun_azimuth_deg = 220;   ///< counter-clockwise from the map's x axis (east)
  double sun_elevation_deg = 38;  ///< below 0: dusk and night
  double sun_size_deg = 0.533;    ///< diameter of its disc; 0: shadows with hard edges
  double turbidity = 3;
  double cloud_cover = 0.35;
  std::uint64_t cloud_seed = 0;  ///< 0: the scenario's seed
  double haze_distance_m = 900;
  double fog_visibility_m = 0;  ///< meteorological range at height 0; 0: no fog
  double fog_height_m = 25;
  double rain = 0, wetness = 0, snow = 0;  ///< 0…1
  double exposure = 1;

  bool operator==(const SkyScenario&) const = default;
};

/// `camera:` what every camera does to the light. A sensor's own attributes (objects.json) come before these.
struct CameraScenario {
  double exposure_ev = 0;              ///< stops above the automatic exposure
  double temperature_k = 6500;         ///< colour temperature that is taken for white
  double vignetting = 0;               ///< 0…1: darker corners
  std::array<double, 5> distortion{};  ///< of cameras that have none of their own: CameraModel::distortion
  double shutter_s = 0;                ///< time of exposure; 0: no motion blur
  double iso = 0;                      ///< noise; 0: none
  std::string tone = "filmic";         ///< or linear
};

/// `drive:` where and how fast drivers go unless told otherwise.
struct DriveScenario {
  double start_s_m = 0;  ///< arc length of the start on the path
  double speed_limit_mps = 6;
};

/// One entry of `actors:`: somebody else in this world who moves.
struct ActorScenario {
  std::string name;              ///< unique
  std::string kind = "person";   ///< a vehicle (jeep, truck, robot), a person, or an animal (deer, boar, cow)
  std::string course = "along";  ///< along: on the path; across: over it and back; stand
  double at = 0.5;               ///< where on the path it begins, share of it
  double offset_m = 0;  ///< along, stand: to the left of the centre line; across: how far it goes to either side
  std::string direction = "with";  ///< along: or against the path
  double speed_mps = 0;            ///< it likes to go; 0: what is usual for its kind
  double gap_m = 4;                ///< vehicles: room left to what they stop behind
  double trigger_m = 30;  ///< across: it sets out when a vehicle is as near as this; 0: it comes and goes all the time
  bool offset_given = false;  ///< without, the offset is chosen by kind and course
};

// What an actor can be and do, for scenario files and for whoever else makes one.
struct ValueRange {
  double least, most;
};
const std::vector<std::string>& actor_kinds();
bool actor_walks(const std::string& kind);                               ///< people and animals do
const std::vector<std::string>& actor_courses(const std::string& kind);  ///< vehicles keep to the path
ValueRange actor_speed_range_mps(const std::string& kind);
inline constexpr ValueRange kActorGapRangeM{1, 50}, kActorTriggerRangeM{0, 200};

struct Scenario {
  std::filesystem::path file;  ///< where it was read from
  std::filesystem::path home;  ///< what its relative paths mean when they are not beside it
  std::string text;            ///< as it was read
  std::string name;
  std::uint64_t seed = 1;
  std::filesystem::path ontology = "ontologies/bramble.yaml";
  std::filesystem::path assets = "assets";  ///< folder of class folders
  std::filesystem::path sensors = "config/objects.json";
  TerrainScenario terrain;
  PathScenario path;
  WaterScenario water;
  GroundScenario ground;
  std::vector<LayerScenario> layers;  ///< `vegetation:` then `rubble:`
  SkyScenario sky;
  CameraScenario camera;
  DriveScenario drive;
  std::vector<ActorScenario> actors;
  std::vector<VariationRule> variation;  ///< the values above are those of the file: see with_draws()
};

/// Reads a scenario. A relative path inside it (ontology, assets, sensors, path.file) means the scenario's folder if it
/// is there, else `home` (the folder that holds ontologies/); the result holds full paths. Throws one Error that lists
/// every mistake with file, line, key, value and the range or the choices.
Scenario load_scenario(const std::filesystem::path& file, const std::filesystem::path& home);
/// The same for text; `name` stands in messages, relative paths mean `folder` if what they name is there, else `home`.
Scenario parse_scenario(const std::string& text, const std::string& name, const std::filesystem::path& home,
                        const std::filesystem::path& folder = {});

}  // namespace bramble
