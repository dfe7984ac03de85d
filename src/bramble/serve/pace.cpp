#include "bramble/serve/pace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace bramble {
namespace {

// All in periods between frames.
constexpr double kLateForQuality = 0.5;  // then the quality goes down
constexpr double kLateForSkip = 1.0;     // then sensors are skipped, the quality being low already
constexpr double kLateAtAll = 3.0;       // then they are skipped whatever the quality
constexpr int kMostInRow = 20;           // frames without sensors; then one with, so that something is seen
constexpr double kHopelessS = 2.0;       // this late, the pace cannot be held: the schedule starts anew, and says so
constexpr std::size_t kRecent = 100;
// A lower quality takes a quarter to a half of the time of the one above it.
constexpr double kSpareShare = 0.35;
constexpr double kTooLong = 0.95;  // a frame that takes longer leaves no time to catch up
constexpr double kLongestWaitS = 120;

}  // namespace

Pace::Clock::duration Pace::wall(std::int64_t simulated_ns) const {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double, std::nano>(static_cast<double>(simulated_ns) / options_.speed));
}

void Pace::set_speed(double speed) {
  options_.speed = speed;
  restart();
}

Pace::Clock::time_point Pace::due(StampNs stamp_ns, Clock::time_point now) {
  if (options_.speed <= 0) return now;
  if (!anchored_ || stamp_ns < last_stamp_ns_) {
    anchored_ = true;
    anchor_ = now;
    anchor_stamp_ns_ = stamp_ns;
    last_stamp_ns_ = stamp_ns;
    hopeless_ = false;
  }
  return anchor_ + wall(stamp_ns - anchor_stamp_ns_);
}

Pace::Orders Pace::begin(StampNs stamp_ns, Clock::time_point now) {
  const Clock::time_point when = due(stamp_ns, now);
  if (stamp_ns > last_stamp_ns_ && options_.speed > 0)
    period_s_ = std::chrono::duration<double>(wall(stamp_ns - last_stamp_ns_)).count();
  last_stamp_ns_ = stamp_ns;
  if (options_.speed <= 0) return {};
  const double late_s = std::chrono::duration<double>(now - when).count();
  if (!options_.realtime) {
    if (late_s > 0) {  // not made up for
      anchor_ = now;
      anchor_stamp_ns_ = stamp_ns;
    }
    return {};
  }
  if (late_s > kHopelessS) {
    anchor_ = now;
    anchor_stamp_ns_ = stamp_ns;
    hopeless_ = true;
  }
  const double late = late_s / period_s_;
  const bool lowest = steps_ == options_.lower_qualities.size();
  // What is late because of a frame that was made better than now is caught up with; it says nothing of this quality.
  if (late > kLateForQuality && last_worked_s_ > kTooLong * period_s_ &&
      (!lowest || (!turning_ && options_.can_turn))) {
    if (lowest)
      turning_ = true;
    else
      ++steps_;
    last_worked_s_ = 0;  // what a frame takes now is not known yet
    spare_s_ = 0;
    if (since_raised_s_ < 2 * wait_to_raise_s_) wait_to_raise_s_ = std::min(2 * wait_to_raise_s_, kLongestWaitS);
  }
  const bool low = steps_ == options_.lower_qualities.size() && (turning_ || !options_.can_turn);
  // Once behind, it catches up before the next picture; else every other frame would be late.
  skipping_ = late > (skipping_ ? 0.1 : low ? kLateForSkip : kLateAtAll) && skipped_in_row_ < kMostInRow;
  skipped_in_row_ = skipping_ ? skipped_in_row_ + 1 : 0;
  if (skipping_) ++skipped_;
  recent_.push_back(skipping_);
  if (recent_.size() > kRecent) recent_.pop_front();
  return {skipping_ ? SensorWork::kNone : turning_ ? SensorWork::kInTurn : SensorWork::kAll, steps_};
}

void Pace::end(Clock::time_point, Clock::duration worked) {
  since_raised_s_ += period_s_;
  if (skipping_) return;
  last_worked_s_ = std::chrono::duration<double>(worked).count();
  if (steps_ == 0 && !turning_) return;
  const bool spare = last_worked_s_ < kSpareShare * period_s_;
  spare_s_ = spare ? spare_s_ + period_s_ : 0;
  if (spare_s_ < wait_to_raise_s_) return;
  if (turning_)
    turning_ = false;
  else
    --steps_;
  spare_s_ = 0;
  since_raised_s_ = 0;
}

std::string Pace::notice() const {
  if (options_.speed <= 0 || !options_.realtime) return {};
  const auto gone = std::count(recent_.begin(), recent_.end(), true);
  if (hopeless_) return fmt::format("this machine cannot hold speed {:g}", options_.speed);
  std::vector<std::string> done;
  if (steps_ > 0) done.push_back(options_.lower_qualities[steps_ - 1] + " quality");
  if (turning_) done.emplace_back("sensors take turns");
  if (gone > 0) done.push_back(fmt::format("{} of the last {} frames without sensors", gone, recent_.size()));
  return done.empty() ? "" : fmt::format("to keep real time: {}", fmt::join(done, ", "));
}

}  // namespace bramble
