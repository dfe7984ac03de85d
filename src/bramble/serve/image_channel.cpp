#include "bramble/serve/image_channel.hpp"

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/serve/compressed_image.hpp"

namespace bramble {

ImageChannels::ImageChannels(LiveHub& hub) : hub_(hub), thread_([this] { work(); }) {}

ImageChannels::~ImageChannels() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ImageChannels::add(const std::string& topic) {
  const MessageType* type = find_message_type(sensor_msgs::CompressedImage::kType);
  ChannelSpec spec;
  spec.topic = topic + "/compressed";
  spec.encoding = "cdr";
  spec.schema_name = std::string(type->name);
  spec.schema = std::string(type->definition);
  spec.schema_encoding = "ros2msg";
  spec.keep = 1;
  const ChannelId channel = hub_.add_channel(std::move(spec));
  const std::lock_guard lock(mutex_);
  slots_[topic].channel = channel;
  slots_[topic].labels = is_label_topic(topic);
}

std::set<std::string> ImageChannels::wanted() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> topics;
  for (const auto& [topic, slot] : slots_)
    if (hub_.subscribed(slot.channel)) topics.insert(topic);
  return topics;
}

void ImageChannels::take(const Message& message) {
  {
    const std::lock_guard lock(mutex_);
    const auto slot = slots_.find(message.topic.name);
    if (slot == slots_.end() || slot->second.broken || !hub_.subscribed(slot->second.channel)) return;
    slot->second.newest = message;
  }
  wake_.notify_one();
}

void ImageChannels::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto waiting = slots_.end();
    wake_.wait(lock, [&] {
      waiting =
          std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) { return slot.second.newest.has_value(); });
      return ending_ || waiting != slots_.end();
    });
    if (ending_) return;
    const Message message = std::move(*std::exchange(waiting->second.newest, std::nullopt));
    const ChannelId channel = waiting->second.channel;
    const bool labels = waiting->second.labels;
    lock.unlock();
    std::string mistake;
    try {
      const auto begin = std::chrono::steady_clock::now();
      auto bytes = std::make_shared<const std::vector<std::uint8_t>>(compress_image(*message.cdr, labels));
      const double took_ms =
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
      encode_ms_ = encode_ms_ == 0 ? took_ms : 0.9 * encode_ms_ + 0.1 * took_ms;
      hub_.publish(channel, message.stamp_ns, std::move(bytes));
    } catch (const std::exception& error) {
      mistake = error.what();
    }
    lock.lock();
    if (mistake.empty()) continue;
    slots_[message.topic.name].broken = true;  // depth, say: there is no use in trying on
    spdlog::info("{}/compressed: {}", message.topic.name, mistake);
  }
}

}  // namespace bramble
