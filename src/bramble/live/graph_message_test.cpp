#include "bramble/live/graph_message.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace bramble {
namespace {

GraphInfo example() {
  GraphInfo info;
  std::iota(info.participant.begin(), info.participant.end(), std::uint8_t{1});
  GraphInfo::Node node{"/", "sim_node", {}, {}};
  node.writers.push_back(info.participant);
  node.writers[0][15] = 0x03;
  info.nodes.push_back(node);
  return info;
}

// What other implementations decode: a node «sim_node» with one writer.
TEST(GraphMessage, IsWrittenAsIronAndLaterReadIt) {
  const GraphInfo info = example();
  std::vector<std::uint8_t> expected = {0, 1, 0, 0};
  expected.insert(expected.end(), info.participant.begin(), info.participant.end());
  const std::uint8_t rest[] = {1, 0, 0, 0,                                                      // one node
                               2, 0, 0, 0, '/', 0,   0,   0,                                    // «/», padded
                               9, 0, 0, 0, 's', 'i', 'm', '_', 'n', 'o', 'd', 'e', 0, 0, 0, 0,  //
                               0, 0, 0, 0,                                                      // no readers
                               1, 0, 0, 0};                                                     // one writer
  expected.insert(expected.end(), std::begin(rest), std::end(rest));
  expected.insert(expected.end(), info.nodes[0].writers[0].begin(), info.nodes[0].writers[0].end());
  EXPECT_EQ(graph_message(info, false), expected);
}

TEST(GraphMessage, BothLayoutsComeBack) {
  GraphInfo info = example();
  info.nodes.push_back({"/carla", "", {info.participant, info.participant}, {}});
  for (const bool humble : {false, true}) {
    const auto bytes = graph_message(info, humble);
    EXPECT_EQ(parse_graph_message(bytes), info) << humble;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      EXPECT_NE(parse_graph_message(std::span(bytes).first(cut)), info) << cut;
  }
  EXPECT_EQ(graph_message(info, true).size(), graph_message(info, false).size() + 8 * 4);
}

}  // namespace
}  // namespace bramble
