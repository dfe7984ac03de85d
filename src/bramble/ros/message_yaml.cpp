#include "bramble/ros/message_yaml.hpp"

#include <yaml-cpp/yaml.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

// `path`: of the field, for messages.
template <typename T>
void read(const YAML::Node& node, T& value, const std::string& path);

template <typename T>
void read_number(const YAML::Node& node, T& value, const std::string& path) {
  if constexpr (std::is_floating_point_v<T>) {
    double number = 0;
    if (!YAML::convert<double>::decode(node, number)) fail("{}: '{}' is no number", path, node.Scalar());
    value = static_cast<T>(number);
  } else {
    // A uint64 does not fit into an int64, nor the other way round.
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    Wide number = 0;
    if (node.Scalar().empty() || (std::is_unsigned_v<T> && node.Scalar().front() == '-') ||
        !YAML::convert<Wide>::decode(node, number) || number < std::numeric_limits<T>::min() ||
        number > std::numeric_limits<T>::max())
      fail("{}: '{}' is no whole number from {} to {}", path, node.Scalar(), +std::numeric_limits<T>::min(),
           +std::numeric_limits<T>::max());
    value = static_cast<T>(number);
  }
}

template <typename T>
void read_list(const YAML::Node& node, std::vector<T>& list, const std::string& path) {
  if (!node.IsSequence()) fail("{}: a list is needed", path);
  list.clear();
  for (std::size_t i = 0; i < node.size(); ++i) read(node[i], list.emplace_back(), fmt::format("{}[{}]", path, i));
}

template <typename T, std::size_t N>
void read_list(const YAML::Node& node, std::array<T, N>& list, const std::string& path) {
  if (!node.IsSequence() || node.size() != N) fail("{}: a list of {} values is needed", path, N);
  for (std::size_t i = 0; i < N; ++i) read(node[i], list[i], fmt::format("{}[{}]", path, i));
}

template <typename T>
concept List = requires(T& list) {
  list.begin(), list.size();
}
&&!std::is_same_v<T, std::string>;

template <typename T>
void read(const YAML::Node& node, T& value, const std::string& path) {
  if constexpr (List<T>) {
    read_list(node, value, path);
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> || std::is_arithmetic_v<T>) {
    if (!node.IsScalar()) fail("{}: one value is needed", path);
    if constexpr (std::is_same_v<T, std::string>) {
      value = node.Scalar();
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!YAML::convert<bool>::decode(node, value)) fail("{}: '{}' is neither true nor false", path, node.Scalar());
    } else {
      read_number(node, value, path);
    }
  } else {
    if (node.IsNull()) return;
    if (!node.IsMap()) fail("{}: fields in braces are needed", path.empty() ? "the message" : path);
    std::set<std::string> known;
    visit_fields(value, [&](const char* name, auto& field) {
      known.insert(name);
      if (node[name]) read(node[name], field, path.empty() ? name : path + "." + name);
    });
    for (const auto& entry : node)
      if (const auto key = entry.first.as<std::string>(); !known.contains(key))
        fail("{} has no field '{}'; there are: {}", path.empty() ? "the message" : path, key, fmt::join(known, ", "));
  }
}

using Converter = std::vector<std::uint8_t> (*)(const YAML::Node&);

template <typename T>
std::vector<std::uint8_t> convert(const YAML::Node& node) {
  T message;
  read(node, message, "");
  return serialize(message);
}

template <typename... Types>
std::map<std::string_view, Converter> make_converters(const std::tuple<Types...>*) {
  return {{Types::kType, &convert<Types>}...};
}

}  // namespace

std::vector<std::uint8_t> message_from_yaml(std::string_view type, const std::string& text) {
  static const auto converters = make_converters(static_cast<const AllMessages*>(nullptr));
  const auto found = converters.find(type);
  if (found == converters.end()) fail("the message type {} is not known here", type);
  try {
    return found->second(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    fail("the message is no YAML: {}", error.what());
  }
}

}  // namespace bramble
