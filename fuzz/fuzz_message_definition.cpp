// Any bytes as the text of a message definition. What is read must be writable and say the same when read again; and
// the bytes are a message of it, too, as ROS 1 packs it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bramble/core/error.hpp"
#include "bramble/ros/message_definition.hpp"
#include "bramble/ros/ros1_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string_view type : {"lab_msgs/Probe", "sensor_msgs/Image", "std_msgs/Header"}) {
    try {
      const MessageDefinition definition = parse_message_definition(type, text);
      const std::string written = message_definition_text(definition);
      MessageDefinition again;
      try {
        again = parse_message_definition(type, written);
      } catch (const Error&) {
        std::abort();
      }
      if (message_definition_text(again) != written) std::abort();
    } catch (const Error&) {
    }
    try {
      const Ros1Transcoder transcoder(type, text);
      // The bytes as they are, and no bytes at all.
      for (const std::size_t from : {std::size_t{0}, size / 2, size}) try {
          const auto cdr = transcoder.to_cdr({data + from, size - from});
          if (cdr.size() < 4) std::abort();
        } catch (const Error&) {
        }
    } catch (const Error&) {
    }
  }
  return 0;
}
