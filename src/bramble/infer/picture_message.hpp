#pragma once
#include "bramble/core/image.hpp"
#include "bramble/infer/picture_input.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/ros/image_view.hpp"
#include "bramble/stream/message.hpp"

namespace bramble {

/// A picture on its way, raw (sensor_msgs/msg/Image: grey, rgb8, bgr8, rgba8, bgra8) or compressed
/// (sensor_msgs/msg/CompressedImage: JPEG or PNG). Raw grey, RGB and BGRA pixels are read in place.
class PictureMessage {
 public:
  /// The message must outlive the object. Throws Error when its type is neither or its payload is cut.
  explicit PictureMessage(const Message& message);

  StampNs stamp_ns() const { return view_.stamp_ns; }
  std::string_view frame_id() const { return view_.frame_id; }
  /// Pixels for the engine, valid as long as object and message. Throws Error for what cannot be decoded.
  PictureView pixels();
  /// RGB [H, W, 3]; decoded once.
  const ImageU8& rgb();
  /// The message as a picture of class ids (dataset/decode.hpp).
  ImageU8 labels(const Ontology& ontology) const;

 private:
  ImageView view_;  ///< of a compressed picture: stamp, frame and, as data, the file
  bool compressed_ = false;
  ImageU8 rgb_;
};

/// Whether topics of this type can be labelled.
bool is_picture_type(const std::string& ros_type);

}  // namespace bramble
