#include "simulation_dashboard.hpp"

#include "bramble/serve/simulation_source.hpp"

namespace bramble {

nlohmann::json run_simulation_dashboard(const std::string& scenario, DriveOptions drive, DashboardOptions& dashboard) {
  dashboard.server.validate();  // before the world is built
  // Small enough to be live on two cores; --size chooses another.
  if (drive.size.empty()) drive.size = "512x384";
  if (drive.simulation.quality.empty()) drive.simulation.quality = "preview";
  dashboard.session.stay_at_end = drive.simulation.frames == 0;
  const auto manual = std::make_shared<ManualControl>();
  drive.simulation.manual = manual;
  auto simulation = start_drive(scenario, drive);
  const Ontology classes = simulation->world().ontology;
  auto source = std::make_unique<SimulationSource>(std::move(simulation), manual, drive.simulation.quality);
  return run_dashboard(std::move(source), dashboard, classes, [&](const LiveSource& ended) {
    save_trace(dynamic_cast<const SimulationSource&>(ended).simulation(), drive);
  });
}

}  // namespace bramble
