#include "bramble/serve/live_recorder.hpp"

#include <fmt/chrono.h>

#include <chrono>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"

namespace bramble {

LiveRecorder::LiveRecorder(std::filesystem::path folder, std::vector<std::string> topics, BagOptions options)
    : folder_(std::move(folder)), topics_(std::move(topics)), options_(std::move(options)) {}

LiveRecorder::~LiveRecorder() {
  try {
    stop();
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
  }
}

void LiveRecorder::start() {
  const std::lock_guard lock(mutex_);
  if (bag_) return;
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string name = fmt::format("{:%Y-%m-%d_%H-%M-%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  std::filesystem::path folder = folder_ / name;
  for (int i = 2; std::filesystem::exists(folder); ++i) folder = folder_ / fmt::format("{}_{}", name, i);
  bag_ = std::make_unique<BagWriter>(folder, options_);
  last_ = {true, folder, 0, 0};
  for (const auto& [_, message] : latched_) bag_->write(message);
  spdlog::info("recording {}", folder.string());
}

void LiveRecorder::stop() {
  const std::lock_guard lock(mutex_);
  if (!bag_) return;
  const auto bag = std::move(bag_);
  last_ = {false, last_.bag, bag->message_count(), bag->byte_count()};
  bag->close();
  spdlog::info("recorded {}: {} messages, {:.1f} MB", last_.bag.string(), last_.messages,
               static_cast<double>(last_.bytes) * 1e-6);
}

void LiveRecorder::write(const Message& message) {
  const std::lock_guard lock(mutex_);
  if (!topic_wanted(message.topic.name, topics_)) return;
  if (message.topic.latched) latched_[message.topic.name] = message;
  if (!bag_) return;
  try {
    bag_->write(message);
  } catch (const Error&) {
    const auto bag = std::move(bag_);
    last_ = {false, last_.bag, bag->message_count(), bag->byte_count()};
    throw;
  }
}

bool LiveRecorder::active() const {
  const std::lock_guard lock(mutex_);
  return bag_ != nullptr;
}

bool LiveRecorder::wants(const std::string& topic) const { return topic_wanted(topic, topics_); }

LiveRecorder::State LiveRecorder::state() const {
  const std::lock_guard lock(mutex_);
  if (!bag_) return last_;
  return {true, last_.bag, bag_->message_count(), bag_->byte_count()};
}

}  // namespace bramble
