#pragma once
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bramble/world/opendrive.hpp"
#include "bramble/world/path.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

/// A place of an Unreal level that is the map's origin, in Unreal's centimetres (x forward, y right, z up). What lies
/// at (X, Y, Z) there is at ((X - x) / 100, -(Y - y) / 100, (Z - z) / 100) in metres here.
struct UnrealOrigin {
  double x_cm = 0, y_cm = 0, z_cm = 0;
};

struct RoadFileOptions {
  std::string road;                    ///< id of an OpenDRIVE road; empty: that which leads to the longest way
  std::optional<UnrealOrigin> unreal;  ///< of waypoints; none: they are metres in the map frame
};

/// A path out of a file.
struct RoadFile {
  Path path;                 ///< in the file's own coordinates; its width is that of the lanes, where known
  bool has_heights = false;  ///< else all z are 0
  double least_width_m = 0;  ///< of the driving lanes together; 0: not known
  double greatest_width_m = 0;
  std::vector<std::string> roads;     ///< ids of the OpenDRIVE roads that it follows, in order
  std::vector<std::string> left_out;  ///< what else the file holds, for people
  std::string geo_reference;          ///< PROJ string; empty: none
};

/// Reads a path: `.xodr` (OpenDRIVE) or `.json` (waypoints).
///
/// OpenDRIVE: the middle of the driving lanes (of the reference line where there are none), from road to road as their
/// links say; a junction ends the way. A lane that begins or ends abruptly moves the middle over 10 m.
/// Waypoints: a list [[x, y], …] or [[x, y, z], …] of two points or more, joined by straight segments; the last one
/// equal to the first closes the path.
///
/// Either way: points at equal distances of about 0.5 m between corners of more than 10 degrees, which are kept. The
/// path is closed when its ends meet within 0.1 m. Throws Error with file, place, what is wrong and what to do; also
/// for paths shorter than 10 m or longer than 50 km.
RoadFile read_road_file(const std::filesystem::path& file, const RoadFileOptions& options = {});
/// The same for text; `name` stands in messages.
RoadFile parse_opendrive_path(const std::string& text, const std::string& name, const RoadFileOptions& options = {});
RoadFile parse_waypoints(const std::string& text, const std::string& name, const RoadFileOptions& options = {});

/// A path as waypoints, which parse_waypoints reads: [[x, y, z], …], the first again at the end of a closed one.
std::string waypoints_json(const Path& path, const std::optional<UnrealOrigin>& unreal = std::nullopt);

/// The centre line of a scenario: out of its road file, moved to its place on the terrain, or else the loop that
/// make_path_loop makes. z is 0, or with path.file_elevation the file's height. Throws Error naming scenario and file
/// when the file cannot be read, the road is too long for the terrain or leaves it.
Path make_scenario_path(const Scenario& scenario);

/// x and y of the outermost points.
struct PathExtent {
  Eigen::Vector2d low, high;
};
PathExtent extent_of(const Path& path);

}  // namespace bramble
