#include "bramble/serve/foxglove_protocol.hpp"

#include <limits>

#include "bramble/core/error.hpp"

namespace bramble::foxglove {
namespace {

using nlohmann::json;

constexpr std::uint8_t kMessageData = 1;  // both ways
constexpr std::uint8_t kTime = 2;         // of the server

std::string dump(const json& message) { return message.dump(-1, ' ', false, json::error_handler_t::replace); }

template <typename T, std::size_t N>
void put(std::array<std::uint8_t, N>& bytes, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

const json& field(const json& object, const char* key) {
  if (!object.is_object()) fail("an entry is no object");
  const auto it = object.find(key);
  if (it == object.end()) fail("'{}' is missing", key);
  return *it;
}

const json& list(const json& object, const char* key) {
  const json& value = field(object, key);
  if (!value.is_array()) fail("'{}' is no list", key);
  return value;
}

std::uint32_t id_of(const json& value, const char* key) {
  // JavaScript's clients may write whole numbers as they like; a negative or broken one is no id.
  if (value.is_number_unsigned() && value.get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max())
    return static_cast<std::uint32_t>(value.get<std::uint64_t>());
  fail("'{}' is no id (a whole number from 0 to 4294967295)", key);
}

std::string text_of(const json& value, const char* key) {
  if (!value.is_string()) fail("'{}' is no text", key);
  return value.get<std::string>();
}

std::vector<std::uint32_t> ids(const json& object, const char* key) {
  std::vector<std::uint32_t> result;
  for (const json& value : list(object, key)) result.push_back(id_of(value, key));
  return result;
}

std::vector<std::string> texts(const json& object, const char* key) {
  std::vector<std::string> result;
  for (const json& value : list(object, key)) result.push_back(text_of(value, key));
  return result;
}

std::optional<std::string> request_id(const json& object) {
  const auto it = object.find("id");
  if (it == object.end() || it->is_null()) return std::nullopt;
  return text_of(*it, "id");
}

Subscribe parse_subscribe(const json& message) {
  Subscribe result;
  for (const json& entry : list(message, "subscriptions"))
    result.subscriptions.push_back({id_of(field(entry, "id"), "id"), id_of(field(entry, "channelId"), "channelId")});
  return result;
}

Advertise parse_advertise(const json& message) {
  Advertise result;
  for (const json& entry : list(message, "channels"))
    result.channels.push_back({id_of(field(entry, "id"), "id"), text_of(field(entry, "topic"), "topic"),
                               text_of(field(entry, "encoding"), "encoding"),
                               text_of(field(entry, "schemaName"), "schemaName")});
  return result;
}

SetParameters parse_set_parameters(const json& message) {
  SetParameters result;
  for (const json& entry : list(message, "parameters")) {
    const auto value = entry.is_object() ? entry.find("value") : entry.end();
    result.parameters.push_back(
        {text_of(field(entry, "name"), "name"), entry.is_object() && value != entry.end() ? *value : json()});
  }
  result.request_id = request_id(message);
  return result;
}

}  // namespace

ClientOperation parse_client_text(std::string_view text) {
  const json message = json::parse(text, nullptr, false);
  if (message.is_discarded()) fail("a text message is no JSON");
  if (!message.is_object()) fail("a text message is no JSON object");
  const std::string operation = text_of(field(message, "op"), "op");
  try {
    if (operation == "subscribe") return parse_subscribe(message);
    if (operation == "unsubscribe") return Unsubscribe{ids(message, "subscriptionIds")};
    if (operation == "advertise") return parse_advertise(message);
    if (operation == "unadvertise") return Unadvertise{ids(message, "channelIds")};
    if (operation == "getParameters") return GetParameters{texts(message, "parameterNames"), request_id(message)};
    if (operation == "setParameters") return parse_set_parameters(message);
    if (operation == "subscribeParameterUpdates") return SubscribeParameters{texts(message, "parameterNames"), true};
    if (operation == "unsubscribeParameterUpdates") return SubscribeParameters{texts(message, "parameterNames"), false};
  } catch (const Error& error) {
    fail("{}: {}", operation, error.what());
  }
  fail("there is no operation '{}' here", operation.substr(0, 64));
}

ClientData parse_client_binary(std::span<const std::uint8_t> frame) {
  if (frame.empty()) fail("a binary message is empty");
  if (frame[0] != kMessageData) fail("there is no binary operation {} here", frame[0]);
  if (frame.size() < 5) fail("a binary message of {} bytes is cut", frame.size());
  ClientData data;
  for (std::size_t i = 0; i < 4; ++i) data.channel_id |= static_cast<std::uint32_t>(frame[1 + i]) << (8 * i);
  data.payload = frame.subspan(5);
  return data;
}

std::string server_info(const ServerInfo& info) {
  return dump({{"op", "serverInfo"},
               {"name", info.name},
               {"capabilities", {"clientPublish", "parameters", "parametersSubscribe", "time"}},
               {"supportedEncodings", {"json", "cdr"}},
               {"metadata", {{"bramble", info.version}, {"ROS_DISTRO", "humble"}}},
               {"sessionId", info.session_id}});
}

std::string advertise(std::span<const Channel> channels) {
  json entries = json::array();
  for (const Channel& channel : channels)
    entries.push_back({{"id", channel.id},
                       {"topic", channel.topic},
                       {"encoding", channel.encoding},
                       {"schemaName", channel.schema_name},
                       {"schema", channel.schema},
                       {"schemaEncoding", channel.schema_encoding}});
  return dump({{"op", "advertise"}, {"channels", std::move(entries)}});
}

std::string parameter_values(std::span<const Parameter> parameters, const std::optional<std::string>& request_id) {
  json entries = json::array();
  for (const Parameter& parameter : parameters) {
    json entry = {{"name", parameter.name}};
    if (!parameter.value.is_null()) entry["value"] = parameter.value;
    if (parameter.value.is_number()) entry["type"] = "float64";  // 1 is as good as 1.0, whatever JSON makes of it
    entries.push_back(std::move(entry));
  }
  json message = {{"op", "parameterValues"}, {"parameters", std::move(entries)}};
  if (request_id) message["id"] = *request_id;
  return dump(message);
}

std::string status(StatusLevel level, std::string_view message) {
  return dump({{"op", "status"}, {"level", static_cast<int>(level)}, {"message", message}});
}

std::array<std::uint8_t, 13> message_head(std::uint32_t subscription_id, StampNs stamp_ns) {
  std::array<std::uint8_t, 13> head{kMessageData};
  put(head, 1, subscription_id);
  put(head, 5, static_cast<std::uint64_t>(stamp_ns));
  return head;
}

std::array<std::uint8_t, 9> time_message(StampNs stamp_ns) {
  std::array<std::uint8_t, 9> message{kTime};
  put(message, 1, static_cast<std::uint64_t>(stamp_ns));
  return message;
}

}  // namespace bramble::foxglove
