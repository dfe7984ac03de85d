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

class PictureMessage;

struct NodeOptions {
  std::string image_topic = "/carla/hero/rgb_front/image";      ///< Image or CompressedImage
  std::string label_topic{};                                    ///< true labels to score against; empty: no score
  std::string mask_topic = "/bramble/segmentation/mask";        ///< mono8 ids; empty: not published
  std::string color_topic = "/bramble/segmentation/color";      ///< rgb8 in the ontology's colours; empty: not
  std::string overlay_topic = "/bramble/segmentation/overlay";  ///< rgb8 mask over picture; empty: not
  /// mono8, softmax probability of the class that won, 255 = 1; empty: not
  std::string confidence_topic = "/bramble/segmentation/confidence";
  /// mono8, softmax probability of each class in probability_of, under this name + «/» + the class's name
  std::string probability_topic = "/bramble/segmentation/probability";
  std::vector<ClassId> probability_of{};
  /// std_msgs/msg/String: JSON, one for each scored picture: {stamp_ns, frame_id, frames, frames_scored, skipped,
  /// accuracy, miou (of all so far), frame_accuracy, frame_miou (of this one), latency_ms}; empty: not
  std::string score_topic = "/bramble/segmentation/score";
  float overlay_opacity = 0.45F;
  bool keep_confidence = false;  ///< compute confidence for on_frame() and on_scored() even when it is not published
  std::uint64_t max_frames = 0;  ///< pictures beyond these are ignored; 0: none are
};

/// The topics that a node with these options publishes.
std::vector<TopicInfo> topics_of(const NodeOptions& options, const Ontology& ontology);

/// One picture that the node has labelled. Pointers are valid during the call.
struct SegmentedFrame {
  std::uint64_t index = 0;
  StampNs stamp_ns = 0;                 ///< of the picture's header
  const ImageU8* labels = nullptr;      ///< ids [H, W, 1]
  const ImageU8* confidence = nullptr;  ///< [H, W, 1], 255 = 1; null when not computed
  const Message* message = nullptr;     ///< the picture, as it came
  double latency_ms = 0;                ///< from taking the message to having the labels
};

/// The perception node: takes pictures from a stream, publishes their masks on `output` with the pictures' header
/// stamp and frame, and keeps score when true labels come along. It is a sink, so simulation, bag and DDS feed it alike
/// (pump(), live_inference.hpp). Messages of other topics are ignored. Works on each picture when it comes; one thread
/// at a time.
class SegmentationNode final : public Sink {
 public:
  /// `output` may be null; engine and output must outlive the node, which does not close `output`. Warms the engine up.
  SegmentationNode(Engine& engine, NodeOptions options, Sink* output = nullptr);

  /// Called with every labelled picture, before it is published.
  void on_frame(std::function<void(const SegmentedFrame&)> call) { on_frame_ = std::move(call); }
  /// Called with every picture whose true labels [H, W, 1] have come too.
  void on_scored(std::function<void(const SegmentedFrame&, const ImageU8& truth)> call) {
    on_scored_ = std::move(call);
  }

  /// Throws Error naming topic and stamp when a picture or label cannot be read.
  void write(const Message& message) override;
  void close() override {}
  /// Pictures that came and were passed over, because a newer one was there: for the score's and the summary's count.
  void count_skipped(std::uint64_t pictures) { skipped_ += pictures; }

  std::uint64_t frames() const { return latency_.count(); }
  std::uint64_t skipped() const { return skipped_; }
  const Latency& latency() const { return latency_; }  ///< from taking a message to having its labels
  const Latency& network_latency() const { return network_; }
  /// Frames scored so far, and their confusion.
  std::uint64_t frames_scored() const { return frames_scored_; }
  const ConfusionMatrix& score() const { return score_; }
  /// {frames, skipped, latency, network_latency, frames_scored, accuracy, miou}
  nlohmann::json to_json() const;
  /// One line for a terminal: «accuracy 91.2 %, mIoU 74.0 %, 16.1 ms».
  std::string to_text() const;

 private:
  /// A labelled picture that waits for its truth.
  struct Estimate {
    std::uint64_t index = 0;
    Message message;
    ImageU8 labels;
    ImageU8 confidence;
    double latency_ms = 0;
  };
  void take_picture(const Message& message);
  void publish_maps(const Message& message, PictureMessage& picture, const ClassMaps& maps);
  void score_if_paired(StampNs stamp_ns);
  void publish_score(StampNs stamp_ns, const Estimate& estimate, const ConfusionMatrix& frame);

  Engine& engine_;
  NodeOptions options_;
  Sink* output_;
  ClassMapsWanted wanted_;
  std::function<void(const SegmentedFrame&)> on_frame_;
  std::function<void(const SegmentedFrame&, const ImageU8&)> on_scored_;
  Latency latency_;
  Latency network_;
  ConfusionMatrix score_;
  std::uint64_t frames_scored_ = 0;
  std::uint64_t skipped_ = 0;
  /// Estimates and truths that wait for each other, by stamp; only the newest few are kept. Truths are decoded when
  /// their estimate is there: in real time, those of skipped pictures never are.
  std::map<StampNs, Estimate> estimates_;
  std::map<StampNs, Message> truths_;
};

}  // namespace bramble
