#include "bramble/stream/queued_sink.hpp"

#include <algorithm>

namespace bramble {
namespace {

std::uint64_t size_of(const Message& message) { return message.cdr->size() + 128; }

}  // namespace

QueuedSink::QueuedSink(Sink& behind, std::uint64_t most_bytes, WhenFull when_full)
    : behind_(behind), most_bytes_(most_bytes), when_full_(when_full), thread_([this] { run(); }) {}

QueuedSink::~QueuedSink() {
  {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
  }
  stop();
}

void QueuedSink::stop() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void QueuedSink::write(const Message& message) {
  std::unique_lock lock(mutex_);
  const auto room = [&] { return bytes_ == 0 || bytes_ + size_of(message) <= most_bytes_ || failure_; };
  if (when_full_ == WhenFull::kWait)
    changed_.wait(lock, room);
  else if (!room()) {
    ++dropped_;
    return;
  }
  if (failure_) std::rethrow_exception(failure_);
  queue_.push_back(message);
  bytes_ += size_of(message);
  peak_bytes_ = std::max(peak_bytes_, bytes_);
  lock.unlock();
  changed_.notify_all();
}

void QueuedSink::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ended_ || !queue_.empty(); });
    if (given_up_ || queue_.empty()) return;
    const Message message = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      behind_.write(message);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    bytes_ -= size_of(message);
    if (failure) {
      failure_ = failure;
      queue_.clear();
      bytes_ = 0;
      changed_.notify_all();
      return;
    }
    changed_.notify_all();
  }
}

void QueuedSink::close() {
  stop();
  if (failure_) std::rethrow_exception(failure_);
  behind_.close();
}

std::uint64_t QueuedSink::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}
std::uint64_t QueuedSink::peak_bytes() const {
  const std::lock_guard lock(mutex_);
  return peak_bytes_;
}

}  // namespace bramble
