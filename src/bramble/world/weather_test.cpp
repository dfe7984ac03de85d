#include "bramble/world/weather.hpp"

#include <gmock/gmock.h>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(Weather, HasAllOfCarlasNames) {
  const auto names = weather_names();
  for (const char* name :
       {"ClearNoon",      "CloudyNoon",     "WetNoon",       "WetCloudyNoon", "MidRainyNoon",    "HardRainNoon",
        "SoftRainNoon",   "ClearSunset",    "CloudySunset",  "WetSunset",     "WetCloudySunset", "MidRainSunset",
        "HardRainSunset", "SoftRainSunset", "ClearNight",    "CloudyNight",   "WetNight",        "WetCloudyNight",
        "SoftRainNight",  "MidRainyNight",  "HardRainNight", "DustStorm"})
    EXPECT_THAT(names, Contains(name));
  for (const auto& name : names) {
    SkyScenario sky;
    EXPECT_TRUE(set_weather(name, sky)) << name;
  }
  SkyScenario sky;
  EXPECT_FALSE(set_weather("ClearMorning", sky));
}

TEST(Weather, SingleKeysWinOverTheNamedWeather) {
  const std::string text = "name: w\nontology: ontologies/bramble.yaml\nsky:\n  rain: 0.5\n  weather: HardRainSunset\n";
  const Scenario scenario = parse_scenario(text, "w", BRAMBLE_SOURCE_DIR);
  EXPECT_EQ(scenario.sky.rain, 0.5);
  EXPECT_EQ(scenario.sky.wetness, 1.0);
  EXPECT_EQ(scenario.sky.sun_elevation_deg, 15);
}

TEST(Weather, MistakesNameTheNearest) {
  const auto message = [](const std::string& sky) -> std::string {
    try {
      parse_scenario("name: w\nontology: ontologies/bramble.yaml\nsky: {" + sky + "}\n", "w", BRAMBLE_SOURCE_DIR);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("weather: ClearNon"), HasSubstr("did you mean 'ClearNoon'?"));
  EXPECT_THAT(message("date: 31.12.2026"), HasSubstr("2026-06-21"));
  EXPECT_THAT(message("time: \"12:00\", sun_elevation_deg: 30"), HasSubstr("keep one"));
  EXPECT_THAT(message("fog_visibility_m: 2"), HasSubstr("at least 5"));
  EXPECT_EQ(message("time: \"12:00\", latitude_deg: 50"), "");
}

}  // namespace
}  // namespace bramble
