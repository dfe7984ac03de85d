#include "bramble/serve/send_queue.hpp"

#include <gtest/gtest.h>

namespace bramble {
namespace {

Outgoing message(std::uint8_t tag, std::size_t bytes = 10) {
  return {false, {tag}, std::make_shared<const std::vector<std::uint8_t>>(bytes - 1)};
}
std::vector<int> tags(SendQueue& queue) {
  std::vector<int> result;
  while (const auto out = queue.pop()) result.push_back(out->head[0]);
  return result;
}

TEST(SendQueue, KeepsOrderAndTheNewestOfEachSubscription) {
  SendQueue queue;
  queue.push_data(1, 1, message(1));
  queue.push_data(2, 2, message(2));
  ASSERT_TRUE(queue.push_control(message(100)));
  queue.push_data(1, 1, message(3));  // drops 1
  queue.push_data(2, 2, message(4));
  queue.push_data(2, 2, message(5));  // drops 2
  EXPECT_EQ(queue.bytes(), 40U);
  EXPECT_EQ(queue.dropped(), 2U);
  EXPECT_EQ(tags(queue), (std::vector<int>{100, 3, 4, 5}));
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(SendQueue, LeavesOutTheOldestDataWhenTooMuchWaits) {
  SendQueue queue({.control_bytes = 100, .data_bytes = 100});
  for (std::uint8_t i = 0; i < 10; ++i) queue.push_data(i, 5, message(i, 30));
  EXPECT_EQ(tags(queue), (std::vector<int>{7, 8, 9}));
  EXPECT_EQ(queue.dropped(), 7U);
  queue.push_data(1, 5, message(1, 101));  // larger than all that may wait
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, SaysWhenControlMessagesAreNotRead) {
  SendQueue queue({.control_bytes = 25, .data_bytes = 100});
  EXPECT_TRUE(queue.push_control(message(1)));
  EXPECT_TRUE(queue.push_control(message(2)));
  EXPECT_FALSE(queue.push_control(message(3)));
  EXPECT_EQ(tags(queue), (std::vector<int>{1, 2}));
  EXPECT_TRUE(queue.push_control(message(3)));
}

TEST(SendQueue, ForgetsASubscription) {
  SendQueue queue;
  queue.push_data(1, 5, message(1));
  queue.push_data(2, 5, message(2));
  queue.push_data(1, 5, message(3));
  queue.drop(1);
  EXPECT_EQ(queue.bytes(), 10U);
  EXPECT_EQ(tags(queue), (std::vector<int>{2}));
}

}  // namespace
}  // namespace bramble
