#include "bramble/render/panorama.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/progress.hpp"

namespace bramble {

Pose path_view(const World& world, double s_m, double eye_height_m, bool reverse) {
  Eigen::Vector3d forward = world.path.tangent_at(s_m) * (reverse ? -1.0 : 1.0);
  // Pitch with the slope of the next few metres, as a vehicle does, and 3 degrees down to see the ground.
  const Eigen::Vector3d ahead = world.path.point_at(s_m + (reverse ? -3.0 : 3.0)) - world.path.point_at(s_m);
  forward.z() = ahead.z() / std::max(ahead.head<2>().norm(), 0.1) - 0.052;
  forward.normalize();
  const Eigen::Vector3d right = forward.cross(Eigen::Vector3d::UnitZ()).normalized();
  Pose X_MC = Pose::Identity();
  X_MC.linear().col(0) = right;
  X_MC.linear().col(1) = forward.cross(right);
  X_MC.linear().col(2) = forward;
  X_MC.translation() = world.path.point_at(s_m) + Eigen::Vector3d(0, 0, eye_height_m);
  return X_MC;
}

Panorama drive_panorama(const World& world, const Renderer& renderer, const CameraModel& camera, int frames,
                        double eye_height_m, bool reverse, StreamedWorld* streamed) {
  Panorama panorama;
  const double length = world.path.length_m();
  CameraFrame frame;
  Progress progress("views", static_cast<std::uint64_t>(frames));
  for (int i = 0; i < frames; ++i) {
    throw_if_interrupted();
    const double s = length * i / frames;
    const Pose X_MC = path_view(world, s, eye_height_m, reverse);
    if (streamed) streamed->move_to(X_MC.translation().x(), X_MC.translation().y());
    renderer.follow_world();
    renderer.render(camera, X_MC, {}, frame);

    ImageU8 rgb(camera.width, camera.height, 3);
    for (std::size_t p = 0; p < rgb.pixel_count(); ++p)
      for (int c = 0; c < 3; ++c) rgb.data[3 * p + c] = frame.bgra.data[4 * p + 2 - c];
    std::vector<double> shares(world.ontology.size(), 0.0);
    for (std::uint8_t id : frame.semantic.data)
      if (id < shares.size()) shares[id] += 1.0 / static_cast<double>(frame.semantic.pixel_count());
    panorama.s_m.push_back(s);
    panorama.rgb.push_back(std::move(rgb));
    panorama.semantic.push_back(frame.semantic);
    panorama.shares.push_back(std::move(shares));
    progress.advance();
  }
  panorama.mean_shares.assign(world.ontology.size(), 0.0);
  panorama.frames_with_class.assign(world.ontology.size(), 0.0);
  for (const auto& shares : panorama.shares)
    for (std::size_t c = 0; c < shares.size(); ++c) {
      panorama.mean_shares[c] += shares[c] / frames;
      panorama.frames_with_class[c] += (shares[c] >= 0.001 ? 1.0 : 0.0) / frames;
    }
  return panorama;
}

ImageU8 contact_sheet(const World& world, const Panorama& panorama, int columns, int frame_width) {
  const int count = static_cast<int>(panorama.rgb.size());
  if (count == 0) return {};
  columns = std::min(columns, count);
  const int frame_height = frame_width * panorama.rgb[0].height / panorama.rgb[0].width;
  const int rows = (count + columns - 1) / columns;
  constexpr int kGap = 4;
  ImageU8 sheet(columns * (frame_width + kGap) + kGap, rows * (2 * frame_height + 2 * kGap) + kGap, 3, 255);
  const auto paste = [&](const ImageU8& picture, int u0, int v0) {
    for (int v = 0; v < picture.height; ++v)
      std::copy_n(picture.row(v), static_cast<std::size_t>(picture.width) * 3, sheet.at(u0, v0 + v));
  };
  for (int i = 0; i < count; ++i) {
    const int u = kGap + (i % columns) * (frame_width + kGap);
    const int v = kGap + (i / columns) * (2 * frame_height + 2 * kGap);
    paste(resize_picture(panorama.rgb[i], frame_width, frame_height), u, v);
    paste(world.ontology.colorize(resize_labels(panorama.semantic[i], frame_width, frame_height)), u, v + frame_height);
  }
  return sheet;
}

std::string to_text(const World& world, const Panorama& panorama) {
  std::string text;
  for (const SemanticClass& c : world.ontology.classes())
    text += fmt::format("{:<8} {:>6.2f} % {:>5.0f} %\n", c.name, 100 * panorama.mean_shares[c.id],
                        100 * panorama.frames_with_class[c.id]);
  return text;
}

nlohmann::json to_json(const World& world, const Panorama& panorama) {
  nlohmann::json classes = nlohmann::json::object();
  for (const SemanticClass& c : world.ontology.classes())
    classes[c.name] = {{"mean_share", panorama.mean_shares[c.id]},
                       {"views_with_class", panorama.frames_with_class[c.id]}};
  return {{"views", panorama.s_m.size()}, {"classes", classes}};
}

}  // namespace bramble
