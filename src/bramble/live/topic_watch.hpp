#pragma once
#include <map>
#include <optional>
#include <string>

#include "bramble/stream/message.hpp"

namespace bramble {

/// The stamp inside of a message: that of its header, or the time of a /clock. None for types without one, types that
/// are not known here, and payloads that are cut.
std::optional<StampNs> stamp_inside(const Message& message);

/// What has come on a topic.
struct TopicStatistics {
  std::uint64_t messages = 0, bytes = 0;
  StampNs first_arrival_ns = 0, last_arrival_ns = 0;
  /// Of stamped messages with a known period: how many are missing between the first and the last, and how many came
  /// twice or not in order.
  std::uint64_t missing = 0, out_of_order = 0;
  /// Arrival less stamp, beyond the least there was: how late a message came at the most, and the last one.
  std::int64_t latest_ns = 0, last_late_ns = 0;

  double rate_hz() const;
};

/// Counts messages as they come, topic by topic, as `ros2 topic hz` does, and finds those that are missing by the gaps
/// between the stamps inside of them.
class TopicWatch {
 public:
  /// `period_ns`: of every topic's stamps; 0: not known, and nothing is said to be missing. `speed`: how many seconds
  /// of stamps a second of arrivals is to bring, as `sim --rate` and `play --rate` say.
  explicit TopicWatch(std::int64_t period_ns = 0, double speed = 1) : period_ns_(period_ns), speed_(speed) {}
  /// The message's own stamp is the time of its arrival.
  void add(const Message& message);
  const std::map<std::string, TopicStatistics>& topics() const { return topics_; }

 private:
  struct Stamps {
    StampNs first_ns = 0, last_ns = 0;
    std::int64_t least_delay_ns = 0;
  };
  std::int64_t period_ns_;
  double speed_;
  std::map<std::string, TopicStatistics> topics_;
  std::map<std::string, Stamps> stamps_;
};

}  // namespace bramble
