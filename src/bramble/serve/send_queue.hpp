#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace bramble {

using SharedBytes = std::shared_ptr<const std::vector<std::uint8_t>>;

/// A WebSocket message on its way out: head, then body. The body is shared by all who get it.
struct Outgoing {
  bool text = false;
  std::vector<std::uint8_t> head;
  SharedBytes body;  ///< may be null
  std::size_t size() const { return head.size() + (body ? body->size() : 0); }
};

struct SendQueueLimits {
  std::size_t control_bytes = 8 << 20;
  std::size_t data_bytes = 64 << 20;
};

/// What waits to be sent to one client, in order. Control messages (JSON) are never left out; data of a subscription
/// are, the oldest first, when more wait than it keeps or the client is too slow altogether. One thread at a time.
class SendQueue {
 public:
  explicit SendQueue(SendQueueLimits limits = {}) : limits_(limits) {}

  /// False when too much waits: the client does not read and should be let go.
  bool push_control(Outgoing message);
  /// `keep`: how many messages of this subscription (32 bits; above: the server's own) may wait, at least 1.
  void push_data(std::uint64_t subscription, std::size_t keep, Outgoing message);
  /// Forgets what waits of a subscription.
  void drop(std::uint64_t subscription);
  std::optional<Outgoing> pop();

  bool empty() const { return items_.empty(); }
  std::size_t bytes() const { return control_bytes_ + data_bytes_; }
  /// Data messages left out so far.
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Item {
    std::optional<std::uint64_t> subscription;  // none: control
    Outgoing message;
  };
  void erase(std::deque<Item>::iterator item);
  SendQueueLimits limits_;
  std::deque<Item> items_;
  std::size_t control_bytes_ = 0;
  std::size_t data_bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace bramble
