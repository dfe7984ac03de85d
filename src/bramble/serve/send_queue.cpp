#include "bramble/serve/send_queue.hpp"

#include <algorithm>

namespace bramble {

bool SendQueue::push_control(Outgoing message) {
  if (control_bytes_ + message.size() > limits_.control_bytes) return false;
  control_bytes_ += message.size();
  items_.push_back({std::nullopt, std::move(message)});
  return true;
}

void SendQueue::erase(std::deque<Item>::iterator item) {
  data_bytes_ -= item->message.size();
  items_.erase(item);
  ++dropped_;
}

void SendQueue::push_data(std::uint64_t subscription, std::size_t keep, Outgoing message) {
  const auto of_it = [&](const Item& item) { return item.subscription == subscription; };
  if (static_cast<std::size_t>(std::count_if(items_.begin(), items_.end(), of_it)) >= std::max<std::size_t>(keep, 1))
    erase(std::find_if(items_.begin(), items_.end(), of_it));
  while (data_bytes_ + message.size() > limits_.data_bytes) {
    const auto oldest =
        std::find_if(items_.begin(), items_.end(), [](const Item& item) { return item.subscription.has_value(); });
    if (oldest == items_.end()) {  // larger than all that may wait
      ++dropped_;
      return;
    }
    erase(oldest);
  }
  data_bytes_ += message.size();
  items_.push_back({subscription, std::move(message)});
}

void SendQueue::drop(std::uint64_t subscription) {
  std::erase_if(items_, [&](const Item& item) {
    if (item.subscription != subscription) return false;
    data_bytes_ -= item.message.size();
    return true;
  });
}

std::optional<Outgoing> SendQueue::pop() {
  if (items_.empty()) return std::nullopt;
  Item item = std::move(items_.front());
  items_.pop_front();
  (item.subscription ? data_bytes_ : control_bytes_) -= item.message.size();
  return std::move(item.message);
}

}  // namespace bramble
