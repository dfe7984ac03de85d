#include "bramble/serve/pace.hpp"

#include <gtest/gtest.h>

namespace bramble {
namespace {

using namespace std::chrono_literals;
using Clock = Pace::Clock;
constexpr StampNs kFrame = kNsPerSecond / 20;

// A source whose frames take as long as we say, on a clock of our own.
struct Drive {
  Pace pace;
  Clock::time_point now = Clock::time_point{} + 1h;
  StampNs stamp_ns = kNsPerSecond;
  Clock::time_point begin = now;
  StampNs begin_stamp_ns = kNsPerSecond;
  int lowered = 0, turns = 0, frames = 0;

  explicit Drive(PaceOptions options) : pace(options) {}
  // Returns whether the frame came with its sensors.
  bool frame(Clock::duration full, Clock::duration low, Clock::duration bare, Clock::duration in_turn = 1h) {
    now = std::max(now, pace.due(stamp_ns, now));
    const Pace::Orders orders = pace.begin(stamp_ns, now);
    const bool skipped = orders.sensors == SensorWork::kNone, in_turns = orders.sensors == SensorWork::kInTurn;
    const auto took = skipped ? bare : in_turns ? in_turn : orders.quality_steps > 0 ? low : full;
    lowered += orders.quality_steps > 0;
    turns += in_turns;
    ++frames;
    now += took;
    pace.end(now, took);
    stamp_ns += kFrame;
    return !skipped;
  }
  // How far the wall clock is ahead of the simulated time.
  double behind_s() const {
    return std::chrono::duration<double>(now - begin).count() - seconds(stamp_ns - begin_stamp_ns);
  }
};

TEST(Pace, WaitsForTheWallClock) {
  Drive drive({});
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(drive.frame(10ms, 10ms, 1ms));
  EXPECT_NEAR(drive.behind_s(), -0.04, 0.001);  // the last frame's time is not over yet
  drive.pace.set_speed(2);
  const auto before = drive.now;
  for (int i = 0; i < 101; ++i) drive.frame(10ms, 10ms, 1ms);
  EXPECT_NEAR(std::chrono::duration<double>(drive.now - before).count(), 2.51, 0.01);
}

TEST(Pace, WithoutRealtimeALateFrameIsNotMadeUpFor) {
  Drive drive({});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(drive.frame(100ms, 100ms, 1ms));
  EXPECT_NEAR(drive.behind_s(), 0.5, 0.01);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(drive.frame(10ms, 10ms, 1ms));
  EXPECT_NEAR(drive.behind_s(), 0.46, 0.06);  // and no faster afterwards
  EXPECT_EQ(drive.pace.skipped(), 0U);
  EXPECT_EQ(drive.pace.notice(), "");
}

TEST(Pace, RealtimeLowersTheQualityFirst) {
  Drive drive({.realtime = true, .lower_qualities = {"preview"}});
  for (int i = 0; i < 400; ++i) drive.frame(70ms, 30ms, 1ms);
  EXPECT_EQ(drive.pace.skipped(), 0U);  // the lower quality is enough
  EXPECT_GT(drive.lowered, 390);
  EXPECT_LT(drive.behind_s(), 0.1);
  EXPECT_NE(drive.pace.notice().find("preview"), std::string::npos);
}

TEST(Pace, RealtimeThenSkipsAndNeverDrifts) {
  Drive drive({.realtime = true, .lower_qualities = {"preview"}});
  int seen = 0;
  double most_behind_s = 0;
  for (int i = 0; i < 2000; ++i) {
    seen += drive.frame(300ms, 120ms, 1ms);
    if (i > 20) most_behind_s = std::max(most_behind_s, drive.behind_s());
  }
  EXPECT_LT(most_behind_s, 0.2);
  EXPECT_GT(seen, 2000 / 5);  // every third frame or so, as 120 ms allow
  EXPECT_LT(seen, 2000 / 2);
  EXPECT_EQ(drive.pace.skipped(), static_cast<std::uint64_t>(2000 - seen));
  EXPECT_NE(drive.pace.notice().find("without sensors"), std::string::npos);
}

TEST(Pace, QualityGoesDownAndUpStepByStep) {
  Pace pace({.realtime = true, .lower_qualities = {"preview", "draft"}, .can_turn = true});
  Clock::time_point now = Clock::time_point{} + 1h;
  StampNs stamp_ns = kNsPerSecond;
  std::vector<std::size_t> steps = {0};
  std::vector<bool> turns = {false};
  const auto frame = [&](const std::vector<Clock::duration>& by_steps, Clock::duration in_turn) {
    now = std::max(now, pace.due(stamp_ns, now));
    const Pace::Orders orders = pace.begin(stamp_ns, now);
    if (orders.quality_steps != steps.back()) steps.push_back(orders.quality_steps);
    if ((orders.sensors == SensorWork::kInTurn) != turns.back()) turns.push_back(!turns.back());
    const auto took = orders.sensors == SensorWork::kInTurn ? in_turn : by_steps[orders.quality_steps];
    now += took;
    pace.end(now, took);
    stamp_ns += kFrame;
  };
  for (int i = 0; i < 200; ++i) frame({200ms, 100ms, 40ms}, 1ms);
  EXPECT_EQ(steps, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(turns, (std::vector<bool>{false})) << "the second step was enough";
  EXPECT_EQ(pace.notice(), "to keep real time: draft quality");
  for (int i = 0; i < 40; ++i) frame({200ms, 100ms, 80ms}, 40ms);
  EXPECT_EQ(turns, (std::vector<bool>{false, true}));
  EXPECT_EQ(pace.notice(), "to keep real time: draft quality, sensors take turns");
  for (int i = 0; i < 2000; ++i) frame({12ms, 8ms, 5ms}, 3ms);
  EXPECT_EQ(turns, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(steps, (std::vector<std::size_t>{0, 1, 2, 1, 0}));
  EXPECT_EQ(pace.notice(), "");
}

TEST(Pace, SensorsTakeTurnsBeforeAnyFrameGoesWithout) {
  Drive drive({.realtime = true, .lower_qualities = {"preview"}, .can_turn = true});
  for (int i = 0; i < 400; ++i) drive.frame(300ms, 120ms, 1ms, 40ms);
  EXPECT_LT(drive.pace.skipped(), 10U) << "those of the beginning";
  EXPECT_GT(drive.turns, 380);
  EXPECT_LT(drive.behind_s(), 0.1);
  EXPECT_EQ(drive.pace.notice(), "to keep real time: preview quality, sensors take turns");
  // Not enough either: then frames go without.
  for (int i = 0; i < 400; ++i) drive.frame(300ms, 120ms, 1ms, 70ms);
  EXPECT_GT(drive.pace.skipped(), 100U);
  EXPECT_NE(drive.pace.notice().find("sensors take turns, "), std::string::npos);
  // Time to spare: first every sensor comes in every frame, then the quality is back.
  for (int i = 0; i < 8000 && drive.pace.lowered(); ++i) drive.frame(10ms, 8ms, 1ms, 5ms);
  EXPECT_FALSE(drive.pace.lowered());
  const int turns = drive.turns;
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(drive.frame(10ms, 8ms, 1ms, 5ms));
  EXPECT_EQ(drive.turns, turns);
  EXPECT_EQ(drive.pace.notice(), "");
}

TEST(Pace, WithNothingToLowerItSkipsAtOnce) {
  Drive drive({.realtime = true});
  for (int i = 0; i < 200; ++i) drive.frame(80ms, 80ms, 1ms);
  EXPECT_EQ(drive.lowered, 0);
  EXPECT_GT(drive.pace.skipped(), 50U);
  EXPECT_LT(drive.behind_s(), 0.15);
}

TEST(Pace, QualityComesBackAndDoesNotFlap) {
  Drive drive({.realtime = true, .lower_qualities = {"preview"}});
  for (int i = 0; i < 100; ++i) drive.frame(70ms, 10ms, 1ms);  // low takes little, full too much
  EXPECT_GT(drive.lowered, 80);
  const int changes_before = drive.lowered;
  for (int i = 0; i < 4000; ++i) drive.frame(70ms, 10ms, 1ms);  // 200 s
  // It tries the full quality after 5 s, then after 10, 20, 40, … s.
  EXPECT_GT(drive.lowered - changes_before, 3950);
  EXPECT_LT(drive.behind_s(), 0.1);
  for (int i = 0; i < 8000 && drive.pace.lowered(); ++i) drive.frame(20ms, 10ms, 1ms);
  EXPECT_FALSE(drive.pace.lowered());
  for (int i = 0; i < 200; ++i) drive.frame(20ms, 10ms, 1ms);
  EXPECT_FALSE(drive.pace.lowered());
  EXPECT_EQ(drive.pace.notice(), "");
}

TEST(Pace, SaysWhenASpeedCannotBeHeld) {
  Drive drive({.realtime = true, .speed = 16});
  int seen = 0;
  for (int i = 0; i < 3000; ++i) seen += drive.frame(50ms, 50ms, 10ms);
  EXPECT_GT(seen, 100);  // something is seen all the same
  EXPECT_NE(drive.pace.notice().find("cannot hold speed 16"), std::string::npos);
}

TEST(Pace, AsFastAsItGoes) {
  Drive drive({.realtime = true, .speed = 0});
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(drive.frame(100ms, 100ms, 1ms));
  EXPECT_EQ(drive.pace.skipped(), 0U);
}

TEST(Pace, ASeekBackBeginsAnew) {
  Drive drive({});
  for (int i = 0; i < 20; ++i) drive.frame(1ms, 1ms, 1ms);
  drive.stamp_ns = kNsPerSecond;
  const auto before = drive.now;
  for (int i = 0; i < 21; ++i) drive.frame(1ms, 1ms, 1ms);
  EXPECT_NEAR(std::chrono::duration<double>(drive.now - before).count(), 1.0, 0.01);
}

}  // namespace
}  // namespace bramble
