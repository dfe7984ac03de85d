#pragma once
#include "bramble/live/ros_node.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {

/// Publishes what is written to it as live topics. The node must outlive the sink.
class RosSink final : public Sink {
 public:
  explicit RosSink(RosNode& node) : node_(node) {}
  void write(const Message& message) override { node_.publish(message); }
  /// Waits, 5 s at most, until reliable subscribers have everything.
  void close() override { node_.wait_for_acknowledgments(std::chrono::seconds(5)); }

 private:
  RosNode& node_;
};

}  // namespace bramble
