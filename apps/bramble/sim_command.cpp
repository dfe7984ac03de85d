#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/sim/drive_statistics.hpp"
#include "command.hpp"
#include "drive_options.hpp"

namespace bramble {

void add_sim_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::string scenario;
    std::filesystem::path output;
    int every = 10;
    DriveOptions drive;
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("sim", "Drive through a scenario; numbers of the drive, pictures on request");
  cmd->add_option("SCENARIO", options->scenario, "scenario file, or the name of one that ships with Bramble")
      ->required();
  cmd->add_option("-o,--output", options->output, "folder for pictures of every camera (none are made without it)");
  cmd->add_option("--every", options->every, "a picture every so many frames")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_drive_options(*cmd, options->drive);
  cmd->footer(
      "Without --frames: a trace is driven whole, another drive for 1200 frames (a minute).\n"
      "Examples:\n  bramble sim meadow\n  bramble sim tiny --driver reverse --frames 200 --size 512x384 -o pictures");
  cmd->callback([options, &common] {
    DriveOptions& drive = options->drive;
    const bool pictures = !options->output.empty();
    if (drive.simulation.frames == 0 && !drive.simulation.driver.starts_with("trace:")) drive.simulation.frames = 1200;
    drive.simulation.topics = {"/clock"};  // renders nothing; pictures are made from the frames they fall on
    const auto simulation = start_drive(options->scenario, drive);
    DriveStatistics statistics(simulation->world());
    const auto begin = std::chrono::steady_clock::now();
    {
      Progress progress("driving", static_cast<std::uint64_t>(simulation->frame_count()));
      while (!interrupted() && simulation->advance()) {
        statistics.add(simulation->frame());
        if (pictures && simulation->frame().index % options->every == 0) {
          simulation->render_cameras();
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
    fmt::print("frames per second    {:.1f}{}\n", frames_per_s, pictures ? "" : " (nothing rendered)");
    if (pictures) fmt::print("pictures             {}/\n", options->output.string());
    nlohmann::json figures = statistics.to_json();
    figures["frames_per_s"] = frames_per_s;
    write_json(common, figures);
    throw_if_interrupted();
  });
}

}  // namespace bramble
