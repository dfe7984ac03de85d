#include "bramble/render/gallery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/render/panorama.hpp"
#include "bramble/world/weather.hpp"
#include "bramble/world/world_builder.hpp"

namespace bramble {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Bramble: worlds and weathers</title>
<style>
:root { color-scheme: light dark; --ink: #1c2420; --paper: #f6f6f4; --soft: #5a655f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edea; --paper: #111514; --soft: #9aa5a0; } }
body { margin: 2rem auto; max-width: 1800px; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif;
       color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin: 0 } p { color: var(--soft); margin: .2rem 0 1.2rem }
section { margin-bottom: 1.6rem } h2 { font-size: 1.1rem; margin: 0 } .grid { display: grid; gap: .5rem }
figure { margin: 0 } button { all: unset; display: block; cursor: pointer; width: 100% }
button:focus-visible { outline: 3px solid #3a78d8; outline-offset: 2px }
img { width: 100%; display: block; border-radius: 4px } img + img { display: none }
button[aria-pressed=true] img { display: none } button[aria-pressed=true] img + img { display: block }
figcaption { font-size: .85rem; color: var(--soft) }
.key span { margin-right: 1rem; white-space: nowrap } .key i { display: inline-block; width: .9em; height: .9em; margin-right: .35em }
</style>
<h1>Worlds and weathers</h1>
<p>Each row is a scenario, each column a weather. Click a frame for the classes of the same pixels.</p>
)";
constexpr const char* kTail = R"(<script>
for (const button of document.querySelectorAll('button'))
  button.onclick = () => button.setAttribute('aria-pressed', button.getAttribute('aria-pressed') !== 'true');
</script></html>
)";

// The first comment of a scenario file says what it is.
std::string described(const Scenario& scenario) {
  const std::size_t begin = scenario.text.starts_with("# ") ? 2 : std::string::npos;
  if (begin == std::string::npos) return "";
  std::string text = scenario.text.substr(begin, scenario.text.find('\n') - begin), safe;
  for (const char c : text) safe += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return safe;
}

}  // namespace

void write_gallery(const std::filesystem::path& folder, const std::vector<Scenario>& scenarios,
                   const GalleryOptions& options) {
  for (const auto& weather : options.weathers) {
    SkyScenario unused;
    if (!set_weather(weather, unused))
      fail("there is no weather '{}'; there are: {}", weather, fmt::join(weather_names(), ", "));
  }
  std::string page = kHead;
  Progress progress("gallery", scenarios.size() * options.weathers.size());
  for (std::size_t row = 0; row < scenarios.size(); ++row) {
    const Scenario& scenario = scenarios[row];
    throw_if_interrupted();
    const auto begin = std::chrono::steady_clock::now();
    const World world = build_world(scenario);
    const double build_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const Renderer renderer(world);
    if (row == 0) {
      page += "<p class=key>";
      for (const auto& c : world.ontology.classes())
        page += fmt::format("<span><i style=\"background:rgb({},{},{})\"></i>{}</span>", c.color[0], c.color[1],
                            c.color[2], c.name);
      page += "</p>\n";
    }
    page += fmt::format(
        "<section><h2>{}</h2><p>{} ({:.0f} million triangles as seen, built in {:.1f} s)</p>\n"
        "<div class=grid style=\"grid-template-columns:repeat({},1fr)\">\n",
        scenario.name, described(scenario), static_cast<double>(world.effective_triangles()) * 1e-6, build_s,
        options.weathers.size());
    for (std::size_t column = 0; column < options.weathers.size(); ++column) {
      throw_if_interrupted();
      const std::string& weather = options.weathers[column];
      renderer.relight(make_sky(with_draws(scenario, {{"sky.weather", weather}}).sky, scenario.seed));
      CameraFrame frame;
      const double share = (static_cast<double>(column) + 0.35) / static_cast<double>(options.weathers.size());
      renderer.render(options.camera, path_view(world, share * world.path.length_m(), 1.9, false), {}, frame);
      ImageU8 rgb(frame.bgra.width, frame.bgra.height, 3), classes = rgb;
      for (std::size_t p = 0; p < rgb.pixel_count(); ++p) {
        const auto id = frame.semantic.data[p];
        for (std::size_t c = 0; c < 3; ++c) {
          rgb.data[3 * p + c] = frame.bgra.data[4 * p + 2 - c];
          classes.data[3 * p + c] = id < world.ontology.size() ? world.ontology.classes()[id].color[c] : 0;
        }
      }
      const std::string name = scenario.name + "_" + weather;
      write_file_atomically(folder / (name + ".jpg"), encode_jpeg(rgb, 90));
      write_png(folder / (name + "_classes.png"), classes, PngEffort::kSmall);
      page += fmt::format(
          "<figure><button aria-pressed=false aria-label=\"{0}, {1}: show the classes\"><img src=\"{0}_{1}.jpg\" "
          "alt=\"{0} in {1}\" loading=lazy><img src=\"{0}_{1}_classes.png\" alt=\"classes of {0} in {1}\" "
          "loading=lazy></button><figcaption>{1}</figcaption></figure>\n",
          scenario.name, weather);
      progress.advance();
    }
    page += "</div></section>\n";
  }
  write_file_atomically(folder / "index.html", page + kTail);
}

}  // namespace bramble
