#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
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

/// Passes every message of a source to every sink, in the order given, until the source ends, `each` returns false, or
/// the user interrupts (then Interrupted is thrown, between two messages). Returns how many messages were passed. The
/// sinks are not closed: the caller closes them, also to keep what there is after an interruption.
std::uint64_t pump(Source& source, std::span<Sink* const> sinks, const std::function<bool(const Message&)>& each = {});

/// A source that lets through only the topics wanted (empty: all). Throws Error as require_topics does.
class TopicFilter final : public Source {
 public:
  TopicFilter(Source& source, std::vector<std::string> wanted, const std::string& source_name);
  std::vector<TopicInfo> topics() const override;
  std::optional<Message> next() override;

 private:
  Source& source_;
  std::vector<std::string> wanted_;
};

/// Several sinks as one. close() closes every sink, also when one fails; the first Error is thrown at the end.
class FanOut final : public Sink {
 public:
  explicit FanOut(std::vector<Sink*> sinks) : sinks_(std::move(sinks)) {}
  void write(const Message& message) override;
  void close() override;

 private:
  std::vector<Sink*> sinks_;
};

}  // namespace bramble
