#pragma once
#include <span>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/dataset/point_cloud.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/ros/image_view.hpp"

namespace bramble {

/// What the pixels of a label message mean.
enum class LabelFormat {
  kAuto,    ///< one channel: ids; colour: tags when blue and green are 0 in every pixel, else colours
  kIds,     ///< raw values of the ontology (its class ids where it has no others), 255: ignored (one channel)
  kTags,    ///< CARLA's semantic tags: the one channel, or red of colour pictures; mapped by carla_tag
  kColors,  ///< the ontology's colours (colour pictures)
};

/// RGB picture [H, W, 3] of an image message: rgb8, bgr8, rgba8, bgra8 (and 8UC3, 8UC4 taken as BGR, OpenCV's order).
/// Throws Error for another encoding, or no pixels.
ImageU8 decode_picture(const ImageView& view);

/// Class ids [H, W, 1] of a label message in mono8, mono16 or one of the colour encodings above. A pixel with a tag or
/// colour that the ontology lacks, or such an id, becomes 255 (ignored); `unknown` counts them, but not black and tag
/// 0, which mean «no class» already. Throws Error for another encoding, no pixels, or one that does not fit `format`.
ImageU8 decode_label(const ImageView& view, const Ontology& ontology, std::uint64_t& unknown,
                     LabelFormat format = LabelFormat::kAuto);

/// Depth in metres [H, W, 1]: 32FC1 (metres) or 16UC1, mono16 (millimetres). 0 where nothing was measured.
ImageF32 decode_depth(const ImageView& view);
/// As it is stored: 16 bits, metres * 256 rounded (KITTI's depth PNG); 0 for nothing, and for what lies beyond 255.99
/// m.
ImageU16 depth_png_values(const ImageF32& depth_m);

/// A picture message as it comes over a topic: sensor_msgs/msg/Image, or sensor_msgs/msg/CompressedImage with JPEG or
/// PNG inside.
bool is_picture_type(std::string_view type);
/// Header stamp of one. Throws Error when the payload is cut.
StampNs picture_stamp(std::span<const std::uint8_t> cdr, std::string_view type);
ImageU8 decode_picture(std::span<const std::uint8_t> cdr, std::string_view type);
ImageU8 decode_label(std::span<const std::uint8_t> cdr, std::string_view type, const Ontology& ontology,
                     std::uint64_t& unknown, LabelFormat format);

/// Points of a sensor_msgs/msg/PointCloud2 with fields x, y, z and, where there, intensity (number of any type;
/// integers as they stand). Points that are not finite are left out. A field ObjTag (CARLA's semantic LiDAR) becomes
/// labels by carla_tag, ObjIdx instances. Throws Error when a field is missing or lies outside of a point.
PointCloud decode_cloud(std::span<const std::uint8_t> cdr, const Ontology& ontology);

}  // namespace bramble
