#pragma once
#include "bramble/dataset/decode.hpp"
#include "bramble/stream/message.hpp"

namespace bramble {

/// The colouring node of the reference project: label pictures (mono8 ids or tags, bgra8 with tags in red) into
/// pictures for people, rgb8 in the ontology's colours, with the label's header. Pixels without a class are black.
class Colorizer {
 public:
  explicit Colorizer(Ontology ontology, LabelFormat format = LabelFormat::kAuto)
      : ontology_(std::move(ontology)), format_(format) {}

  /// «/segmentation/rgb» in front of the label's topic, as the reference calls it.
  static TopicInfo topic_for(const TopicInfo& labels);
  /// Throws Error when the message is no picture, or of another encoding than decode_label reads.
  Message colorize(const Message& label);
  /// Pixels so far with a value that the ontology has no class for.
  std::uint64_t unknown_pixels() const { return unknown_; }

 private:
  Ontology ontology_;
  LabelFormat format_;
  std::uint64_t unknown_ = 0;
};

}  // namespace bramble
