#include "bramble/world/scenario.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

const fs::path kHome = BRAMBLE_SOURCE_DIR;

std::string message_of(const std::string& text) {
  try {
    parse_scenario(text, "test.yaml", kHome);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Scenario, DefaultsHoldWhereKeysAreAbsent) {
  const Scenario scenario = parse_scenario("name: empty", "test.yaml", kHome);
  EXPECT_EQ(scenario.name, "empty");
  EXPECT_EQ(scenario.terrain.size_m, 256);
  EXPECT_EQ(scenario.path.width_m, 3.2);
  EXPECT_TRUE(scenario.layers.empty());
  EXPECT_EQ(scenario.ontology, kHome / "ontologies/bramble.yaml");
}

TEST(Scenario, ReadsLayersWithTheirFallbacks) {
  const Scenario scenario = parse_scenario(R"(
vegetation:
  - {name: a, class: grass, density_per_m2: 2}
  - {name: b, class: tree, density_per_m2: 2, far_density_per_m2: 0.5, scale: [0.5, 0.9], tint: [1, 0.5, 0]}
rubble:
  - {name: c, group_size: [3, 9]}
)",
                                           "test.yaml", kHome);
  ASSERT_EQ(scenario.layers.size(), 3U);
  EXPECT_EQ(scenario.layers[0].far_density_per_m2, 2);
  EXPECT_EQ(scenario.layers[0].rim_density_per_m2, 2);
  EXPECT_EQ(scenario.layers[1].rim_density_per_m2, 0.5);
  EXPECT_EQ(scenario.layers[1].scale[1], 0.9);
  EXPECT_EQ(scenario.layers[1].tint[1], 0.5);
  EXPECT_EQ(scenario.layers[2].class_name, "rubble");
  EXPECT_TRUE(scenario.layers[2].on_dirt);
  EXPECT_EQ(scenario.layers[2].group_size[1], 9);
}

TEST(Scenario, ReportsEveryMistakeWithItsLine) {
  const std::string message = message_of(R"(name: wrong
terrain:
  size_m: 100
  hil_height_m: 3
path:
  length_m: many
water:
  ponds:
    - {side: above, offset_m: 2}
vegetation:
  - {class: grass, scale: [2, 1]}
  - {name: x, class: grass, tint: [1, 2]}
sky:
  sun_elevation_deg: .nan
)");
  EXPECT_THAT(message, HasSubstr("test.yaml:3: 'terrain.size_m' is 100, must lie in [256, 16384]"));
  EXPECT_THAT(message, HasSubstr("test.yaml:4: unknown key 'terrain.hil_height_m'; did you mean 'hill_height_m'?"));
  EXPECT_THAT(message, HasSubstr("test.yaml:6: 'path.length_m' must be a number, not many"));
  EXPECT_THAT(message, AllOf(HasSubstr("test.yaml:9:"), HasSubstr("must be one of: left, right"),
                             HasSubstr("the path would run into the pond")));
  EXPECT_THAT(message, HasSubstr("test.yaml:11:"));
  EXPECT_THAT(message, HasSubstr("needs a 'name'"));
  EXPECT_THAT(message, HasSubstr("is [2, 1], must be [low, high]"));
  EXPECT_THAT(message, HasSubstr("has 2 numbers, must have 3"));
  EXPECT_THAT(message, HasSubstr("test.yaml:14: 'sky.sun_elevation_deg'"));
}

// Every line that ends in «# wrong» holds one mistake, in any block; the rest is right.
constexpr const char* kFiftyMistakes = R"(name: fifty
seed: -4                              # wrong
seeed: 3                              # wrong
sensors: [a, b]                       # wrong
terrain:
  size_m: 100                         # wrong
  height_samples: 865.5               # wrong
  cover_pixels: 99999999999           # wrong
  hill_height_m: high                 # wrong
  hil_scale_m: 90                     # wrong
  bump_height_m: .nan                 # wrong
  gully_depth_m: -1                   # wrong
  rim_width_m:                        # wrong
  bare_patches: [0.1]                 # wrong
path:
  length_m: 1000
  winding: 0.6                        # wrong
  min_radius_m: 5                     # wrong
  max_slope: steep                    # wrong
  width_m: 40                         # wrong
  rut_spacing_m: 3.9
  rut_depth_m: 1                      # wrong
  wear: 2                             # wrong
  wear: 0.5                           # wrong
water:
  level_m: 1000                       # wrong
  shore_m: true                       # wrong
  ponds:
    - at: 1.5                         # wrong
      side: above                     # wrong
      offset_m: 2
      length_m: long                  # wrong
    - {depth_m: 20, offset_m: 40}     # wrong
    - {deep_m: 2, offset_m: 40}       # wrong
    - a pond                          # wrong
    - offset_m: 400                   # wrong
ground:
  grass_tint: [1, 1]                  # wrong
  dirt_tint: [1, 1, 9]                # wrong
  water: blue                         # wrong
vegetation:
  - {class: grass}                    # wrong
  - {name: a, class: gras}            # wrong
  - name: b
    class: tree
    density_per_m2: many              # wrong
    far_density_per_m2: 500           # wrong
    thinning_m: [30, 10]              # wrong
    path_distance_m: [1, 2, 3]        # wrong
    on_dirt: perhaps                  # wrong
    cluster_coverage: 0               # wrong
    group_size: [1.5, 3]              # wrong
    tint: red                         # wrong
    assets: oak_1                     # wrong
rubble:
  - {name: b}                         # wrong
  - {name: c, spacing: 2}             # wrong
sky:
  weather: ClearNon                   # wrong
  time: "25:99"                       # wrong
  fog_visibility_m: 2                 # wrong
  turbidity: 11                       # wrong
drive: fast                           # wrong
variation:
  - {parameter: sky.cloud_cover, uniform: [0, 1.5]}    # wrong
)";

TEST(Scenario, ReadsActorsAndTellsTheirMistakes) {
  const Scenario scenario = parse_scenario(R"(
actors:
  - {kind: truck, at: 0.2, direction: against, speed_mps: 4, gap_m: 6}
  - {name: hiker, kind: person}
  - {name: doe, kind: deer, course: across, at: 0.6, trigger_m: 0}
)",
                                           "test.yaml", kHome);
  ASSERT_EQ(scenario.actors.size(), 3U);
  EXPECT_EQ(scenario.actors[0].name, "truck 1");
  EXPECT_EQ(scenario.actors[0].direction, "against");
  EXPECT_EQ(scenario.actors[0].gap_m, 6);
  EXPECT_EQ(scenario.actors[1].course, "along");
  EXPECT_FALSE(scenario.actors[1].offset_given);
  EXPECT_EQ(scenario.actors[2].trigger_m, 0);
  const std::string message = message_of(R"(actors:
  - {kind: elephant}
  - {kind: jeep, course: across}
  - {name: x, kind: person, gap_m: 3}
  - {name: x, kind: cow, course: stand, speed_mps: 1}
  - {kind: deer, course: across, offset_m: 1}
  - {at: 2}
)");
  for (const char* words : {":2: ", "elephant", ":3: ", "across", ":4: ", "gap_m", ":5: ", "twice", "speed_mps",
                            ":6: ", "at least 2", ":7: ", "needs a 'kind'"})
    EXPECT_THAT(message, HasSubstr(words));
}

TEST(Scenario, FiftyMistakesGiveFiftyMessagesInOneGo) {
  std::vector<int> wanted;
  std::istringstream text(kFiftyMistakes);
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (line.ends_with("# wrong")) wanted.push_back(number);
  }
  ASSERT_EQ(wanted.size(), 50U);
  std::vector<int> told;
  std::istringstream messages(message_of(kFiftyMistakes));
  for (std::string message; std::getline(messages, message);) {
    int line = 0;
    ASSERT_EQ(std::sscanf(message.c_str(), "test.yaml:%d: ", &line), 1) << message;
    told.push_back(line);
  }
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, wanted) << message_of(kFiftyMistakes);
}

TEST(Scenario, RefusesAPathThatLeavesTheTerrainAndRepeatedNames) {
  EXPECT_THAT(message_of("path: {length_m: 1000}"), HasSubstr("the loop reaches"));
  EXPECT_THAT(message_of("path: {rut_spacing_m: 3.1}"), HasSubstr("beside each rut"));
  EXPECT_THAT(message_of("path: {min_radius_m: 100}"), HasSubstr("too wide a bend"));
  EXPECT_THAT(message_of("vegetation: [{name: a, class: tree}, {name: a, class: bush}]"), HasSubstr("stands twice"));
  EXPECT_THAT(message_of("ontology: nowhere.yaml"), HasSubstr("does not exist"));
  EXPECT_THAT(message_of("vegetation: 3"), HasSubstr("must be a list"));
  EXPECT_THAT(message_of("just text"), HasSubstr("test.yaml:1"));
}

TEST(Scenario, PathsInsideMeanItsOwnFolderFirst) {
  const fs::path folder = fs::path(testing::TempDir()) / "bramble_scenario_test";
  write_file_atomically(folder / "own.yaml", "name: own\nassets: my_assets\n");
  fs::create_directories(folder / "my_assets");
  EXPECT_EQ(load_scenario(folder / "own.yaml", kHome).assets, fs::absolute(folder) / "my_assets");
  fs::remove_all(folder / "my_assets");
  EXPECT_EQ(load_scenario(folder / "own.yaml", kHome).assets, kHome / "my_assets");
  EXPECT_THROW(load_scenario(folder / "missing.yaml", kHome), Error);
  fs::remove_all(folder);
}

TEST(Scenario, EveryShippedFileLoads) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(kHome / "scenarios")) {
    if (entry.path().extension() != ".yaml") continue;
    if (read_text_file(entry.path()).find("\ndrives:") != std::string::npos) continue;  // a plan of drives
    EXPECT_NO_THROW(load_scenario(entry.path(), kHome)) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 3);
}

}  // namespace
}  // namespace bramble
