#include "bramble/sim/drive_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/render/annotations.hpp"

namespace bramble {

void DriveStatistics::add(const SimFrame& frame) {
  const Eigen::Vector2d place = frame.state.X_MB.translation().head<2>();
  if (frames_ > 0) distance_m_ += (place - last_).norm();
  last_ = place;
  ++frames_;
  max_speed_mps_ = std::max(max_speed_mps_, std::abs(frame.state.speed_mps()));
  s_m_ = world_.path.nearest_s(place.x(), place.y(), s_m_);
  const double lateral = std::abs(world_.path.lateral_offset(place.x(), place.y(), s_m_));
  max_lateral_m_ = std::max(max_lateral_m_, lateral);
  sum_lateral_m_ += lateral;
  collisions_ = frame.state.collisions;
  const Eigen::Vector3d rpy = rpy_of(frame.state.X_MB.linear()) * 180 / std::numbers::pi;
  max_roll_deg_ = std::max(max_roll_deg_, std::abs(rpy.x()));
  max_pitch_deg_ = std::max(max_pitch_deg_, std::abs(rpy.y()));
}

double DriveStatistics::mean_speed_mps() const {
  return frames_ > 1 ? distance_m_ / (static_cast<double>(frames_ - 1) * kFrameS) : 0;
}
double DriveStatistics::mean_lateral_m() const {
  return frames_ > 0 ? sum_lateral_m_ / static_cast<double>(frames_) : 0;
}

std::string DriveStatistics::to_text() const {
  return fmt::format(
      "frames               {} ({:.1f} s)\n"
      "distance             {:.1f} m\n"
      "speed                {:.2f} m/s mean, {:.2f} m/s highest\n"
      "off the centre line  {:.2f} m mean, {:.2f} m largest\n"
      "lean                 {:.1f} deg roll, {:.1f} deg pitch, at most\n"
      "collisions           {}\n",
      frames_, static_cast<double>(frames_) * kFrameS, distance_m_, mean_speed_mps(), max_speed_mps_, mean_lateral_m(),
      max_lateral_m_, max_roll_deg_, max_pitch_deg_, collisions_);
}

nlohmann::json DriveStatistics::to_json() const {
  return {{"frames", frames_},
          {"duration_s", static_cast<double>(frames_) * kFrameS},
          {"distance_m", distance_m_},
          {"mean_speed_mps", mean_speed_mps()},
          {"max_speed_mps", max_speed_mps_},
          {"mean_lateral_m", mean_lateral_m()},
          {"max_lateral_m", max_lateral_m_},
          {"max_roll_deg", max_roll_deg_},
          {"max_pitch_deg", max_pitch_deg_},
          {"collisions", collisions_}};
}

namespace {

// Direction of the motion as hue, its length (up to a twentieth of the picture) as saturation on white.
ImageU8 flow_colors(const ImageF32& flow) {
  ImageU8 picture(flow.width, flow.height, 3);
  for (std::size_t i = 0; i < picture.pixel_count(); ++i) {
    const double u = flow.data[2 * i], v = flow.data[2 * i + 1];
    const double strength = std::min(1.0, 20 * std::hypot(u, v)), angle = std::atan2(v, u);
    for (int c = 0; c < 3; ++c) {
      const double wave = 0.5 + 0.5 * std::cos(angle - 2 * std::numbers::pi * c / 3);
      picture.data[3 * i + static_cast<std::size_t>(c)] =
          static_cast<std::uint8_t>(std::lround(255 * (1 - strength * (1 - wave))));
    }
  }
  return picture;
}

// A colour of its own for each, by its id alone, so that it stays from frame to frame; black for `nothing`.
ImageU8 id_colors(const ImageU32& ids, std::uint32_t nothing) {
  ImageU8 picture(ids.width, ids.height, 3);
  for (std::size_t i = 0; i < ids.data.size(); ++i) {
    const std::uint32_t id = ids.data[i];
    const std::uint32_t mixed = (id ^ id >> 15U) * 2654435761U;
    for (std::size_t c = 0; c < 3; ++c)
      picture.data[3 * i + c] = id == nothing ? 0 : static_cast<std::uint8_t>(64 + (mixed >> (8 * c)) % 192);
  }
  return picture;
}

// The classes' colours, mixed by their shares.
ImageU8 coverage_colors(const ImageF32& coverage, const Ontology& ontology) {
  ImageU8 picture(coverage.width, coverage.height, 3);
  const auto classes = static_cast<std::size_t>(coverage.channels);
  for (std::size_t i = 0; i < picture.pixel_count(); ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      float sum = 0;
      for (std::size_t k = 0; k < classes; ++k)
        sum += coverage.data[i * classes + k] * static_cast<float>(ontology[static_cast<ClassId>(k)].color[c]);
      picture.data[3 * i + c] = static_cast<std::uint8_t>(std::lround(std::min(sum, 255.0F)));
    }
  return picture;
}

}  // namespace

ImageU8 picture_of(const Simulation& simulation, std::size_t index) {
  const Sensor& sensor = simulation.rig().sensors.at(index);
  const CameraFrame* frame = simulation.frame().readings.at(index).camera;
  if (frame == nullptr) return {};
  if (sensor.kind == SensorKind::kSemantic) return simulation.world().ontology.colorize(frame->semantic);
  if (sensor.kind == SensorKind::kDepth) {
    ImageU8 picture(frame->depth_m.width, frame->depth_m.height, 3);
    for (std::size_t i = 0; i < frame->depth_m.data.size(); ++i) {
      const double share = std::log1p(std::clamp(frame->depth_m.data[i], 0.0F, 1000.0F)) / std::log(1001.0);
      std::fill_n(picture.data.begin() + static_cast<std::ptrdiff_t>(3 * i), 3,
                  static_cast<std::uint8_t>(std::lround(255 * (1 - share))));
    }
    return picture;
  }
  if (sensor.kind == SensorKind::kNormals) {
    ImageU8 picture(frame->normal.width, frame->normal.height, 3);
    for (std::size_t i = 0; i < picture.data.size(); ++i)
      picture.data[i] = static_cast<std::uint8_t>(std::lround(127.5F + 127.5F * frame->normal.data[i]));
    return picture;
  }
  if (sensor.kind == SensorKind::kPanoptic) return id_colors(panoptic_ids(frame->instance, frame->semantic), kIgnoreId);
  if (sensor.kind == SensorKind::kCoverage) return coverage_colors(frame->coverage, simulation.world().ontology);
  if (sensor.kind == SensorKind::kOpticalFlow) return flow_colors(frame->flow);
  if (sensor.kind == SensorKind::kInstance) return id_colors(frame->instance, kSkyInstanceId);
  if (sensor.kind != SensorKind::kRgb) return {};
  ImageU8 picture(frame->bgra.width, frame->bgra.height, 3);
  for (std::size_t i = 0; i < frame->bgra.pixel_count(); ++i)
    for (std::size_t c = 0; c < 3; ++c) picture.data[3 * i + c] = frame->bgra.data[4 * i + 2 - c];
  return picture;
}

}  // namespace bramble
