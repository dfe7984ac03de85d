// bramble dashboard: a web page with what a bag holds, what is live on the ROS network, or a simulation.
#include <memory>

#include "bramble/serve/bag_source.hpp"
#include "bramble/serve/ros_source.hpp"
#include "command.hpp"
#include "ros_options.hpp"
#include "simulation_dashboard.hpp"

namespace bramble {

void add_dashboard_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::string source;
    std::filesystem::path ontology = "bramble";
    bool allow_control = false;
    std::string control_topic = "/carla/hero/vehicle_control_cmd";
    RosNodeOptions node;
    DashboardOptions dashboard;
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("dashboard", "A web page with a bag, live ROS 2 topics or a simulation");
  cmd->add_option("SOURCE", options->source, "a bag; ros for what is live on the network; sim:SCENARIO")->required();
  cmd->add_flag("-l,--loop", options->dashboard.loop, "a bag: begin again at the end");
  cmd->add_option("--ontology", options->ontology, "classes of the labels of a bag or of the network")
      ->capture_default_str();
  cmd->add_flag("--allow-control", options->allow_control,
                "with ros: publish what is driven at the dashboard, so that a vehicle obeys it");
  cmd->add_option("--control-topic", options->control_topic, "with --allow-control: where to")->capture_default_str();
  add_dashboard_options(*cmd, options->dashboard, "");
  options->node.name = "bramble_dashboard";
  add_ros_options(*cmd, options->node);
  cmd->footer(
      "A simulation has more options as: bramble sim SCENARIO --dashboard\n"
      "Examples:\n  bramble dashboard bags/train\n  bramble dashboard ros --model models/mine --bind 0.0.0.0 --token "
      "WORD");
  cmd->callback([options, &common] {
    DashboardOptions& dashboard = options->dashboard;
    if (options->source.starts_with("sim:"))
      return write_json(common, run_simulation_dashboard(options->source.substr(4), {}, dashboard));
    const Ontology classes = Ontology::load(find_shipped(options->ontology, "ontologies", ".yaml"));
    std::unique_ptr<LiveSource> source;
    if (options->source == "ros")
      source = std::make_unique<RosSource>(options->node, options->allow_control, options->control_topic);
    else
      source = std::make_unique<BagSource>(options->source, dashboard.loop);
    write_json(common, run_dashboard(std::move(source), dashboard, classes));
  });
}

}  // namespace bramble
