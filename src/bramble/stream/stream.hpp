#pragma once
#include <vector>

#include "bramble/stream/message.hpp"

namespace bramble {

/// Where messages come from: the simulation, a bag, DDS. Messages come in order of stamp; equal stamps in the order
/// in which they were made.
class Source {
 public:
  virtual ~Source() = default;
  /// Topics known now; for a simulation and a bag, all there will ever be.
  virtual std::vector<TopicInfo> topics() const = 0;
  /// The next message, or nothing when the source has ended. Throws Error on damaged input.
  virtual std::optional<Message> next() = 0;
};

/// Where messages go: a bag, DDS, a data set, inference, the dashboard.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const Message& message) = 0;
  /// Makes everything written durable and complete (metadata, footer, index). Called once, at the end.
  virtual void close() = 0;
};

/// Whether a name is one of the topics wanted (empty: all).
bool topic_wanted(const std::string& name, const std::vector<std::string>& wanted);
/// Throws Error listing the topics there are when one of `wanted` is missing.
void require_topics(const std::vector<TopicInfo>& there, const std::vector<std::string>& wanted,
                    const std::string& source_name);

}  // namespace bramble
