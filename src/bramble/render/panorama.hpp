#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bramble/render/renderer.hpp"
#include "bramble/world/streamed_world.hpp"

namespace bramble {

/// What a vehicle would see on its way round the path: frames at equal distances, and what they show.
struct Panorama {
  std::vector<double> s_m;                  ///< arc length of each frame
  std::vector<ImageU8> rgb;                 // [H, W, 3]
  std::vector<ImageU8> semantic;            // [H, W, 1] ClassId
  std::vector<std::vector<double>> shares;  // [frames, classes] of the pixels
  std::vector<double> mean_shares;          // [classes]
  std::vector<double>
      frames_with_class;  ///< [classes] share of the frames in which it has at least 0.1 % of the pixels
};

/// Where a camera `eye_height_m` above the path at arc length `s_m` looks along it (backwards with `reverse`), with the
/// slope of the next metres and pitched down a little: the pose of its optical frame.
Pose path_view(const World& world, double s_m, double eye_height_m, bool reverse);

/// `frames` views from `eye_height_m` above the path, looking along it (backwards with `reverse`), pitched down a
/// little. `streamed`: what holds the world, if it has to follow the views.
Panorama drive_panorama(const World& world, const Renderer& renderer, const CameraModel& camera, int frames,
                        double eye_height_m = 1.9, bool reverse = false, StreamedWorld* streamed = nullptr);

/// The frames side by side, each with its label colours under it, `columns` in a row.
ImageU8 contact_sheet(const World& world, const Panorama& panorama, int columns, int frame_width);

/// Mean share of each class and the share of views that show it, for people and for machines.
std::string to_text(const World& world, const Panorama& panorama);
nlohmann::json to_json(const World& world, const Panorama& panorama);

}  // namespace bramble
