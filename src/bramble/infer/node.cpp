#include "bramble/infer/node.hpp"

#include <chrono>

#include "bramble/core/error.hpp"
#include "bramble/dataset/decode.hpp"
#include "bramble/eval/evaluation.hpp"
#include "bramble/eval/figures.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace {

/// How many pictures or labels wait for their partner: enough for a label that comes some frames late.
constexpr std::size_t kWaiting = 8;

void keep_newest(std::map<StampNs, ImageU8>& waiting) {
  while (waiting.size() > kWaiting) waiting.erase(waiting.begin());
}

}  // namespace

SegmentationNode::SegmentationNode(Engine& engine, NodeOptions options, Sink* output)
    : engine_(engine), options_(std::move(options)), output_(output), score_(engine.ontology().size()) {}

void SegmentationNode::write(const Message& message) {
  const bool picture = message.topic.name == options_.image_topic;
  const bool label = !options_.label_topic.empty() && message.topic.name == options_.label_topic;
  if (!picture && !label) return;
  if (picture && options_.max_frames > 0 && frames() >= options_.max_frames) return;
  try {
    if (picture) {
      take_picture(message);
    } else {
      const ImageView view = ImageView::parse(*message.cdr);
      std::uint64_t unknown = 0;
      truths_[view.stamp_ns] = decode_label(view, engine_.ontology(), unknown);
      keep_newest(truths_);
      score_if_paired(view.stamp_ns);
    }
  } catch (const Error& error) {
    fail("{} at {:.3f} s: {}", message.topic.name, seconds(message.stamp_ns), error.what());
  }
}

void SegmentationNode::take_picture(const Message& message) {
  const auto begin = std::chrono::steady_clock::now();
  const ImageView view = ImageView::parse(*message.cdr);
  ImageU8 labels;
  ImageU8 rgb;
  if (view.encoding == "bgra8" || view.encoding == "rgb8") {
    labels = engine_.segment(PictureView{static_cast<int>(view.width), static_cast<int>(view.height),
                                         view.encoding == "rgb8" ? 3 : 4, view.step, view.data});
  } else {
    rgb = decode_picture(view);
    labels = engine_.segment(rgb);
  }
  const double milliseconds =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  network_.add(engine_.last_timing().network_ms);
  latency_.add(milliseconds);
  if (on_frame_)
    on_frame_({.index = frames() - 1,
               .stamp_ns = view.stamp_ns,
               .labels = &labels,
               .message = &message,
               .latency_ms = milliseconds});
  if (output_) {
    if (!options_.mask_topic.empty())
      publish(options_.mask_topic, message, labels, "mono8", view.stamp_ns, view.frame_id);
    if (!options_.color_topic.empty() || !options_.overlay_topic.empty()) {
      const ImageU8 color = engine_.ontology().colorize(labels);
      if (!options_.color_topic.empty())
        publish(options_.color_topic, message, color, "rgb8", view.stamp_ns, view.frame_id);
      if (!options_.overlay_topic.empty()) {
        if (rgb.empty()) rgb = decode_picture(view);
        publish(options_.overlay_topic, message, blend(rgb, color, options_.overlay_opacity), "rgb8", view.stamp_ns,
                view.frame_id);
      }
    }
  }
  if (!options_.label_topic.empty()) {
    estimates_[view.stamp_ns] = std::move(labels);
    keep_newest(estimates_);
    score_if_paired(view.stamp_ns);
  }
}

void SegmentationNode::publish(const std::string& topic, const Message& origin, const ImageU8& image,
                               const char* encoding, StampNs stamp_ns, std::string_view frame_id) {
  sensor_msgs::Image out;
  out.header.stamp = to_ros_time(stamp_ns);
  out.header.frame_id = frame_id;
  out.width = static_cast<std::uint32_t>(image.width);
  out.height = static_cast<std::uint32_t>(image.height);
  out.encoding = encoding;
  out.step = static_cast<std::uint32_t>(image.width * image.channels);
  out.data = image.data;
  Message message;
  message.topic = TopicInfo{topic, "sensor_msgs/msg/Image"};
  message.stamp_ns = origin.stamp_ns;
  message.cdr = std::make_shared<const std::vector<std::uint8_t>>(serialize(out, out.data.size()));
  output_->write(message);
}

void SegmentationNode::score_if_paired(StampNs stamp_ns) {
  const auto estimate = estimates_.find(stamp_ns);
  const auto truth = truths_.find(stamp_ns);
  if (estimate == estimates_.end() || truth == truths_.end()) return;
  score_.add(truth->second, estimate->second);
  ++frames_scored_;
  estimates_.erase(estimate);
  truths_.erase(truth);
}

nlohmann::json SegmentationNode::to_json() const {
  const auto or_null = [](const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
  };
  return {{"frames", frames()},
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
  return text + fmt::format("{:.1f} ms", latency_.median());
}

}  // namespace bramble
