#include "bramble/dataset/point_cloud.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {

std::vector<std::array<float, 4>> read_kitti_points(const std::filesystem::path& file) {
  const auto bytes = read_file(file);
  if (bytes.size() % 16 != 0)
    fail("{}: {} bytes are no whole number of points (x, y, z, intensity as float32)", file.string(), bytes.size());
  std::vector<std::array<float, 4>> points(bytes.size() / 16);
  if (!points.empty()) std::memcpy(points.data(), bytes.data(), bytes.size());
  return points;
}

std::vector<std::uint8_t> kitti_points(std::span<const std::array<float, 4>> points) {
  std::vector<std::uint8_t> bytes(points.size() * 16);
  if (!points.empty()) std::memcpy(bytes.data(), points.data(), bytes.size());
  return bytes;
}

void read_kitti_labels(const std::filesystem::path& file, const Ontology& ontology, PointCloud& cloud,
                       std::uint64_t& unknown, int& example) {
  const auto bytes = read_file(file);
  if (bytes.size() != 4 * cloud.points.size())
    fail("{}: {} bytes of labels for {} points, expected {}", file.string(), bytes.size(), cloud.points.size(),
         4 * cloud.points.size());
  cloud.labels.resize(cloud.points.size());
  cloud.instances.resize(cloud.points.size());
  std::map<int, std::optional<ClassId>> known;
  for (std::size_t i = 0; i < cloud.points.size(); ++i) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + 4 * i, 4);
    const int raw = static_cast<int>(value & 0xFFFF);
    auto found = known.find(raw);
    if (found == known.end()) found = known.emplace(raw, ontology.find_raw(raw)).first;
    cloud.labels[i] = found->second.value_or(kIgnoreId);
    cloud.instances[i] = static_cast<std::uint16_t>(value >> 16);
    if (!found->second) {
      ++unknown;
      example = raw;
    }
  }
}

std::vector<std::uint8_t> kitti_labels(const PointCloud& cloud, const Ontology& ontology, bool plain_ids) {
  std::vector<std::uint8_t> bytes(4 * cloud.labels.size());
  for (std::size_t i = 0; i < cloud.labels.size(); ++i) {
    const auto raw = static_cast<std::uint32_t>(plain_ids ? cloud.labels[i] : ontology.raw_of(cloud.labels[i]));
    const std::uint32_t value = raw | (cloud.instances.empty() ? 0U : std::uint32_t{cloud.instances[i]} << 16);
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  return bytes;
}

std::vector<std::uint8_t> ply(const PointCloud& cloud) {
  const bool labelled = !cloud.labels.empty();
  const std::string header = fmt::format(
      "ply\nformat binary_little_endian 1.0\ncomment made by Bramble\nelement vertex {}\nproperty float x\n"
      "property float y\nproperty float z\nproperty float intensity\n{}end_header\n",
      cloud.points.size(), labelled ? "property uchar label\n" : "");
  const std::size_t stride = labelled ? 17 : 16, begin = header.size();
  std::vector<std::uint8_t> bytes(begin + stride * cloud.points.size());
  std::copy(header.begin(), header.end(), bytes.begin());
  for (std::size_t i = 0; i < cloud.points.size(); ++i) {
    std::memcpy(bytes.data() + begin + stride * i, cloud.points[i].data(), 16);
    if (labelled) bytes[begin + stride * i + 16] = cloud.labels[i];
  }
  return bytes;
}

}  // namespace bramble
