#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "dashboard_options.hpp"
#include "drive_options.hpp"

namespace bramble {

/// Drives through a scenario with a dashboard: until Ctrl-C, or through the frames that are asked for.
nlohmann::json run_simulation_dashboard(const std::string& scenario, DriveOptions drive, DashboardOptions& dashboard);

}  // namespace bramble
