#pragma once
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bramble/core/stamp.hpp"

/// The messages of the Foxglove WebSocket protocol, as bytes and as structs; no sockets, no state. Source: Foxglove's
/// specification, github.com/foxglove/ws-protocol, docs/spec.md. Integers on the wire are little endian.
namespace bramble::foxglove {

/// Names that a client may ask for in Sec-WebSocket-Protocol; both are the same messages.
inline constexpr std::array<std::string_view, 2> kSubprotocols = {"foxglove.websocket.v1", "foxglove.sdk.v1"};

struct Channel {
  std::uint32_t id = 0;
  std::string topic;
  std::string encoding;         ///< of messages: «cdr», «json»
  std::string schema_name;      ///< «sensor_msgs/msg/Image»
  std::string schema;           ///< its text
  std::string schema_encoding;  ///< «ros2msg», «jsonschema»
};

struct Parameter {
  std::string name;
  nlohmann::json value;  ///< bool, number, string or a list of one of them; null: not set
};

enum class StatusLevel { kInfo = 0, kWarning = 1, kError = 2 };

// What a client asks for.
struct Subscribe {
  struct Subscription {
    std::uint32_t id = 0;  ///< chosen by the client
    std::uint32_t channel_id = 0;
  };
  std::vector<Subscription> subscriptions;
};
struct Unsubscribe {
  std::vector<std::uint32_t> subscription_ids;
};
struct ClientChannel {
  std::uint32_t id = 0;  ///< chosen by the client
  std::string topic;
  std::string encoding;
  std::string schema_name;
};
struct Advertise {
  std::vector<ClientChannel> channels;
};
struct Unadvertise {
  std::vector<std::uint32_t> channel_ids;
};
struct GetParameters {
  std::vector<std::string> names;  ///< empty: all
  std::optional<std::string> request_id;
};
struct SetParameters {
  std::vector<Parameter> parameters;
  std::optional<std::string> request_id;
};
struct SubscribeParameters {
  std::vector<std::string> names;  ///< empty: all
  bool on = true;                  ///< or no more
};
using ClientOperation =
    std::variant<Subscribe, Unsubscribe, Advertise, Unadvertise, GetParameters, SetParameters, SubscribeParameters>;

/// A text message of a client. Throws Error saying what is wrong with it.
ClientOperation parse_client_text(std::string_view text);

/// A message that a client publishes; `payload` is a part of the frame given.
struct ClientData {
  std::uint32_t channel_id = 0;
  std::span<const std::uint8_t> payload;
};
/// A binary message of a client. Throws Error.
ClientData parse_client_binary(std::span<const std::uint8_t> frame);

// What the server sends. Text that is not UTF-8 is mended.
struct ServerInfo {
  std::string name;
  std::string version;
  std::string session_id;  ///< another one for each run of the server
};
std::string server_info(const ServerInfo& info);
std::string advertise(std::span<const Channel> channels);
std::string parameter_values(std::span<const Parameter> parameters, const std::optional<std::string>& request_id);
std::string status(StatusLevel level, std::string_view message);
/// What stands before the payload of a message.
std::array<std::uint8_t, 13> message_head(std::uint32_t subscription_id, StampNs stamp_ns);
std::array<std::uint8_t, 9> time_message(StampNs stamp_ns);

}  // namespace bramble::foxglove
