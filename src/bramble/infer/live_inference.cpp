#include "bramble/infer/live_inference.hpp"

#include <chrono>
#include <optional>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/infer/picture_message.hpp"

namespace bramble {

namespace {

using Clock = std::chrono::steady_clock;

/// Subscribes the wanted topics as their publishers appear.
class Subscriptions {
 public:
  Subscriptions(RosNode& ros, const NodeOptions& topics) : ros_(ros) {
    wanted_.insert(topics.image_topic);
    if (!topics.label_topic.empty()) wanted_.insert(topics.label_topic);
  }

  void look() {
    if (wanted_.empty() || Clock::now() < next_) return;
    next_ = Clock::now() + std::chrono::milliseconds(100);
    for (const RosTopic& topic : ros_.topics()) {
      if (topic.publishers == 0 || !wanted_.contains(topic.info.name)) continue;
      if (!is_picture_type(topic.info.type))
        fail("topic {} carries {}; sensor_msgs/msg/Image or CompressedImage is needed", topic.info.name,
             topic.info.type);
      ros_.subscribe(topic.info);
      spdlog::info("subscribed {} ({})", topic.info.name, topic.info.type);
      wanted_.erase(topic.info.name);
    }
    if (!wanted_.empty() && !said_ && Clock::now() - begin_ > std::chrono::seconds(5)) {
      said_ = true;
      for (const std::string& topic : wanted_) spdlog::warn("nobody publishes {} yet; waiting", topic);
    }
  }

 private:
  RosNode& ros_;
  std::set<std::string> wanted_;
  Clock::time_point begin_ = Clock::now(), next_ = begin_;
  bool said_ = false;
};

}  // namespace

LiveInferenceResult run_live_inference(RosNode& ros, SegmentationNode& node, const NodeOptions& topics,
                                       const LiveInferenceOptions& options, const std::function<void()>& after_frame) {
  LiveInferenceResult result;
  Subscriptions subscriptions(ros, topics);
  const auto begin = Clock::now();
  std::optional<Clock::time_point> last_frame;  // when the last picture wanted was labelled
  const auto take = [&](const Message& message) {
    const std::uint64_t before = node.frames();
    try {
      node.write(message);
    } catch (const Error& error) {  // a live node outlives a damaged message
      ++result.unreadable;
      spdlog::warn("{}", error.what());
      return;
    }
    if (node.frames() > before && after_frame) after_frame();
  };
  const auto ended = [&] {
    if (options.duration_s > 0 && Clock::now() - begin > std::chrono::duration<double>(options.duration_s)) return true;
    if (options.frames == 0 || node.frames() < options.frames) return false;
    // The last picture's truth may still be under way.
    if (!last_frame) last_frame = Clock::now();
    return topics.label_topic.empty() || node.frames_scored() >= options.frames ||
           Clock::now() - *last_frame > std::chrono::seconds(1);
  };
  while (!interrupted() && !ended()) {
    subscriptions.look();
    std::optional<Message> message = ros.next(std::chrono::milliseconds(50));
    if (!message) continue;
    if (options.every_frame) {
      take(*message);
      continue;
    }
    std::optional<Message> newest;
    for (; message; message = ros.next(std::chrono::milliseconds(0))) {
      if (message->topic.name != topics.image_topic) {
        take(*message);
        continue;
      }
      if (newest) {
        ++result.skipped;
        node.count_skipped(1);
      }
      newest = std::move(message);
    }
    if (newest) take(*newest);
  }
  result.dropped = ros.dropped();
  return result;
}

}  // namespace bramble
