// Any bytes as a payload of any type: the first byte chooses the type. What decodes must survive being written and
// read again, and its JSON must be writable.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bramble/ros/image_view.hpp"
#include "bramble/ros/message_json.hpp"
#include "bramble/ros/messages.hpp"

namespace {

using namespace bramble;

template <typename T>
void decode(std::span<const std::uint8_t> payload) {
  const T message = deserialize<T>(payload);
  const auto written = serialize(message);
  // Bytes, not values: NaN differs from itself.
  if (serialize(deserialize<T>(written)) != written) std::abort();
  (void)message_to_json(T::kType, written).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

template <typename... Types>
void decode_as(std::size_t which, std::span<const std::uint8_t> payload, const std::tuple<Types...>*) {
  using Decode = void (*)(std::span<const std::uint8_t>);
  static constexpr Decode kDecoders[] = {&decode<Types>...};
  kDecoders[which % sizeof...(Types)](payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::span<const std::uint8_t> payload(data + 1, size - 1);
  try {
    decode_as(data[0], payload, static_cast<const AllMessages*>(nullptr));
  } catch (const Error&) {
  }
  try {
    const auto view = ImageView::parse(payload);
    if (view.data.size() < std::size_t{view.height} * view.step) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
