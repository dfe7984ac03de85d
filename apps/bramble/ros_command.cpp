// bramble ros: what there is on the ROS 2 network.
#include <fmt/format.h>

#include <memory>
#include <thread>

#include "bramble/core/interrupt.hpp"
#include "bramble/live/ros_node.hpp"
#include "command.hpp"
#include "ros_options.hpp"

namespace bramble {

void add_ros_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    RosNodeOptions node;
    double seconds = 2;
  };
  auto options = std::make_shared<Options>();
  options->node.name = "bramble_looker";
  auto* cmd = app.add_subcommand("ros", "Topics and nodes on the ROS 2 network, without a ROS installation");
  cmd->require_subcommand(1);
  cmd->footer("Examples:\n  bramble ros topics\n  ROS_DOMAIN_ID=7 bramble ros nodes --seconds 5");
  const auto add = [&](const char* name, const char* about, const char* footer, auto show) {
    auto* sub = cmd->add_subcommand(name, about);
    add_ros_options(*sub, options->node);
    sub->add_option("--seconds", options->seconds, "how long to look")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    sub->footer(footer);
    sub->callback([options, &common, show] {
      const RosNode node(options->node);
      const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options->seconds);
      while (!interrupted() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      write_json(common, show(node));
    });
  };
  add("topics", "every topic that is published or subscribed", "Examples:\n  bramble ros topics",
      [](const RosNode& node) {
        nlohmann::json figures = nlohmann::json::array();
        for (const RosTopic& topic : node.topics()) {
          fmt::print("{:<60} {:<40} {} publishing, {} subscribing{}\n", topic.info.name, topic.info.type,
                     topic.publishers, topic.subscribers, topic.info.latched ? ", latched" : "");
          figures.push_back({{"topic", topic.info.name},
                             {"type", topic.info.type},
                             {"publishers", topic.publishers},
                             {"subscribers", topic.subscribers},
                             {"latched", topic.info.latched}});
        }
        return figures;
      });
  add("nodes", "every node", "Examples:\n  bramble ros nodes", [](const RosNode& node) {
    for (const std::string& name : node.nodes()) fmt::print("{}\n", name);
    return nlohmann::json(node.nodes());
  });
}

}  // namespace bramble
