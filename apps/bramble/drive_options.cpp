#include "drive_options.hpp"

#include <charconv>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "command.hpp"

namespace bramble {
namespace {

void parse_size(const std::string& text, int& width, int& height) {
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, width);
  bool good = first.ec == std::errc{} && first.ptr != end && *first.ptr == 'x';
  if (good) {
    const auto second = std::from_chars(first.ptr + 1, end, height);
    good = second.ec == std::errc{} && second.ptr == end;
  }
  if (!good || width < 8 || height < 8 || width > 16384 || height > 16384)
    fail("--size is '{}'; it must be WIDTHxHEIGHT, for example 512x384, each from 8 to 16384", text);
}

}  // namespace

void add_drive_options(CLI::App& cmd, DriveOptions& options) {
  cmd.add_option("--driver", options.simulation.driver,
                 "autopilot, reverse, manual-like, trace:FILE, or manual (ROS topics)")
      ->capture_default_str();
  cmd.add_option("--frames", options.simulation.frames, "how many frames of 50 ms")->check(CLI::PositiveNumber);
  cmd.add_option("--size", options.size, "picture size of every camera, for example 512x384 (default: the rig's)");
  cmd.add_option("--quality", options.simulation.quality,
                 "of RGB cameras: draft (a ray for four pixels, of labels too), preview (1 ray a pixel), standard (4), "
                 "reference (64) (default: the rig's)")
      ->check(CLI::IsMember({"draft", "preview", "standard", "reference"}));
  cmd.add_option("--sensor-every", options.simulation.sensor_every, "cameras and LiDARs deliver in every n-th frame")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cmd.add_option("--start", options.simulation.start_s_m, "start this many metres further along the path");
  cmd.add_option(
         "--from-frame", options.simulation.first_frame,
         "drive up to this frame without rendering or recording anything; the frame is the same as in the whole "
         "drive")
      ->check(CLI::NonNegativeNumber);
  cmd.add_option("--variation-seed", options.variation_seed,
                 "of what the scenario's variation draws (default: the scenario's seed)");
  cmd.add_option("--seed", options.simulation.seed, "of drivers and sensor noise (default: the scenario's)");
  cmd.add_option("--semantic-encoding", options.semantic_encoding,
                 "class images: mono8 (ids) or carla (bgra8, tag in red)")
      ->check(CLI::IsMember({"mono8", "carla"}))
      ->capture_default_str();
  cmd.add_option("--vehicle", options.vehicle, "vehicle file, or the name of one in config/vehicles")
      ->capture_default_str();
  cmd.add_option("--sensors", options.sensors, "sensor rig (objects.json) instead of the scenario's");
  cmd.add_option("--save-trace", options.save_trace, "also write the drive as a trace, for --driver trace:FILE");
}

std::unique_ptr<Simulation> start_drive(const std::string& scenario_name, DriveOptions& options) {
  if (!options.size.empty()) parse_size(options.size, options.simulation.width, options.simulation.height);
  options.simulation.semantic_encoding = parse_semantic_encoding(options.semantic_encoding);
  // A shipped trace is found from any folder.
  if (std::string& driver = options.simulation.driver; driver.starts_with("trace:")) {
    const std::filesystem::path file = driver.substr(6);
    if (!std::filesystem::exists(file) && file.is_relative() && std::filesystem::exists(home_folder() / file))
      driver = "trace:" + (home_folder() / file).string();
  }
  const auto vehicle = find_shipped(options.vehicle, "config/vehicles", ".yaml");
  Scenario scenario = load_scenario(find_shipped(scenario_name, "scenarios", ".yaml"), home_folder());
  if (!options.sensors.empty()) scenario.sensors = find_shipped(options.sensors, "config", ".json");
  // Mistakes in small files are told before the world is built.
  Rig::load(scenario.sensors);
  VehicleConfig::load(vehicle);
  return OpenWorld::open(scenario, options.variation_seed, false).simulation(vehicle, options.simulation);
}

void save_trace(const Simulation& simulation, const DriveOptions& options) {
  if (!options.save_trace.empty()) write_file_atomically(options.save_trace, simulation.trace().to_csv());
}

}  // namespace bramble
