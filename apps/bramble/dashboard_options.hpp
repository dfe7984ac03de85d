#pragma once
#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "bramble/serve/live_session.hpp"
#include "command.hpp"

namespace bramble {

/// Options of every subcommand that serves a dashboard.
struct DashboardOptions {
  ServerOptions server;
  LiveSessionOptions session;
  std::filesystem::path model;  ///< empty: no segmentation
  std::string precision = "auto";
  std::string image_topic = "/carla/hero/rgb_front/image";
  std::string label_topic = "/carla/hero/semantic_segmentation_front/image";
  bool loop = false;
};

/// `needs`: the option that these go with («--dashboard»), empty where the subcommand is about nothing else.
void add_dashboard_options(CLI::App& cmd, DashboardOptions& options, const std::string& needs);

/// Serves the source until it ends or Ctrl-C, and prints what happened. With a model, its masks are topics too.
/// `classes` are those of the source's labels; `at_end` is called when it has ended.
nlohmann::json run_dashboard(std::unique_ptr<LiveSource> source, DashboardOptions& options, const Ontology& classes,
                             const std::function<void(const LiveSource&)>& at_end = {});

}  // namespace bramble
