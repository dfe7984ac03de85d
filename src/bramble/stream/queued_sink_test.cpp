#include "bramble/stream/queued_sink.hpp"

#include <gtest/gtest.h>

#include <semaphore>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

Message message(int index, std::size_t bytes = 1000) {
  return {{"/numbers", "std_msgs/msg/String", false}, index, std::make_shared<const std::vector<std::uint8_t>>(bytes)};
}

// A disk that writes when it is told to.
class SlowSink final : public Sink {
 public:
  void write(const Message& message) override {
    allowed.acquire();
    if (message.stamp_ns == fails_at) fail("no space left");
    stamps.push_back(message.stamp_ns);
  }
  void close() override { closed = true; }
  std::counting_semaphore<100000> allowed{0};
  StampNs fails_at = -1;
  std::vector<StampNs> stamps;
  bool closed = false;
};

TEST(QueuedSink, EverythingArrivesInOrder) {
  SlowSink disk;
  disk.allowed.release(2000);
  QueuedSink queue(disk, 5000, QueuedSink::WhenFull::kWait);
  for (int i = 0; i < 2000; ++i) queue.write(message(i));
  queue.close();
  ASSERT_EQ(disk.stamps.size(), 2000U);
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(disk.stamps[static_cast<std::size_t>(i)], i);
  EXPECT_TRUE(disk.closed);
  EXPECT_EQ(queue.dropped(), 0U);
  EXPECT_LE(queue.peak_bytes(), 5000U);
}

TEST(QueuedSink, AFullQueueHoldsBackOrDrops) {
  SlowSink disk;
  QueuedSink dropping(disk, 5000, QueuedSink::WhenFull::kDrop);
  for (int i = 0; i < 20; ++i) dropping.write(message(i));  // returns at once, though nothing can be written
  EXPECT_EQ(dropping.dropped(), 16U);                       // four of 1128 bytes have room
  disk.allowed.release(100);
  dropping.close();
  EXPECT_EQ(disk.stamps, (std::vector<StampNs>{0, 1, 2, 3}));

  SlowSink second;
  QueuedSink waiting(second, 5000, QueuedSink::WhenFull::kWait);
  std::atomic<int> written = 0;
  std::thread simulation([&] {
    for (int i = 0; i < 20; ++i) {
      waiting.write(message(i));
      ++written;
    }
  });
  for (int i = 0; i < 200 && written < 4; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(written, 4);
  second.allowed.release(100);
  simulation.join();
  waiting.close();
  EXPECT_EQ(second.stamps.size(), 20U);
  EXPECT_EQ(waiting.dropped(), 0U);
}

TEST(QueuedSink, AMessageLargerThanTheQueueIsTaken) {
  SlowSink disk;
  disk.allowed.release(3);
  QueuedSink queue(disk, 100, QueuedSink::WhenFull::kWait);
  for (int i = 0; i < 3; ++i) queue.write(message(i, 100'000));
  queue.close();
  EXPECT_EQ(disk.stamps.size(), 3U);
}

TEST(QueuedSink, AFailureOfTheDiskReachesTheWriter) {
  for (const auto when_full : {QueuedSink::WhenFull::kWait, QueuedSink::WhenFull::kDrop}) {
    SlowSink disk;
    disk.fails_at = 5;
    disk.allowed.release(100);
    QueuedSink queue(disk, 3000, when_full);
    EXPECT_THROW(
        {
          for (int i = 0; i < 1000; ++i) {
            queue.write(message(i));
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        },
        Error);
    EXPECT_THROW(queue.close(), Error);
    EXPECT_FALSE(disk.closed);
    EXPECT_LE(disk.stamps.size(), 5U);
  }
}

}  // namespace
}  // namespace bramble
