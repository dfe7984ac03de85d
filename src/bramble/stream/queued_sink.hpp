#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "bramble/stream/stream.hpp"

namespace bramble {

/// A sink that writes on a thread of its own, from a queue of bounded size, so that who makes messages does not wait
/// for the disk. Payloads are shared, not copied. write() and close() come from one thread; the sink behind is used by
/// the queue's thread alone until close() or the end of the queue.
class QueuedSink final : public Sink {
 public:
  enum class WhenFull {
    kWait,  ///< write() waits for room: nothing is lost, and a simulation goes slower
    kDrop,  ///< the message is dropped and counted: for what cannot wait, as a live robot
  };
  /// `behind` must outlive the queue. A message larger than `most_bytes` is taken when the queue is empty.
  QueuedSink(Sink& behind, std::uint64_t most_bytes, WhenFull when_full);
  /// Gives up what is still queued, unless close() came before.
  ~QueuedSink() override;
  QueuedSink(const QueuedSink&) = delete;
  QueuedSink& operator=(const QueuedSink&) = delete;

  /// Throws what the sink behind threw at an earlier message; nothing more is taken then.
  void write(const Message& message) override;
  /// Waits until everything queued is written, and closes the sink behind. Throws what that threw.
  void close() override;

  std::uint64_t dropped() const;
  /// The largest the queue has been, in bytes.
  std::uint64_t peak_bytes() const;

 private:
  void run();
  void stop();

  Sink& behind_;
  const std::uint64_t most_bytes_;
  const WhenFull when_full_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Message> queue_;
  std::uint64_t bytes_ = 0;  // queued, and the one being written
  std::uint64_t peak_bytes_ = 0, dropped_ = 0;
  bool ended_ = false, given_up_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace bramble
