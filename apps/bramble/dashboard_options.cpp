#include "dashboard_options.hpp"

#include <fmt/format.h>

#include "bramble/core/log.hpp"
#include "live_model.hpp"

namespace bramble {

void add_dashboard_options(CLI::App& cmd, DashboardOptions& options, const std::string& needs) {
  const std::string with = needs.empty() ? "" : "with " + needs + ": ";
  ServerOptions& server = options.server;
  cmd.add_option("--port", server.port, with + "port to serve on; 0: any that is free")->capture_default_str();
  cmd.add_option("--bind", server.bind,
                 with + "address to serve on; any but this machine's own 127.0.0.1 needs --token")
      ->capture_default_str();
  cmd.add_option("--token", server.access.token, with + "word that clients must show (?token=… or Bearer)");
  cmd.add_option("--allow-origin", server.access.origins,
                 with + "web pages of others that may connect without a token, for example https://app.foxglove.dev");
  cmd.add_option("--max-clients", options.session.limits.clients, with + "how many may look at once")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  cmd.add_option("--page", server.page_folder, with + "serve the page's files from here, for work on it")
      ->check(CLI::ExistingDirectory);
  cmd.add_option("--speed", options.session.pace.speed, with + "times as fast as the wall clock; 0: as fast as it goes")
      ->check(CLI::Range(0.0, 16.0))
      ->capture_default_str();
  cmd.add_flag("--realtime", options.session.pace.realtime,
               with +
                   "never fall behind the wall clock: lower the quality of pictures, let sensors take turns, then "
                   "leave some out");
  cmd.add_flag("--paused", options.session.paused, with + "wait for somebody to press play");
  cmd.add_option("--record-folder", options.session.record_folder, with + "where the record button puts bags")
      ->capture_default_str();
  cmd.add_option("--record-topics", options.session.record_topics, with + "what it records (default: every topic)");
  cmd.add_option("--model", options.model,
                 with + "model package whose masks are shown, and scored where there is truth");
  cmd.add_option("--precision", options.precision,
                 with + "of --model: f32, bf16, int8 (after bramble model quantize), or auto")
      ->capture_default_str();
  cmd.add_option("--image-topic", options.image_topic, with + "pictures for --model")->capture_default_str();
  cmd.add_option("--label-topic", options.label_topic, with + "true labels to score --model against, when there")
      ->capture_default_str();
}

nlohmann::json run_dashboard(std::unique_ptr<LiveSource> source, DashboardOptions& options, const Ontology& classes,
                             const std::function<void(const LiveSource&)>& at_end) {
  std::unique_ptr<LiveModel> model;
  if (!options.model.empty()) model = open_live_model(options);
  options.session.ontology = classes;
  options.server.source = source->kind();
  options.server.version = BRAMBLE_VERSION;
  LiveSession session(std::move(source), options.session, options.server);
  if (model) model->join(session, classes);
  fmt::print("dashboard: {}\nCtrl-C ends it\n", session.server().url());
  std::fflush(stdout);
  session.run();
  if (at_end) at_end(session.source());
  const LiveSession::Figures figures = session.figures();
  const ServerCounts counts = session.server().counts();
  fmt::print("{} frames in {:.1f} s: {:.1f} frames/s", figures.frames, figures.seconds,
             figures.seconds > 0 ? static_cast<double>(figures.frames) / figures.seconds : 0);
  if (options.session.pace.realtime) fmt::print(", {} without sensors", figures.skipped);
  fmt::print("\nmilliseconds a frame:");
  for (const auto& [part, ms] : figures.timings_ms) fmt::print(" {} {:.1f}", part, ms);
  fmt::print("\n{} connections, {} of them clients, {} refused\n", counts.connections, counts.web_sockets,
             counts.refused);
  return {{"frames", figures.frames},         {"seconds", figures.seconds},        {"skipped", figures.skipped},
          {"timings_ms", figures.timings_ms}, {"connections", counts.connections}, {"clients", counts.web_sockets},
          {"refused", counts.refused}};
}

}  // namespace bramble
