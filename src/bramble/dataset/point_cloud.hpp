#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Points of one LiDAR sweep, in the sensor's frame (x forward, y left, z up), metres; the fourth number is the
/// intensity or remission, 0…1.
struct PointCloud {
  std::vector<std::array<float, 4>> points;
  std::vector<ClassId> labels;           ///< one a point, kIgnoreId without class; empty: no labels
  std::vector<std::uint16_t> instances;  ///< one a point, 0: none; empty: none known
};

/// KITTI's .bin: float32 x, y, z, intensity, little-endian. Throws Error naming the file when its size does not fit.
std::vector<std::array<float, 4>> read_kitti_points(const std::filesystem::path& file);
std::vector<std::uint8_t> kitti_points(std::span<const std::array<float, 4>> points);

/// SemanticKITTI's .label: uint32 a point, the lower 16 bits a raw value of the ontology, the upper 16 the instance.
/// Fills labels and instances of a cloud whose points are there; `unknown` counts the values that the ontology lacks
/// (they become kIgnoreId) and `example` is one of them. Throws Error when the number of labels is not that of points.
void read_kitti_labels(const std::filesystem::path& file, const Ontology& ontology, PointCloud& cloud,
                       std::uint64_t& unknown, int& example);
/// With raw values, or with plain ids (255: ignored).
std::vector<std::uint8_t> kitti_labels(const PointCloud& cloud, const Ontology& ontology, bool plain_ids);

/// PLY, binary little-endian: x, y, z, intensity; label when there are labels. Meshlab, CloudCompare and Open3D read
/// it.
std::vector<std::uint8_t> ply(const PointCloud& cloud);

}  // namespace bramble
