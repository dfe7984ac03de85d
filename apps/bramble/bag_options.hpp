#pragma once
#include <CLI/CLI.hpp>

#include "bramble/bag/bag_writer.hpp"

namespace bramble {

/// Options of every subcommand that writes bags, called as `ros2 bag record` calls them.
void add_bag_options(CLI::App& cmd, BagOptions& options);

}  // namespace bramble
