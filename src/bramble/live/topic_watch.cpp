#include "bramble/live/topic_watch.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

std::optional<StampNs> stamp_inside(const Message& message) {
  const MessageType* const type = find_message_type(message.topic.type);
  if (!type) return std::nullopt;
  // A header stands first, and in it the stamp; a clock is nothing else.
  const bool stamped = type->definition.find("std_msgs/Header header\n") < type->definition.find("\n===");
  if (!stamped && type->name != rosgraph_msgs::Clock::kType) return std::nullopt;
  try {
    CdrReader reader(*message.cdr);
    builtin_interfaces::Time time;
    reader.get(time);
    return to_stamp(time);
  } catch (const Error&) {
    return std::nullopt;
  }
}

double TopicStatistics::rate_hz() const {
  const auto span_ns = last_arrival_ns - first_arrival_ns;
  return messages > 1 && span_ns > 0 ? static_cast<double>(messages - 1) / seconds(span_ns) : 0;
}

void TopicWatch::add(const Message& message) {
  const auto [at, fresh] = topics_.try_emplace(message.topic.name);
  TopicStatistics& topic = at->second;
  ++topic.messages;
  topic.bytes += message.cdr->size();
  if (fresh) topic.first_arrival_ns = message.stamp_ns;
  topic.last_arrival_ns = message.stamp_ns;
  const auto stamp_ns = stamp_inside(message);
  if (!stamp_ns) return;
  const auto [before, first] =
      stamps_.try_emplace(message.topic.name, Stamps{*stamp_ns, *stamp_ns, message.stamp_ns - *stamp_ns});
  if (first) return;
  Stamps& stamps = before->second;
  const auto since_first_ns = static_cast<double>(*stamp_ns - stamps.first_ns);
  const std::int64_t delay_ns = message.stamp_ns - stamps.first_ns - std::llround(since_first_ns / speed_);
  stamps.least_delay_ns = std::min(stamps.least_delay_ns, delay_ns);
  topic.last_late_ns = delay_ns - stamps.least_delay_ns;
  topic.latest_ns = std::max(topic.latest_ns, topic.last_late_ns);
  if (*stamp_ns <= stamps.last_ns) {
    ++topic.out_of_order;
    return;
  }
  // Rounded, as stamps come from clocks.
  if (period_ns_ > 0)
    topic.missing += static_cast<std::uint64_t>(
        std::max<std::int64_t>((*stamp_ns - stamps.last_ns + period_ns_ / 2) / period_ns_, 1) - 1);
  stamps.last_ns = *stamp_ns;
}

}  // namespace bramble
