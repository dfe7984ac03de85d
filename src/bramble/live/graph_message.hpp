#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bramble {

/// Identity of an endpoint or participant on the wire (RTPS GUID): prefix and entity id.
using Gid = std::array<std::uint8_t, 16>;

/// What rmw_dds_common's ParticipantEntitiesInfo says of one participant: its nodes and their endpoints.
struct GraphInfo {
  struct Node {
    std::string ns = "/";
    std::string name;
    std::vector<Gid> readers, writers;
    bool operator==(const Node&) const = default;
  };
  Gid participant{};
  std::vector<Node> nodes;
  bool operator==(const GraphInfo&) const = default;
};

/// The message on ros_discovery_info. Humble's gids have 24 bytes, those of Iron and later 16, under the same type
/// name.
std::vector<std::uint8_t> graph_message(const GraphInfo& info, bool humble);
/// Reads either layout; nothing when the payload is neither.
std::optional<GraphInfo> parse_graph_message(std::span<const std::uint8_t> cdr);

}  // namespace bramble
