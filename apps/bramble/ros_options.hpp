#pragma once
#include <CLI/CLI.hpp>

#include "bramble/live/ros_node.hpp"

namespace bramble {

/// Options of every subcommand that is a ROS 2 node.
inline void add_ros_options(CLI::App& cmd, RosNodeOptions& options) {
  cmd.add_option("--ros-domain", options.domain, "ROS domain (default: ROS_DOMAIN_ID, else 0)")
      ->check(CLI::Range(0, 232));
  cmd.add_option("--node-name", options.name, "name of this node")->capture_default_str();
}

}  // namespace bramble
