#include "bramble/world/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "bramble/core/parallel.hpp"
#include "bramble/world/path_shape.hpp"

namespace bramble {
namespace {

using Color = Eigen::Vector3d;

// Place in M of a pixel's centre; row 0 is the greatest y.
Eigen::Vector2d place_of(const World& world, int pixels, int u, int v) {
  return {((u + 0.5) / pixels - 0.5) * world.land().size_m, (0.5 - (v + 0.5) / pixels) * world.land().size_m};
}

void put(ImageU8& image, int u, int v, const Color& color) {
  for (int c = 0; c < 3; ++c)
    image.at(u, v)[c] = static_cast<std::uint8_t>(std::lround(std::clamp(color[c], 0.0, 255.0)));
}

// 0…1.3: how brightly the slope faces a sun in the north-west, as on a map.
double hill_shade(const Terrain& terrain, double x, double y) {
  const Eigen::Vector3d sun = Eigen::Vector3d(-0.55, 0.55, 0.75).normalized();
  return std::max(0.0, terrain.normal(x, y).dot(sun)) / sun.z();
}

// Greatest horizontal extent of each mesh from its foot, metres at scale 1.
std::vector<double> mesh_radii(const World& world) {
  std::vector<double> radii;
  for (const Mesh& mesh : world.meshes) {
    double squared = 0;
    for (const auto& p : mesh.positions) squared = std::max(squared, static_cast<double>(p.head<2>().squaredNorm()));
    radii.push_back(std::sqrt(squared));
  }
  return radii;
}

// Draws every instance as a disc, low things first, so that crowns lie over grass.
template <typename ColorOf>
void draw_instances(const World& world, ImageU8& image, double shrink, const ColorOf& color_of) {
  const std::vector<double> radii = mesh_radii(world);
  const int pixels = image.width;
  const double per_metre = pixels / world.land().size_m;
  std::vector<std::size_t> order(world.instances.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto radius_of = [&](std::size_t i) {
    const Instance& instance = world.instances[i];
    return radii[instance.mesh] * instance.X_MA.linear().col(2).norm();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return radius_of(a) < radius_of(b); });
  for (std::size_t i : order) {
    const Instance& instance = world.instances[i];
    const double r = shrink * radius_of(i) * per_metre;
    const double u0 = (instance.X_MA.translation().x() / world.land().size_m + 0.5) * pixels;
    const double v0 = (0.5 - instance.X_MA.translation().y() / world.land().size_m) * pixels;
    for (int v = std::max(0, static_cast<int>(v0 - r)); v <= std::min(pixels - 1, static_cast<int>(v0 + r)); ++v)
      for (int u = std::max(0, static_cast<int>(u0 - r)); u <= std::min(pixels - 1, static_cast<int>(u0 + r)); ++u) {
        const double du = (u + 0.5 - u0) / std::max(r, 0.7);
        const double dv = (v + 0.5 - v0) / std::max(r, 0.7);
        const double squared = du * du + dv * dv;
        if (squared > 1) continue;
        // A ball lit from the north-west.
        const double light = 0.75 + 0.25 * (-du - dv) + 0.15 * std::sqrt(1 - squared);
        if (const auto color = color_of(instance)) put(image, u, v, *color * light);
      }
  }
}

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

WorldStatistics measure(const World& world) {
  WorldStatistics s;
  const Terrain& terrain = world.terrain;
  const Terrain& land = world.land();
  s.size_m = land.size_m;
  s.window_m = world.surroundings.empty() ? 0 : terrain.size_m;
  s.instances = world.instances.size();
  s.effective_triangles = world.effective_triangles();
  const std::uint64_t ground_triangles = 2ULL * (terrain.samples - 1) * (terrain.samples - 1);
  s.stored_triangles = ground_triangles;
  for (const Mesh& mesh : world.meshes) {
    s.stored_triangles += mesh.triangles.size();
    s.memory_bytes += mesh.positions.size() * (2 * sizeof(Eigen::Vector3f) + sizeof(Eigen::Vector2f)) +
                      mesh.triangles.size() * (sizeof(mesh.triangles[0]) + sizeof(std::uint16_t));
  }
  for (const ImageU8& texture : world.textures) s.memory_bytes += texture.data.size();
  const auto bytes_of = [](const Terrain& t) {
    return (t.heights.size() + t.local_water.size()) * sizeof(float) + t.cover.data.size();
  };
  s.memory_bytes += world.instances.size() * sizeof(Instance) + bytes_of(terrain);
  for (const Terrain& around : world.surroundings) s.memory_bytes += bytes_of(around);

  for (const SemanticClass& c : world.ontology.classes()) s.classes.push_back({c.name});
  const PathField field(world.path, land.size_m);
  for (const Instance& instance : world.instances) {
    if (instance.class_id >= s.classes.size()) continue;
    auto& c = s.classes[instance.class_id];
    ++c.instances;
    c.triangles += world.meshes[instance.mesh].triangles.size();
    c.near_path += field.rough_distance(instance.X_MA.translation().x(), instance.X_MA.translation().y()) < 25.0;
  }
  constexpr int kSide = 1024;
  std::vector<std::uint64_t> counts(256);
  for (int v = 0; v < kSide; ++v)
    for (int u = 0; u < kSide; ++u) {
      const Eigen::Vector2d p = place_of(world, kSide, u, v);
      ++counts[world.ground_at(p.x(), p.y()).class_at(p.x(), p.y())];
    }
  for (std::size_t i = 0; i < s.classes.size(); ++i)
    s.classes[i].ground_share = share_of(counts[i], static_cast<std::uint64_t>(kSide) * kSide);

  const auto [low, high] = std::minmax_element(land.heights.begin(), land.heights.end());
  s.min_height_m = *low;
  s.max_height_m = *high;
  s.path_length_m = world.path.length_m();
  s.path_max_slope = max_path_slope(world.path);
  s.path_min_radius_m = min_bend_radius_m(world.path);
  if (terrain.water_level_m > -1e8) {
    s.path_min_above_water_m = 1e9;
    for (const auto& point : world.path.points)
      s.path_min_above_water_m = std::min(s.path_min_above_water_m, point.z() - terrain.water_level_m);
  }
  return s;
}

nlohmann::json to_json(const WorldStatistics& s) {
  nlohmann::json classes = nlohmann::json::object();
  for (const auto& c : s.classes)
    classes[c.name] = {{"instances", c.instances},
                       {"triangles", c.triangles},
                       {"ground_share", c.ground_share},
                       {"instances_within_25_m_of_path", c.near_path}};
  return {{"classes", classes},
          {"instances", s.instances},
          {"effective_triangles", s.effective_triangles},
          {"stored_triangles", s.stored_triangles},
          {"memory_bytes", s.memory_bytes},
          {"size_m", s.size_m},
          {"window_m", s.window_m},
          {"min_height_m", s.min_height_m},
          {"max_height_m", s.max_height_m},
          {"path_length_m", s.path_length_m},
          {"path_max_slope", s.path_max_slope},
          {"path_min_radius_m", s.path_min_radius_m},
          {"path_min_above_water_m", s.path_min_above_water_m}};
}

std::string to_text(const WorldStatistics& s) {
  std::string text = fmt::format("{:<8} {:>10} {:>14} {:>13} {:>13}\n", "class", "instances", "near the path",
                                 "triangles", "of the ground");
  for (const auto& c : s.classes)
    text += fmt::format("{:<8} {:>10} {:>14} {:>13} {:>12.1f}%\n", c.name, c.instances, c.near_path, c.triangles,
                        100 * c.ground_share);
  text += fmt::format("{:.1f} M triangles as seen, {:.2f} M stored; {:.0f} MB without the renderer\n",
                      s.effective_triangles * 1e-6, s.stored_triangles * 1e-6, s.memory_bytes * 1e-6);
  text += fmt::format("terrain {:.0f} m x {:.0f} m, heights {:.1f} … {:.1f} m", s.size_m, s.size_m, s.min_height_m,
                      s.max_height_m);
  if (s.window_m > 0) text += fmt::format("; {:.0f} m around the start in full detail, counted here", s.window_m);
  text += "\n";
  text += fmt::format("path {:.0f} m, tightest bend {:.1f} m, steepest {:.1f} %", s.path_length_m, s.path_min_radius_m,
                      100 * s.path_max_slope);
  if (s.path_min_above_water_m > 0)
    text += fmt::format(", at least {:.2f} m above the water", s.path_min_above_water_m);
  return text + "\n";
}

ImageU8 draw_height_map(const World& world, int pixels) {
  const auto extremes = std::minmax_element(world.land().heights.begin(), world.land().heights.end());
  const float low = *extremes.first;
  const double span = std::max<double>(*extremes.second - low, 1e-3);
  ImageU8 image(pixels, pixels, 3);
  parallel_for(static_cast<std::size_t>(pixels), [&](std::size_t v) {
    for (int u = 0; u < pixels; ++u) {
      const Eigen::Vector2d p = place_of(world, pixels, u, static_cast<int>(v));
      const Terrain& terrain = world.ground_at(p.x(), p.y());
      const double h = terrain.height(p.x(), p.y());
      // Contour lines every two metres over grey.
      const double line = std::abs(h / 2 - std::round(h / 2)) * 2;
      const double slope = std::tan(std::acos(std::min(1.0, terrain.normal(p.x(), p.y()).z())));
      const bool contour = line < 0.7 * slope * world.land().size_m / pixels;
      const double grey = 40 + 200 * (h - low) / span;
      put(image, u, static_cast<int>(v),
          contour ? Color(0.55 * grey, 0.45 * grey, 0.35 * grey) : Color(grey, grey, grey));
    }
  });
  return image;
}

ImageU8 draw_class_map(const World& world, int pixels) {
  const auto color_of_class = [&](ClassId id) {
    const Rgb& c = world.ontology[id].color;
    return Color(c[0], c[1], c[2]);
  };
  ImageU8 image(pixels, pixels, 3);
  parallel_for(static_cast<std::size_t>(pixels), [&](std::size_t v) {
    for (int u = 0; u < pixels; ++u) {
      const Eigen::Vector2d p = place_of(world, pixels, u, static_cast<int>(v));
      put(image, u, static_cast<int>(v), color_of_class(world.ground_at(p.x(), p.y()).class_at(p.x(), p.y())));
    }
  });
  draw_instances(world, image, 0.8, [&](const Instance& instance) -> std::optional<Color> {
    if (instance.class_id >= world.ontology.size()) return std::nullopt;
    return color_of_class(instance.class_id);
  });
  return image;
}

ImageU8 draw_top_view(const World& world, int pixels) {
  ImageU8 image(pixels, pixels, 3);
  const double size_m = world.land().size_m;
  parallel_for(static_cast<std::size_t>(pixels), [&](std::size_t v) {
    for (int u = 0; u < pixels; ++u) {
      const Eigen::Vector2d p = place_of(world, pixels, u, static_cast<int>(v));
      const Terrain& terrain = world.ground_at(p.x(), p.y());
      const GroundCover cover = terrain.cover_at(p.x(), p.y());
      const double shade = hill_shade(terrain, p.x(), p.y());
      Color color = Color(96, 124, 58) + cover.dirt * (Color(158, 126, 88) - Color(96, 124, 58));
      color *= (1 - 0.2 * cover.wear) * (1 - 0.4 * cover.wetness) * (0.35 + 0.65 * shade);
      const double depth = terrain.water_level(p.x(), p.y()) - terrain.height(p.x(), p.y());
      if (depth > 0) color = Color(62, 104, 128) * (1 - 0.35 * std::min(depth, 1.5) / 1.5);
      put(image, u, static_cast<int>(v), color);
    }
  });
  const auto tree = world.ontology.find("tree");
  const auto bush = world.ontology.find("bush");
  const auto grass = world.ontology.find("grass");
  draw_instances(world, image, 0.8, [&](const Instance& instance) -> std::optional<Color> {
    const Color tint = instance.tint.cast<double>();
    if (grass && instance.class_id == *grass) return std::nullopt;
    if (tree && instance.class_id == *tree) return Color(Color(52, 88, 40).cwiseProduct(tint));
    if (bush && instance.class_id == *bush) return Color(Color(84, 108, 44).cwiseProduct(tint));
    return Color(Color(132, 130, 126).cwiseProduct(tint));
  });
  const double length = world.path.length_m();
  for (double s = 0; s < length; s += 4) {
    const Eigen::Vector3d p = world.path.point_at(s);
    const int u = static_cast<int>((p.x() / size_m + 0.5) * pixels);
    const int v = static_cast<int>((0.5 - p.y() / size_m) * pixels);
    // The start is a larger mark, so that one sees where drivers begin.
    const int r = s == 0 ? std::max(3, pixels / 200) : 0;
    for (int dv = -r; dv <= r; ++dv)
      for (int du = -r; du <= r; ++du)
        if (u + du >= 0 && v + dv >= 0 && u + du < pixels && v + dv < pixels)
          put(image, u + du, v + dv, s == 0 ? Color(230, 40, 40) : Color(255, 250, 220));
  }
  return image;
}

}  // namespace bramble
