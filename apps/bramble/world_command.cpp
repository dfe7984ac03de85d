#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/peak_memory.hpp"
#include "bramble/render/panorama.hpp"
#include "bramble/world/opendrive.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/statistics.hpp"
#include "bramble/world/streamed_world.hpp"
#include "bramble/world/world_builder.hpp"
#include "command.hpp"

namespace bramble {

void add_world_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::string scenario;
    std::filesystem::path output;
    int pixels = 1600;
    int frames = 16;
    int width = 640;
    bool reverse = false;
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("world", "Pictures, road and numbers of a scenario's world");
  cmd->add_option("SCENARIO", options->scenario, "scenario file, or the name of one that ships with Bramble")
      ->required();
  cmd->add_option("-o,--output", options->output, "folder for the pictures (none are made without it)");
  cmd->add_option("--pixels", options->pixels, "side of the maps")->check(CLI::Range(64, 8192));
  cmd->add_option("--frames", options->frames, "views along the path in the panorama (0: no panorama)")
      ->check(CLI::Range(0, 2000));
  cmd->add_option("--width", options->width, "width of each view; the height is three quarters of it")
      ->check(CLI::Range(64, 4096));
  cmd->add_flag("--reverse", options->reverse, "look against the direction of travel");
  cmd->footer(
      "Examples:\n  bramble world meadow\n  bramble world scenarios/other.yaml -o pictures --frames 24 --json "
      "numbers.json");
  cmd->callback([options, &common] {
    const Scenario scenario = load_scenario(find_shipped(options->scenario, "scenarios", ".yaml"), home_folder());
    const auto begin = std::chrono::steady_clock::now();
    WorldStock loaded = load_stock(scenario);
    std::unique_ptr<StreamedWorld> streamed;  // holds the world if it is too large to be held whole
    std::optional<World> whole;
    if (scenario.terrain.window_m > 0)
      streamed = std::make_unique<StreamedWorld>(scenario, std::move(loaded.stock), loaded.assets);
    else
      whole = grow_world(scenario, std::move(loaded.stock), loaded.assets);
    const World& world = streamed ? streamed->world() : *whole;
    const double build_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double peak_mb = peak_memory_mb();
    const WorldStatistics statistics = measure(world);
    fmt::print("{} (seed {}), built in {:.2f} s, at most {:.0f} MB of memory\n{}", world.name, world.seed, build_s,
               peak_mb, to_text(statistics));

    nlohmann::json figures = to_json(statistics);
    figures["name"] = world.name;
    figures["seed"] = world.seed;
    figures["build_s"] = build_s;
    figures["peak_memory_mb"] = peak_mb;
    figures["fingerprint"] = fmt::format("{:016x}", fingerprint(world));
    if (!options->output.empty()) {
      write_png(options->output / "top.png", draw_top_view(world, options->pixels), PngEffort::kSmall);
      write_png(options->output / "classes.png", draw_class_map(world, options->pixels), PngEffort::kSmall);
      write_png(options->output / "heights.png", draw_height_map(world, options->pixels), PngEffort::kSmall);
      write_file_atomically(options->output / "road.xodr",
                            opendrive_xml(opendrive_of(world.path, world.name, scenario.drive.speed_limit_mps)));
      fmt::print("maps: {0}/top.png, {0}/classes.png, {0}/heights.png\nroad: {0}/road.xodr\n",
                 options->output.string());
      if (options->frames > 0) {
        const Renderer renderer(world);
        CameraModel camera;
        camera.width = options->width;
        camera.height = options->width * 3 / 4;
        camera.samples_per_axis = 2;
        const Panorama panorama =
            drive_panorama(world, renderer, camera, options->frames, 1.9, options->reverse, streamed.get());
        write_png(options->output / "panorama.png", contact_sheet(world, panorama, 4, std::min(options->width, 480)),
                  PngEffort::kSmall);
        for (std::size_t i = 0; i < panorama.rgb.size(); ++i)
          write_png(options->output / fmt::format("view_{:03}.png", i), panorama.rgb[i], PngEffort::kSmall);
        fmt::print("views: {0}/panorama.png, {0}/view_NNN.png; class, share of the pixels, in how many views:\n{1}",
                   options->output.string(), to_text(world, panorama));
        figures["panorama"] = to_json(world, panorama);
      }
    }
    write_json(common, figures);
  });
}

}  // namespace bramble
