#include "bramble/world/variation.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {
namespace {

using testing::HasSubstr;

Scenario scenario_with(const std::string& variation) {
  return parse_scenario(
      "name: v\nseed: 5\nontology: ontologies/bramble.yaml\n"
      "vegetation:\n  - {name: big.bushes, class: bush, density_per_m2: 0.01}\n"
      "sky: {cloud_cover: 0.3, sun_elevation_deg: 40}\nvariation:\n" +
          variation,
      "v", BRAMBLE_SOURCE_DIR);
}
std::string message_of(const std::string& variation) {
  try {
    scenario_with(variation);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Variation, DrawsArePureAndKeepTheirPeriods) {
  const Scenario scenario = scenario_with(
      "  - {parameter: sky.cloud_cover, uniform: [0, 0.9]}\n"
      "  - {parameter: sky.exposure, normal: [1, 0.2], within: [0.7, 1.3], every: frame}\n"
      "  - {parameter: sky.weather, choice: [ClearNoon, FogNoon, SnowNoon], every: 2 s}\n");
  std::set<std::string> exposures, covers;
  std::map<int, std::set<std::string>> weathers;
  for (int frame = 199; frame >= 0; --frame) {  // backwards: no draw depends on those before it
    const auto draws = draw_variation(scenario, 7, frame * 0.05);
    ASSERT_EQ(draws.size(), 3U);
    covers.insert(draws[0].value);
    exposures.insert(draws[1].value);
    weathers[frame / 40].insert(draws[2].value);
    EXPECT_GE(std::stod(draws[1].value), 0.7);
    EXPECT_LE(std::stod(draws[1].value), 1.3);
    EXPECT_EQ(draws, draw_variation(scenario, 7, frame * 0.05));
  }
  EXPECT_EQ(covers.size(), 1U);
  EXPECT_GT(exposures.size(), 100U);
  std::set<std::string> all;
  for (const auto& [period, names] : weathers) {
    EXPECT_EQ(names.size(), 1U) << period;
    all.insert(*names.begin());
  }
  EXPECT_GT(all.size(), 1U);
  EXPECT_NE(draw_variation(scenario, 8, 0)[0].value, *covers.begin());
  EXPECT_EQ(draw_world(scenario, 7).size(), 1U);
}

TEST(Variation, DrawsFollowTheirDistributions) {
  const Scenario scenario = scenario_with(
      "  - {parameter: sky.cloud_cover, uniform: [0.2, 0.8], every: frame}\n"
      "  - {parameter: sky.haze_distance_m, log_uniform: [100, 10000], every: frame}\n"
      "  - {parameter: sky.cloud_seed, integer: [1, 4], every: frame}\n");
  constexpr int kCount = 4000;
  double sum = 0, log_sum = 0;
  std::map<std::string, int> seeds;
  for (int i = 0; i < kCount; ++i) {
    const auto draws = draw_variation(scenario, 3, i * 0.05);
    sum += std::stod(draws[0].value);
    log_sum += std::log10(std::stod(draws[1].value));
    ++seeds[draws[2].value];
  }
  EXPECT_NEAR(sum / kCount, 0.5, 5 * 0.6 / std::sqrt(12.0 * kCount));
  EXPECT_NEAR(log_sum / kCount, 3, 5 * 2 / std::sqrt(12.0 * kCount));
  ASSERT_EQ(seeds.size(), 4U);
  for (const auto& [seed, count] : seeds) EXPECT_NEAR(count, kCount / 4, 5 * std::sqrt(kCount * 0.1875)) << seed;
}

TEST(Variation, ValuesReachTheScenario) {
  const Scenario scenario =
      scenario_with("  - {parameter: vegetation.big.bushes.density_per_m2, uniform: [0.02, 0.03]}\n");
  const Scenario varied = with_draws(scenario, draw_world(scenario, 1));
  EXPECT_GE(varied.layers[0].density_per_m2, 0.02);
  EXPECT_LE(varied.layers[0].density_per_m2, 0.03);
  EXPECT_EQ(varied.sky.cloud_cover, 0.3);
  EXPECT_EQ(varied.variation.size(), 1U);
  EXPECT_EQ(with_draws(scenario, {{"terrain.hill_height_m", "21"}}).terrain.hill_height_m, 21);  // was not in the file
  // A drawn weather brings its own clouds, whatever the file says.
  const Scenario rain = with_draws(scenario, {{"sky.weather", "HardRainSunset"}});
  EXPECT_EQ(rain.sky.cloud_cover, 1);
  EXPECT_EQ(rain.sky.sun_elevation_deg, 15);
}

TEST(Variation, MistakesAreTold) {
  EXPECT_THAT(message_of("  - {parameter: sky.cloud_cover, uniform: [0, 1.5]}\n"),
              HasSubstr("the value 1.5 does not fit"));
  EXPECT_THAT(message_of("  - {parameter: sky.cloud_cuver, uniform: [0, 1]}\n"), HasSubstr("cloud_cuver"));
  EXPECT_THAT(message_of("  - {parameter: sky.weather, choice: [ClearNon]}\n"), HasSubstr("did you mean 'ClearNoon'?"));
  EXPECT_THAT(message_of("  - {parameter: terrain.hill_height_m, uniform: [5, 9], every: frame}\n"),
              HasSubstr("once a drive"));
  EXPECT_THAT(message_of("  - {parameter: sky.rain}\n"), HasSubstr("needs one distribution"));
  EXPECT_THAT(message_of("  - {parameter: sky.rain, uniform: [1, 0]}\n"), HasSubstr("swapped"));
  EXPECT_THAT(message_of("  - {parameter: sky.rain, uniform: [0, 1], every: often}\n"), HasSubstr("10 s"));
  EXPECT_THAT(message_of("  - {parameter: vegetation.trees.density_per_m2, uniform: [0, 1]}\n"), HasSubstr("no entry"));
  EXPECT_EQ(message_of("  - {parameter: sky.rain, uniform: [0, 1], every: 0.5 s}\n"), "");
}

}  // namespace
}  // namespace bramble
