#pragma once
#include <cstdint>
#include <functional>

#include "bramble/infer/node.hpp"
#include "bramble/live/ros_node.hpp"

namespace bramble {

struct LiveInferenceOptions {
  /// false (real time): each time the newest picture that has come, older ones are skipped and counted.
  /// true (synchronous): every picture in its turn; what comes faster than it is labelled waits in the node's queue.
  bool every_frame = false;
  std::uint64_t frames = 0;  ///< end after so many labelled pictures (and, when scored, their truth); 0: no end
  double duration_s = 0;     ///< end after so many seconds; 0: no end
};

struct LiveInferenceResult {
  std::uint64_t skipped = 0;     ///< pictures passed over in real time
  std::uint64_t unreadable = 0;  ///< messages that could not be read; each is warned of
  std::uint64_t dropped = 0;     ///< messages that found the queue full
};

/// Feeds a segmentation node from live ROS 2 topics until the end that the options say, or Ctrl-C. Waits for the
/// picture's topic to appear, of whichever of the two types it is, and subscribes the label topic when there is one.
/// Damaged messages do not end it. Throws Error when the topic carries something else than pictures.
LiveInferenceResult run_live_inference(RosNode& ros, SegmentationNode& node, const NodeOptions& topics,
                                       const LiveInferenceOptions& options,
                                       const std::function<void()>& after_frame = {});

}  // namespace bramble
