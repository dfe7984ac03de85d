#include "bramble/live/topic_watch.hpp"

#include <gtest/gtest.h>

#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

constexpr std::int64_t kPeriodNs = 50'000'000;

Message image(std::int64_t frame, std::int64_t late_ns = 0) {
  sensor_msgs::Image message;
  message.header.stamp = to_ros_time(kNsPerSecond + frame * kPeriodNs);
  message.header.frame_id = "eye";
  return {{"/image", std::string(sensor_msgs::Image::kType), false},
          1'700'000'000 * kNsPerSecond + frame * kPeriodNs + late_ns,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(message))};
}

TEST(TopicWatch, GapsBetweenStampsAreMissingMessages) {
  TopicWatch watch(kPeriodNs);
  for (const int frame : {0, 1, 2, 5, 6, 6, 4, 7}) watch.add(image(frame));
  const TopicStatistics& topic = watch.topics().at("/image");
  EXPECT_EQ(topic.messages, 8U);
  EXPECT_EQ(topic.missing, 2U);
  EXPECT_EQ(topic.out_of_order, 2U);
}

TEST(TopicWatch, RateAndLateness) {
  TopicWatch watch;
  for (int frame = 0; frame < 21; ++frame)
    watch.add(image(frame, frame == 10 ? 30'000'000 : frame == 0 ? 5'000'000 : 0));
  const TopicStatistics& topic = watch.topics().at("/image");
  EXPECT_NEAR(topic.rate_hz(), 20, 0.2);
  EXPECT_EQ(topic.missing, 0U);
  EXPECT_EQ(topic.latest_ns, 30'000'000);
  EXPECT_EQ(topic.last_late_ns, 0);
}

// A drive at a quarter of the wall clock's pace: its stamps are late by what they come late at that pace alone.
TEST(TopicWatch, SlowStampsAreNotLateWhenTheyAreToBeSlow) {
  TopicWatch slow(kPeriodNs, 0.25), real(kPeriodNs);
  for (int frame = 0; frame < 21; ++frame) {
    const Message message = image(frame, 3 * frame * kPeriodNs + (frame == 10 ? 30'000'000 : 0));
    slow.add(message);
    real.add(message);
  }
  EXPECT_EQ(slow.topics().at("/image").latest_ns, 30'000'000);
  EXPECT_EQ(slow.topics().at("/image").last_late_ns, 0);
  EXPECT_EQ(slow.topics().at("/image").missing, 0U);
  EXPECT_EQ(real.topics().at("/image").latest_ns, 60 * kPeriodNs);
}

TEST(TopicWatch, OnlyWhatIsStampedHasAStamp) {
  EXPECT_EQ(stamp_inside(image(2)), kNsPerSecond + 2 * kPeriodNs);
  rosgraph_msgs::Clock clock;
  clock.clock = to_ros_time(77);
  EXPECT_EQ(stamp_inside({{"/clock", std::string(rosgraph_msgs::Clock::kType), false},
                          0,
                          std::make_shared<const std::vector<std::uint8_t>>(serialize(clock))}),
            77);
  // A list of transforms has headers inside, but none of its own.
  EXPECT_FALSE(stamp_inside({{"/tf", std::string(tf2_msgs::TFMessage::kType), false},
                             0,
                             std::make_shared<const std::vector<std::uint8_t>>(serialize(tf2_msgs::TFMessage{}))}));
  Message cut = image(1);
  cut.cdr = std::make_shared<const std::vector<std::uint8_t>>(std::vector<std::uint8_t>{0, 1, 0, 0, 1});
  EXPECT_FALSE(stamp_inside(cut));
  cut.topic.type = "lab_msgs/msg/Probe";
  EXPECT_FALSE(stamp_inside(cut));
}

}  // namespace
}  // namespace bramble
