// What a client of the dashboard may send over its WebSocket: frames of JSON and of bytes, one after another, to the
// hub that the server has; and what it publishes, to the parsers of control messages. Input: frames, each a byte for
// its kind (even: text), two bytes for its length, then its content.
#include <cstdint>

#include "bramble/core/error.hpp"
#include "bramble/serve/client_message.hpp"
#include "bramble/serve/hub.hpp"

namespace {

struct Listener final : bramble::HubListener {
  void on_message(bramble::ClientMessage message) override {
    try {
      (void)bramble::parse_control(message);
    } catch (const bramble::Error&) {
    }
    try {
      (void)bramble::parse_step(message);
    } catch (const bramble::Error&) {
    }
  }
  void on_parameters(bramble::ParameterWish wish) override {
    for (auto& parameter : wish.parameters) hub->set_parameter(parameter.name, parameter.value);
    if (wish.request_id) hub->answer_parameters(wish.client, {}, *wish.request_id);
  }
  void on_subscriptions() override { (void)hub->subscribed_topics(); }
  bramble::LiveHub* hub = nullptr;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Listener listener;
  bramble::LiveHub hub({"fuzz", "0", "session"});
  listener.hub = &hub;
  hub.listen(&listener);
  const auto channel = hub.add_channel({"/a", "cdr", "std_msgs/msg/String", "string data", "ros2msg", true, 1});
  hub.publish(channel, 1, std::make_shared<const std::vector<std::uint8_t>>(8));
  hub.set_parameter("/bramble/speed", 1.0);
  const auto client = hub.connect([] {});
  while (size >= 3) {
    const bool text = data[0] % 2 == 0;
    const std::size_t length = std::min<std::size_t>(data[1] | data[2] << 8, size - 3);
    const std::span<const std::uint8_t> frame(data + 3, length);
    data += 3 + length;
    size -= 3 + length;
    const bramble::Verdict verdict =
        text ? hub.take_text(*client, {reinterpret_cast<const char*>(frame.data()), frame.size()})
             : hub.take_binary(*client, frame);
    hub.publish(channel, 2, std::make_shared<const std::vector<std::uint8_t>>(8));
    while (hub.next(*client)) {
    }
    if (verdict.close_code != 0) break;
  }
  hub.disconnect(*client);
  if (hub.subscribed(channel)) __builtin_trap();
  return 0;
}
