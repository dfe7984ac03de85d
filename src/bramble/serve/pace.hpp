#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "bramble/core/stamp.hpp"
#include "bramble/serve/sensor_work.hpp"

namespace bramble {

struct PaceOptions {
  bool realtime = false;                       ///< keep the wall clock's pace at any price
  double speed = 1;                            ///< simulated seconds a second; 0: as fast as possible
  std::vector<std::string> lower_qualities{};  ///< to fall back to one by one, by name
  bool can_turn = false;                       ///< the source's sensors can take turns
};

/// Keeps a source's time in step with the wall clock. The clock is passed in, so nothing here waits.
///
/// Without realtime a late frame is made as it should be, and what is late is not made up for: simulated time goes more
/// slowly. With it the schedule stands: a source that gets late is first told to lower the quality of its pictures step
/// by step, then to let its sensors take turns; when that is not enough, frames go without sensors (which takes a
/// thousandth of the time) until it has caught up. One after the other comes back when there has been time to spare for
/// a while.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Pace(PaceOptions options) : options_(options) {}

  /// The next frame's stamp is due now: at the start, after a pause, a seek or another speed.
  void restart() { anchored_ = false; }
  void set_speed(double speed);
  double speed() const { return options_.speed; }

  /// When the frame of this stamp is due; now at the latest when nothing is to be waited for.
  Clock::time_point due(StampNs stamp_ns, Clock::time_point now);

  struct Orders {
    SensorWork sensors = SensorWork::kAll;
    std::size_t quality_steps = 0;  ///< how far the quality is lowered: that many of lower_qualities down
  };
  /// What to do with the frame that begins now.
  Orders begin(StampNs stamp_ns, Clock::time_point now);
  /// The frame is done. `worked`: the time it took, waiting left out.
  void end(Clock::time_point now, Clock::duration worked);

  std::uint64_t skipped() const { return skipped_; }
  bool lowered() const { return steps_ > 0; }
  /// What is being done to keep pace, in words; empty: nothing.
  std::string notice() const;

 private:
  Clock::duration wall(std::int64_t simulated_ns) const;
  PaceOptions options_;
  bool anchored_ = false;
  Clock::time_point anchor_;
  StampNs anchor_stamp_ns_ = 0;
  StampNs last_stamp_ns_ = 0;
  double period_s_ = 0.05;  // wall time between the last two frames' stamps
  std::size_t steps_ = 0;   // down in quality
  bool turning_ = false;
  bool skipping_ = false;
  int skipped_in_row_ = 0;
  double last_worked_s_ = 0;  // on the last frame that was not skipped
  bool hopeless_ = false;
  std::uint64_t skipped_ = 0;
  std::deque<bool> recent_;     // skipped or not, of the last frames
  double spare_s_ = 0;          // for how long there has been time to spare
  double wait_to_raise_s_ = 5;  // doubles each time that what had come back did not last
  double since_raised_s_ = 1e9;
};

}  // namespace bramble
