#include "bramble/dataset/calibration.hpp"

#include <nlohmann/json.hpp>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

void write_calibration(const ExtractOptions& options, const std::vector<CameraTopics>& cameras) {
  nlohmann::ordered_json out;
  for (const auto& camera : cameras) {
    const std::string topic = camera.image.substr(0, camera.image.rfind('/')) + "/camera_info";
    BagReader reader(options.bags.front(), {topic}, options.recover ? Damage::kRecover : Damage::kRefuse);
    const auto message = reader.next();
    if (!message) fail("bag {}: {} holds no message", options.bags.front().string(), topic);
    const auto info = deserialize<sensor_msgs::CameraInfo>(*message->cdr);
    const double crop_width = options.crop_width > 0 ? options.crop_width : info.width;
    const double crop_height = options.crop_height > 0 ? options.crop_height : info.height;
    const double width = options.width > 0 ? options.width : crop_width;
    const double height = options.height > 0 ? options.height : crop_height;
    const double sx = width / crop_width, sy = height / crop_height;
    // Rows of k (3x3) and p (3x4): focal lengths and skew scale; the centre moves with the corner first.
    const auto adapted = [&](auto matrix, std::size_t columns) {
      matrix[0] *= sx;
      matrix[1] *= sx;
      matrix[2] = (matrix[2] + 0.5 - options.crop_x) * sx - 0.5;
      matrix[columns + 1] *= sy;
      matrix[columns + 2] = (matrix[columns + 2] + 0.5 - options.crop_y) * sy - 0.5;
      return matrix;
    };
    auto p = adapted(info.p, 4);
    p[3] *= sx;
    p[7] *= sy;
    out[camera.name] = {{"topic", camera.image},
                        {"frame_id", info.header.frame_id},
                        {"width", width},
                        {"height", height},
                        {"distortion_model", info.distortion_model},
                        {"d", info.d},
                        {"k", adapted(info.k, 3)},
                        {"p", p},
                        {"recorded", {{"width", info.width}, {"height", info.height}, {"k", info.k}}}};
  }
  write_file_atomically(options.output / "calibration.json", out.dump(2) + "\n");
}

}  // namespace bramble
