#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

namespace bramble {

/// A payload of any type made from msg/ as JSON, fields in wire order. A uint8[] stands as {"bytes": N, "sha256": …};
/// a number that JSON has no word for as "nan", "inf" or "-inf". Throws Error when the type is unknown or the payload
/// is malformed.
nlohmann::ordered_json message_to_json(std::string_view type, std::span<const std::uint8_t> payload);

}  // namespace bramble
