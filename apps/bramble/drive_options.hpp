#pragma once
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "bramble/sim/simulation.hpp"

namespace bramble {

/// Options of every subcommand that drives through a scenario.
struct DriveOptions {
  SimulationOptions simulation;
  std::string size;  ///< «512x384», empty: as the rig says
  std::string semantic_encoding = "mono8";
  std::filesystem::path vehicle = "jeep";
  std::filesystem::path sensors;  ///< another objects.json than the scenario's
  std::filesystem::path save_trace;
  std::uint64_t variation_seed = 0;  ///< 0: the scenario's seed
};

void add_drive_options(CLI::App& cmd, DriveOptions& options);
/// Loads the scenario (a file or a shipped name), builds its world and puts the vehicle at the start.
std::unique_ptr<Simulation> start_drive(const std::string& scenario, DriveOptions& options);
/// Writes what was driven to --save-trace, if given.
void save_trace(const Simulation& simulation, const DriveOptions& options);

}  // namespace bramble
