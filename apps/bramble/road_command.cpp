#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/world/opendrive.hpp"
#include "bramble/world/path_shape.hpp"
#include "bramble/world/road_file.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/terrain_builder.hpp"
#include "command.hpp"

namespace bramble {
namespace {

struct RoadCommandOptions {
  std::string scenario;
  std::filesystem::path file;
  std::filesystem::path output;
  std::filesystem::path waypoints;
  std::string road;
  std::vector<double> unreal_origin;

  std::optional<UnrealOrigin> unreal() const {
    if (unreal_origin.empty()) return std::nullopt;
    return UnrealOrigin{unreal_origin[0], unreal_origin[1], unreal_origin[2]};
  }
};

nlohmann::json figures_of(const Path& path) {
  const PathExtent extent = extent_of(path);
  return {{"length_m", path.length_m()},
          {"closed", path.closed},
          {"extent_m", {extent.low.x(), extent.low.y(), extent.high.x(), extent.high.y()}},
          {"tightest_bend_m", min_bend_radius_m(path)},
          {"steepest_slope", max_path_slope(path)}};
}

std::string text_of(const Path& path) {
  const PathExtent extent = extent_of(path);
  return fmt::format(
      "length          {:.1f} m, {}\n"
      "extent          x {:.1f} … {:.1f} m, y {:.1f} … {:.1f} m ({:.0f} m x {:.0f} m)\n"
      "tightest bend   {:.1f} m\n"
      "steepest slope  {:.1f} %\n",
      path.length_m(), path.closed ? "closed" : "open", extent.low.x(), extent.high.x(), extent.low.y(),
      extent.high.y(), extent.high.x() - extent.low.x(), extent.high.y() - extent.low.y(), min_bend_radius_m(path),
      100 * max_path_slope(path));
}

void export_road(const RoadCommandOptions& options, const CommonOptions& common) {
  if (options.output.empty() && options.waypoints.empty())
    fail("nothing to write: give -o FILE, --waypoints FILE or both");
  const Scenario scenario = load_scenario(find_shipped(options.scenario, "scenarios", ".yaml"), home_folder());
  Path path = make_scenario_path(scenario);
  make_terrain(scenario, path, make_forks(scenario, path));
  if (!options.output.empty())
    write_file_atomically(options.output,
                          opendrive_xml(opendrive_of(path, scenario.name, scenario.drive.speed_limit_mps)));
  if (!options.waypoints.empty()) write_file_atomically(options.waypoints, waypoints_json(path, options.unreal()));
  fmt::print("{}\n{}", scenario.name, text_of(path));
  for (const auto& file : {options.output, options.waypoints})
    if (!file.empty()) fmt::print("written         {}\n", file.string());
  write_json(common, figures_of(path));
}

void check_road(const RoadCommandOptions& options, const CommonOptions& common) {
  const RoadFile road = read_road_file(options.file, {options.road, options.unreal()});
  fmt::print("{}\n{}", options.file.string(), text_of(road.path));
  fmt::print("heights         {}\n", road.has_heights ? "given" : "none");
  if (road.greatest_width_m > 0)
    fmt::print("driving lanes   {:.2f} … {:.2f} m wide together\n", road.least_width_m, road.greatest_width_m);
  if (!road.roads.empty()) fmt::print("way             road {}\n", fmt::join(road.roads, ", "));
  if (!road.geo_reference.empty()) fmt::print("map projection  {}\n", road.geo_reference);
  for (const std::string& what : road.left_out) fmt::print("ignored         {}\n", what);
  nlohmann::json figures = figures_of(road.path);
  figures["has_heights"] = road.has_heights;
  figures["least_width_m"] = road.least_width_m;
  figures["greatest_width_m"] = road.greatest_width_m;
  figures["roads"] = road.roads;
  figures["geo_reference"] = road.geo_reference;
  figures["ignored"] = road.left_out;
  write_json(common, figures);
}

}  // namespace

void add_road_command(CLI::App& app, CommonOptions& common) {
  auto options = std::make_shared<RoadCommandOptions>();
  auto* cmd = app.add_subcommand("road", "A world's path as OpenDRIVE or waypoints; what a road file holds");
  cmd->require_subcommand(1);
  const auto unreal_option = [&](CLI::App* sub) {
    sub->add_option("--unreal-origin", options->unreal_origin,
                    "waypoints are centimetres of an Unreal level, in which the map's origin lies at X,Y,Z")
        ->delimiter(',')
        ->expected(3)
        ->type_name("X,Y,Z");
  };

  auto* write = cmd->add_subcommand("export", "Write the path of a scenario");
  write->add_option("SCENARIO", options->scenario, "scenario file, or the name of one that ships with Bramble")
      ->required();
  write->add_option("-o,--output", options->output, "OpenDRIVE 1.4 file to write, as CARLA reads it")
      ->type_name("FILE");
  write->add_option("--waypoints", options->waypoints, "list of points [[x, y, z], …] to write")->type_name("FILE");
  unreal_option(write);
  write->footer(
      "Examples:\n  bramble road export meadow -o meadow.xodr\n"
      "  bramble road export meadow --waypoints points.json --unreal-origin 100,-175,0");
  write->callback([options, &common] { export_road(*options, common); });

  auto* check = cmd->add_subcommand("check", "Read a road file and say what it holds");
  check->add_option("FILE", options->file, "OpenDRIVE (.xodr) or waypoints (.json)")->required();
  check->add_option("--road", options->road, "the way through this road (default: the longest way)")->type_name("ID");
  unreal_option(check);
  check->footer(
      "Examples:\n  bramble road check scenarios/roads/line_spiral_arc.xodr\n"
      "  bramble road check town.xodr --road 12 --json road.json");
  check->callback([options, &common] { check_road(*options, common); });

  cmd->footer("Examples:\n  bramble road export meadow -o meadow.xodr\n  bramble road check meadow.xodr");
}

}  // namespace bramble
