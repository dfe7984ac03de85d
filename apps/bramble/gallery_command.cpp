// bramble gallery: what scenarios look like, in several weathers, on one page.
#include <fmt/format.h>

#include <memory>

#include "bramble/render/gallery.hpp"
#include "command.hpp"
#include "sizes.hpp"

namespace bramble {

void add_gallery_command(CLI::App& app, CommonOptions&) {
  struct Options {
    std::vector<std::string> scenarios = {"meadow", "mixed_forest", "conifer_forest", "heath", "dry_scrub", "autumn"};
    std::filesystem::path output = "out/gallery";
    std::string size = "1024x768";
    std::string quality = "standard";
    GalleryOptions gallery;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("gallery", "A page of scenarios in several weathers");
  command->add_option("SCENARIO", options->scenarios, "scenario files or shipped names (default: the six biomes)");
  command->add_option("-o,--output", options->output, "folder of the page")->capture_default_str();
  command->add_option("--weather", options->gallery.weathers, "weathers, one column each")->capture_default_str();
  command->add_option("--size", options->size, "of each frame")->capture_default_str();
  command->add_option("--quality", options->quality, "preview (1 ray a pixel), standard (4) or reference (64)")
      ->check(CLI::IsMember({"preview", "standard", "reference"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n  bramble gallery\n  bramble gallery heath my.yaml --weather ClearDusk --weather SnowNoon -o "
      "pages/snow");
  command->callback([options] {
    std::vector<Scenario> scenarios;
    for (const auto& name : options->scenarios)
      scenarios.push_back(load_scenario(find_shipped(name, "scenarios", ".yaml"), home_folder()));
    std::tie(options->gallery.camera.width, options->gallery.camera.height) = parse_size(options->size);
    set_quality(options->quality, options->gallery.camera);
    write_gallery(options->output, scenarios, options->gallery);
    fmt::print("gallery  {}\n", (options->output / "index.html").string());
  });
}

}  // namespace bramble
