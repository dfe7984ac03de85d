#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "bramble/bridge/bridge_inputs.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/eval/run_report.hpp"
#include "bramble/live/ros_node.hpp"
#include "bramble/sim/drive_statistics.hpp"
#include "command.hpp"
#include "drive_options.hpp"
#include "ros_options.hpp"
#include "simulation_dashboard.hpp"

namespace bramble {

namespace {

struct LiveOptions {
  bool on = false;
  double rate = 1;
  std::vector<std::string> topics;
  RosNodeOptions node;
  std::shared_ptr<ManualControl> controls = std::make_shared<ManualControl>();
};

// Publishes the drive as it goes, at the wall clock's pace or as fast as frames are made. Nothing is left out: a slow
// machine makes simulated time go slower.
void publish_live(Simulation& simulation, const LiveOptions& live, DriveStatistics& statistics) {
  using Clock = std::chrono::steady_clock;
  RosNode node(live.node);
  for (const TopicInfo& topic : simulation.topics())
    if (simulation.wants(topic.name)) node.advertise(topic);
  BridgeInputs inputs(node, *live.controls, simulation);
  const auto frame_time =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kFrameS / live.rate));
  Progress progress("publishing", static_cast<std::uint64_t>(simulation.frame_count()));
  std::int64_t last = -1;
  auto due = Clock::now();
  while (!interrupted()) {
    if (simulation.frame_sent() && inputs.take(interrupted)) due = Clock::now();
    if (interrupted()) break;
    const auto message = simulation.next();
    if (!message) break;
    if (simulation.frame().index != last) {
      last = simulation.frame().index;
      statistics.add(simulation.frame());
      progress.advance();
      std::this_thread::sleep_until(due);
      due = std::max(due, Clock::now() - frame_time) + frame_time;  // what is late is not made up for
    }
    node.publish(*message);
  }
  node.wait_for_acknowledgments(std::chrono::seconds(2));
}

// The frame as the first colour camera saw it, with its classes and what the vehicle did.
void add_to_report(RunReport& report, const Simulation& simulation) {
  const SimFrame& frame = simulation.frame();
  const auto& sensors = simulation.rig().sensors;
  const auto camera = std::find_if(sensors.begin(), sensors.end(),
                                   [](const Sensor& sensor) { return sensor.kind == SensorKind::kRgb; });
  if (camera == sensors.end()) fail("--report needs a colour camera in the sensor rig (sensor.camera.rgb)");
  const auto index = static_cast<std::size_t>(camera - sensors.begin());
  const ImageU8 picture = picture_of(simulation, index);
  if (picture.empty()) return;  // not a frame of this camera
  const ImageU8& classes = frame.readings[index].camera->semantic;
  report.add({.stamp_ns = frame.stamp_ns,
              .picture = &picture,
              .truth = classes.width == picture.width && classes.height == picture.height ? &classes : nullptr,
              .values = {{"Speed, m/s", frame.state.speed_mps()}, {"Steering, rad", frame.state.steer_rad}}});
}

}  // namespace

void add_sim_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::string scenario;
    std::filesystem::path output, report;
    int every = 10;
    DriveOptions drive;
    LiveOptions live;
    bool serve = false;
    DashboardOptions dashboard;
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("sim", "Drive through a scenario; numbers of the drive, pictures on request");
  cmd->add_option("SCENARIO", options->scenario, "scenario file, or the name of one that ships with Bramble")
      ->required();
  cmd->add_option("-o,--output", options->output, "folder for pictures of every camera (none are made without it)");
  cmd->add_option("--every", options->every, "a picture every so many frames")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cmd->add_option("--report", options->report, "folder for a page with a video of the drive");
  add_drive_options(*cmd, options->drive);
  cmd->add_flag("--ros", options->live.on, "publish the topics as a ROS 2 node, in real time if the machine can");
  cmd->add_option("--rate", options->live.rate, "with --ros: times as fast as the wall clock")
      ->check(CLI::Range(1e-3, 1e3));
  cmd->add_option("--topics", options->live.topics, "with --ros: only these, and only the sensors they need");
  cmd->add_option("--ros-distro", options->live.node.ros_distro, "with --ros: layout of the node graph")
      ->check(CLI::IsMember({"humble", "jazzy"}))
      ->capture_default_str();
  cmd->add_flag("--best-effort", options->live.node.best_effort, "with --ros: as ROS's sensor data profile");
  add_ros_options(*cmd, options->live.node);
  cmd->add_flag("--dashboard", options->serve, "serve a web page to look at the drive and to take the wheel");
  add_dashboard_options(*cmd, options->dashboard, "--dashboard");
  cmd->footer(
      "Without --frames: a trace is driven whole, another drive for 1200 frames (a minute); with --ros or --dashboard "
      "until Ctrl-C.\nWith --ros the vehicle, the weather and the clock take carla_ros_bridge's commands; see "
      "docs/guide/ros2.md.\n"
      "Examples:\n  bramble sim meadow --dashboard --driver manual\n  bramble sim meadow --ros --driver manual --size "
      "512x384\n  bramble sim tiny --driver reverse "
      "--frames 200 --size 512x384 -o pictures --report report");
  cmd->callback([options, &common] {
    DriveOptions& drive = options->drive;
    if (options->serve) {
      if (options->live.on || !options->output.empty() || !options->report.empty())
        throw CLI::ValidationError("--dashboard", "goes without --ros, --output and --report");
      return write_json(common, run_simulation_dashboard(options->scenario, drive, options->dashboard));
    }
    if (options->live.on && !options->report.empty()) throw CLI::ValidationError("--report", "goes without --ros");
    const bool pictures = !options->output.empty();
    if (drive.simulation.frames == 0 && !options->live.on && !drive.simulation.driver.starts_with("trace:"))
      drive.simulation.frames = 1200;
    drive.simulation.topics = options->live.topics;
    drive.simulation.manual = options->live.controls;
    if (!options->live.on)
      drive.simulation.topics = {"/clock"};  // renders nothing; pictures are made from the frames they fall on
    const auto simulation = start_drive(options->scenario, drive);
    DriveStatistics statistics(simulation->world());
    std::optional<RunReport> report;
    if (!options->report.empty())
      report.emplace(options->report, simulation->world().ontology,
                     RunReportOptions{.title = options->scenario, .facts = {{"driver", drive.simulation.driver}}});
    const auto begin = std::chrono::steady_clock::now();
    if (options->live.on) {
      publish_live(*simulation, options->live, statistics);
    } else {
      Progress progress("driving", static_cast<std::uint64_t>(simulation->frame_count()));
      while (!interrupted() && simulation->advance()) {
        statistics.add(simulation->frame());
        const bool of_pictures = pictures && simulation->frame().index % options->every == 0;
        if (of_pictures || report) simulation->render_cameras();
        if (report) add_to_report(*report, *simulation);
        if (of_pictures) {
          for (std::size_t i = 0; i < simulation->rig().sensors.size(); ++i) {
            const auto picture = picture_of(*simulation, i);
            if (picture.empty()) continue;
            write_png(options->output /
                          fmt::format("{}_{:06}.png", simulation->rig().sensors[i].id, simulation->frame().index),
                      picture);
          }
        }
        progress.advance();
      }
    }
    const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    save_trace(*simulation, drive);
    fmt::print("{}", statistics.to_text());
    const double frames_per_s = static_cast<double>(statistics.frames()) / elapsed_s;
    fmt::print("frames per second    {:.1f}{}\n", frames_per_s,
               pictures || report || options->live.on ? "" : " (nothing rendered)");
    if (pictures) fmt::print("pictures             {}/\n", options->output.string());
    if (report && report->frames() > 0) {
      report->finish();
      fmt::print("report               {}\n", (options->report / "index.html").string());
    }
    nlohmann::json figures = statistics.to_json();
    figures["frames_per_s"] = frames_per_s;
    write_json(common, figures);
    if (!options->live.on) throw_if_interrupted();  // Ctrl-C is how a live drive ends
  });
}

}  // namespace bramble
