#include "bramble/infer/node.hpp"

#include <chrono>

#include "bramble/core/error.hpp"
#include "bramble/eval/evaluation.hpp"
#include "bramble/eval/figures.hpp"
#include "bramble/infer/picture_message.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace {

/// How many pictures or labels wait for their partner: enough for a label that comes some frames late.
constexpr std::size_t kWaiting = 16;

void keep_newest(auto& waiting) {
  while (waiting.size() > kWaiting) waiting.erase(waiting.begin());
}

std::string probability_topic_of(const NodeOptions& options, const Ontology& ontology, ClassId id) {
  return options.probability_topic + "/" + ontology[id].name;
}

Message image_message(const std::string& topic, const Message& origin, StampNs stamp_ns, std::string_view frame_id,
                      const ImageU8& image, const char* encoding) {
  sensor_msgs::Image out;
  out.header.stamp = to_ros_time(stamp_ns);
  out.header.frame_id = frame_id;
  out.width = static_cast<std::uint32_t>(image.width);
  out.height = static_cast<std::uint32_t>(image.height);
  out.encoding = encoding;
  out.step = static_cast<std::uint32_t>(image.width * image.channels);
  out.data = image.data;
  Message message;
  message.topic = TopicInfo{topic, std::string(sensor_msgs::Image::kType)};
  message.stamp_ns = origin.stamp_ns;
  message.cdr = std::make_shared<const std::vector<std::uint8_t>>(serialize(out, out.data.size()));
  return message;
}

nlohmann::json or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

std::vector<TopicInfo> topics_of(const NodeOptions& options, const Ontology& ontology) {
  std::vector<TopicInfo> topics;
  for (const std::string* name :
       {&options.mask_topic, &options.confidence_topic, &options.color_topic, &options.overlay_topic})
    if (!name->empty()) topics.push_back({*name, std::string(sensor_msgs::Image::kType)});
  for (const ClassId id : options.probability_of)
    topics.push_back({probability_topic_of(options, ontology, id), std::string(sensor_msgs::Image::kType)});
  if (!options.score_topic.empty() && !options.label_topic.empty())
    topics.push_back({options.score_topic, std::string(std_msgs::String::kType)});
  return topics;
}

SegmentationNode::SegmentationNode(Engine& engine, NodeOptions options, Sink* output)
    : engine_(engine), options_(std::move(options)), output_(output), score_(engine.ontology().size()) {
  wanted_.confidence = options_.keep_confidence || (output_ && !options_.confidence_topic.empty());
  if (output_) wanted_.probability_of = options_.probability_of;
  engine_.warm_up();
}

void SegmentationNode::write(const Message& message) {
  const bool picture = message.topic.name == options_.image_topic;
  const bool label = !options_.label_topic.empty() && message.topic.name == options_.label_topic;
  if (!picture && !label) return;
  if (picture && options_.max_frames > 0 && frames() >= options_.max_frames) return;
  try {
    if (picture) {
      take_picture(message);
    } else {
      const StampNs stamp_ns = PictureMessage(message).stamp_ns();
      truths_.insert_or_assign(stamp_ns, message);
      keep_newest(truths_);
      score_if_paired(stamp_ns);
    }
  } catch (const Error& error) {
    fail("{} at {:.3f} s: {}", message.topic.name, seconds(message.stamp_ns), error.what());
  }
}

void SegmentationNode::take_picture(const Message& message) {
  const auto begin = std::chrono::steady_clock::now();
  PictureMessage picture(message);
  ClassMaps maps = engine_.classify(picture.pixels(), wanted_);
  const double milliseconds =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  network_.add(engine_.last_timing().network_ms);
  latency_.add(milliseconds);
  if (on_frame_)
    on_frame_({.index = frames() - 1,
               .stamp_ns = picture.stamp_ns(),
               .labels = &maps.labels,
               .confidence = wanted_.confidence ? &maps.confidence : nullptr,
               .message = &message,
               .latency_ms = milliseconds});
  if (output_) publish_maps(message, picture, maps);
  if (!options_.label_topic.empty()) {
    estimates_.insert_or_assign(picture.stamp_ns(), Estimate{.index = frames() - 1,
                                                             .message = message,
                                                             .labels = std::move(maps.labels),
                                                             .confidence = std::move(maps.confidence),
                                                             .latency_ms = milliseconds});
    keep_newest(estimates_);
    score_if_paired(picture.stamp_ns());
  }
}

void SegmentationNode::publish_maps(const Message& message, PictureMessage& picture, const ClassMaps& maps) {
  const auto publish = [&](const std::string& topic, const ImageU8& image, const char* encoding) {
    output_->write(image_message(topic, message, picture.stamp_ns(), picture.frame_id(), image, encoding));
  };
  if (!options_.mask_topic.empty()) publish(options_.mask_topic, maps.labels, "mono8");
  if (!options_.confidence_topic.empty()) publish(options_.confidence_topic, maps.confidence, "mono8");
  for (std::size_t i = 0; i < maps.probability.size(); ++i)
    publish(probability_topic_of(options_, engine_.ontology(), options_.probability_of[i]), maps.probability[i],
            "mono8");
  if (options_.color_topic.empty() && options_.overlay_topic.empty()) return;
  const ImageU8 color = engine_.ontology().colorize(maps.labels);
  if (!options_.color_topic.empty()) publish(options_.color_topic, color, "rgb8");
  if (!options_.overlay_topic.empty())
    publish(options_.overlay_topic, blend(picture.rgb(), color, options_.overlay_opacity), "rgb8");
}

void SegmentationNode::score_if_paired(StampNs stamp_ns) {
  const auto found = estimates_.find(stamp_ns);
  const auto label = truths_.find(stamp_ns);
  if (found == estimates_.end() || label == truths_.end()) return;
  const Estimate estimate = std::move(found->second);
  const Message message = std::move(label->second);
  estimates_.erase(found);
  truths_.erase(label);
  const ImageU8 truth = PictureMessage(message).labels(engine_.ontology());
  ConfusionMatrix frame(engine_.ontology().size());
  frame.add(truth, estimate.labels);
  score_.merge(frame);
  ++frames_scored_;
  if (on_scored_)
    on_scored_({.index = estimate.index,
                .stamp_ns = stamp_ns,
                .labels = &estimate.labels,
                .confidence = wanted_.confidence ? &estimate.confidence : nullptr,
                .message = &estimate.message,
                .latency_ms = estimate.latency_ms},
               truth);
  if (output_ && !options_.score_topic.empty()) publish_score(stamp_ns, estimate, frame);
}

void SegmentationNode::publish_score(StampNs stamp_ns, const Estimate& estimate, const ConfusionMatrix& frame) {
  std_msgs::String text;
  text.data = nlohmann::json{{"stamp_ns", stamp_ns},
                             {"frame_id", PictureMessage(estimate.message).frame_id()},
                             {"frames", frames()},
                             {"frames_scored", frames_scored_},
                             {"skipped", skipped_},
                             {"accuracy", or_null(score_.accuracy())},
                             {"miou", or_null(score_.mean_iou())},
                             {"frame_accuracy", or_null(frame.accuracy())},
                             {"frame_miou", or_null(frame.mean_iou())},
                             {"latency_ms", estimate.latency_ms}}
                  .dump();
  Message message;
  message.topic = TopicInfo{options_.score_topic, std::string(std_msgs::String::kType)};
  message.stamp_ns = estimate.message.stamp_ns;
  message.cdr = std::make_shared<const std::vector<std::uint8_t>>(serialize(text));
  output_->write(message);
}

nlohmann::json SegmentationNode::to_json() const {
  return {{"frames", frames()},
          {"skipped", skipped_},
          {"latency", latency_.to_json()},
          {"network_latency", network_.to_json()},
          {"frames_scored", frames_scored_},
          {"accuracy", or_null(score_.accuracy())},
          {"miou", or_null(score_.mean_iou())}};
}

std::string SegmentationNode::to_text() const {
  std::string text;
  if (frames_scored_ > 0)
    text = fmt::format("accuracy {} %, mIoU {} %, ", percent(score_.accuracy()), percent(score_.mean_iou()));
  text += fmt::format("{:.1f} ms", latency_.median());
  if (skipped_ > 0) text += fmt::format(", {} skipped", skipped_);
  return text;
}

}  // namespace bramble
