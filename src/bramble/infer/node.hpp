#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bramble/core/stamp.hpp"
#include "bramble/eval/confusion.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/latency.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {

struct NodeOptions {
  std::string image_topic = "/carla/hero/rgb_front/image";
  std::string label_topic{};                                    ///< true labels to score against; empty: no score
  std::string mask_topic = "/bramble/segmentation/mask";        ///< mono8 ids; empty: not published
  std::string color_topic = "/bramble/segmentation/color";      ///< rgb8 in the ontology's colours; empty: not
  std::string overlay_topic = "/bramble/segmentation/overlay";  ///< rgb8 mask over picture; empty: not
  float overlay_opacity = 0.45F;
  std::uint64_t max_frames = 0;  ///< pictures beyond these are ignored; 0: none are
};

/// One picture that the node has labelled.
struct SegmentedFrame {
  std::uint64_t index = 0;
  StampNs stamp_ns = 0;    ///< of the picture's header
  const ImageU8* labels;   ///< ids [H, W, 1]; valid during the call
  const Message* message;  ///< the picture, as it came
  double latency_ms = 0;   ///< from taking the message to having the labels
};

/// The perception node: takes pictures from a stream, publishes their masks on `output` with the pictures' header
/// stamp and frame, and keeps score when true labels come along. It is a sink, so simulation, bag and DDS feed it alike
/// (pump()). Messages of other topics are ignored. Works on each picture when it comes; one thread at a time.
class SegmentationNode final : public Sink {
 public:
  /// `output` may be null; engine and output must outlive the node, which does not close `output`.
  SegmentationNode(Engine& engine, NodeOptions options, Sink* output = nullptr);

  /// Called with every labelled picture, before it is published.
  void on_frame(std::function<void(const SegmentedFrame&)> call) { on_frame_ = std::move(call); }

  /// Throws Error naming topic and stamp when a picture or label cannot be read.
  void write(const Message& message) override;
  void close() override {}

  std::uint64_t frames() const { return latency_.count(); }
  const Latency& latency() const { return latency_; }  ///< from taking a message to having its labels
  const Latency& network_latency() const { return network_; }
  /// Frames scored so far, and their confusion.
  std::uint64_t frames_scored() const { return frames_scored_; }
  const ConfusionMatrix& score() const { return score_; }
  /// {frames, latency, network_latency, frames_scored, accuracy, miou}
  nlohmann::json to_json() const;
  /// One line for a terminal: «accuracy 91.2 %, mIoU 74.0 %, 16.1 ms».
  std::string to_text() const;

 private:
  void take_picture(const Message& message);
  void publish(const std::string& topic, const Message& origin, const ImageU8& image, const char* encoding,
               StampNs stamp_ns, std::string_view frame_id);
  void score_if_paired(StampNs stamp_ns);

  Engine& engine_;
  NodeOptions options_;
  Sink* output_;
  std::function<void(const SegmentedFrame&)> on_frame_;
  Latency latency_;
  Latency network_;
  ConfusionMatrix score_;
  std::uint64_t frames_scored_ = 0;
  /// Estimates and truths that wait for each other, by stamp; only the newest few are kept.
  std::map<StampNs, ImageU8> estimates_;
  std::map<StampNs, ImageU8> truths_;
};

}  // namespace bramble
