#include "bramble/ros/message_json.hpp"

#include <cmath>
#include <map>

#include "bramble/ros/messages.hpp"
#include "bramble/ros/sha256.hpp"

namespace bramble {

namespace {

using Json = nlohmann::ordered_json;

// Lists within messages within lists: declared before use.
template <typename T>
Json json_of(const std::vector<T>& list);
Json json_of(const std::vector<std::uint8_t>& bytes);
template <typename T, std::size_t N>
Json json_of(const std::array<T, N>& list);

template <typename T>
Json json_of(const T& value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return static_cast<double>(value);
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else {
    Json fields = Json::object();
    visit_fields(value, [&](const char* name, const auto& field) { fields[name] = json_of(field); });
    return fields;
  }
}
template <typename T>
Json json_of(const std::vector<T>& list) {
  Json out = Json::array();
  for (const auto& element : list) out.push_back(json_of(element));
  return out;
}
Json json_of(const std::vector<std::uint8_t>& bytes) {
  return {{"bytes", bytes.size()}, {"sha256", sha256_hex(std::span<const std::uint8_t>(bytes))}};
}
template <typename T, std::size_t N>
Json json_of(const std::array<T, N>& list) {
  Json out = Json::array();
  for (const auto& element : list) out.push_back(json_of(element));
  return out;
}

using Converter = Json (*)(std::span<const std::uint8_t>);

template <typename T>
Json convert(std::span<const std::uint8_t> payload) {
  return json_of(deserialize<T>(payload));
}

template <typename... Types>
std::map<std::string_view, Converter> make_converters(const std::tuple<Types...>*) {
  return {{Types::kType, &convert<Types>}...};
}

}  // namespace

Json message_to_json(std::string_view type, std::span<const std::uint8_t> payload) {
  static const auto converters = make_converters(static_cast<const AllMessages*>(nullptr));
  const auto found = converters.find(type);
  if (found == converters.end()) fail("the message type {} is not known here", type);
  return found->second(payload);
}

}  // namespace bramble
