#include "bramble/live/graph_message.hpp"

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/ros/cdr.hpp"

namespace bramble {
namespace {

constexpr std::size_t kHumbleGid = 24;

// Humble fills the bytes behind the GUID with zeros.
void put_gid(CdrWriter& writer, const Gid& gid, bool humble) {
  writer.put(gid);
  if (humble) writer.put(std::array<std::uint8_t, kHumbleGid - std::tuple_size_v<Gid>>{});
}
Gid get_gid(CdrReader& reader, bool humble) {
  Gid gid;
  reader.get(gid);
  std::array<std::uint8_t, kHumbleGid - std::tuple_size_v<Gid>> rest{};
  if (humble) reader.get(rest);
  if (std::any_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte != 0; }))
    fail("a gid of Humble ends in something else than zeros");
  return gid;
}

void put_gids(CdrWriter& writer, const std::vector<Gid>& gids, bool humble) {
  writer.put(static_cast<std::uint32_t>(gids.size()));
  for (const Gid& gid : gids) put_gid(writer, gid, humble);
}
std::uint32_t get_count(CdrReader& reader, std::size_t least_bytes) {
  std::uint32_t count = 0;
  reader.get(count);
  if (count > reader.left() / least_bytes) fail("{} entries in {} bytes", count, reader.left());
  return count;
}
std::vector<Gid> get_gids(CdrReader& reader, bool humble) {
  std::vector<Gid> gids(get_count(reader, std::tuple_size_v<Gid>));
  for (Gid& gid : gids) gid = get_gid(reader, humble);
  return gids;
}

GraphInfo parse(std::span<const std::uint8_t> cdr, bool humble) {
  CdrReader reader(cdr);
  GraphInfo info;
  info.participant = get_gid(reader, humble);
  info.nodes.resize(get_count(reader, 16));
  for (GraphInfo::Node& node : info.nodes) {
    reader.get(node.ns);
    reader.get(node.name);
    node.readers = get_gids(reader, humble);
    node.writers = get_gids(reader, humble);
  }
  if (reader.left() > 3) fail("{} bytes too many", reader.left());
  return info;
}

}  // namespace

std::vector<std::uint8_t> graph_message(const GraphInfo& info, bool humble) {
  CdrWriter writer;
  put_gid(writer, info.participant, humble);
  writer.put(static_cast<std::uint32_t>(info.nodes.size()));
  for (const GraphInfo::Node& node : info.nodes) {
    writer.put(node.ns);
    writer.put(node.name);
    put_gids(writer, node.readers, humble);
    put_gids(writer, node.writers, humble);
  }
  return writer.take();
}

std::optional<GraphInfo> parse_graph_message(std::span<const std::uint8_t> cdr) {
  for (const bool humble : {false, true}) try {
      return parse(cdr, humble);
    } catch (const Error&) {  // perhaps the other layout
    }
  return std::nullopt;
}

}  // namespace bramble
