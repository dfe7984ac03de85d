#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/world/asset_library.hpp"
#include "command.hpp"

namespace bramble {

namespace {

// What one mesh costs: its own numbers, read off the library.
struct AssetFigures {
  std::size_t triangles = 0, materials = 0, cutouts = 0;
  std::set<int> textures;
};

AssetFigures figures_of(const AssetLibrary& library, const Asset& asset) {
  const Mesh& mesh = library.meshes[asset.mesh];
  AssetFigures figures;
  figures.triangles = mesh.triangles.size();
  const std::set<std::uint16_t> used(mesh.triangle_material.begin(), mesh.triangle_material.end());
  figures.materials = used.size();
  for (const auto number : used) {
    const Material& material = library.materials[number];
    if (material.alpha_cutoff > 0) ++figures.cutouts;
    for (const int texture : {material.color_texture, material.normal_texture})
      if (texture >= 0) figures.textures.insert(texture);
  }
  return figures;
}

}  // namespace

void add_assets_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::filesystem::path folder;
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("assets", "The meshes that scenarios can scatter: classes, triangles, sizes");
  cmd->add_option("--folder", options->folder, "folder of class folders (default: the assets that ship with Bramble)");
  cmd->footer("Examples:\n  bramble assets\n  bramble assets --folder my_assets --json assets.json");
  cmd->callback([options, &common] {
    const auto folder = options->folder.empty() ? home_folder() / "assets" : options->folder;
    const Ontology ontology = Ontology::load(home_folder() / "ontologies" / "bramble.yaml");
    const auto begin = std::chrono::steady_clock::now();
    const AssetLibrary library = load_assets(folder, ontology);
    const double load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

    nlohmann::json figures = {{"folder", folder.string()}, {"load_s", load_s}, {"textures", library.textures.size()}};
    figures["assets"] = nlohmann::json::array();
    std::size_t triangles = 0;
    for (const SemanticClass& entry : ontology.classes()) {
      std::size_t count = 0;
      for (const Asset& asset : library.assets) count += asset.class_id == entry.id;
      fmt::print("{} ({} {})\n", entry.name, count, count == 1 ? "mesh" : "meshes");
      for (const Asset& asset : library.assets) {
        if (asset.class_id != entry.id) continue;
        const AssetFigures own = figures_of(library, asset);
        triangles += own.triangles;
        fmt::print("  {:<18} {:<8} {:>7} triangles  {:5.2f} x {:5.2f} x {:5.2f} m  {} texture{}{}{}\n", asset.name,
                   asset.sidecar.kind, own.triangles, asset.size_m.x(), asset.size_m.y(), asset.size_m.z(),
                   own.textures.size(), own.textures.size() == 1 ? "" : "s", own.cutouts > 0 ? ", cut out" : "",
                   asset.sidecar.collision ? fmt::format(", foot {:.2f} m", asset.foot_radius_m) : ", no collision");
        figures["assets"].push_back({{"class", asset.class_name},
                                     {"name", asset.name},
                                     {"file", asset.file.string()},
                                     {"kind", asset.sidecar.kind},
                                     {"triangles", own.triangles},
                                     {"materials", own.materials},
                                     {"textures", own.textures.size()},
                                     {"cut_outs", own.cutouts},
                                     {"size_m", {asset.size_m.x(), asset.size_m.y(), asset.size_m.z()}},
                                     {"foot_radius_m", asset.foot_radius_m},
                                     {"collision", asset.sidecar.collision}});
      }
    }
    fmt::print("{} meshes, {} triangles, {} textures; ground pictures: grass {}, dirt {}; loaded in {:.2f} s\n",
               library.assets.size(), triangles, library.textures.size(), library.grass_material >= 0 ? "yes" : "no",
               library.dirt_material >= 0 ? "yes" : "no", load_s);
    figures["triangles"] = triangles;
    write_json(common, figures);
  });
}

}  // namespace bramble
