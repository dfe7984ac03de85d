#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

/// The payload of a message of any type made from msg/, out of YAML as ros2's command line takes it
/// («{linear: {x: 2.0}}»; JSON is YAML too). What is left out keeps its default. Throws Error naming the field for an
/// unknown field, a value of another kind or out of the field's range, or a type that is not known here.
std::vector<std::uint8_t> message_from_yaml(std::string_view type, const std::string& text);

}  // namespace bramble
