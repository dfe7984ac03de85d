#include "bramble/world/weather.hpp"

#include <array>

namespace bramble {
namespace {

struct Air {
  const char* name;
  double cloud_cover, rain, wetness, snow, fog_visibility_m, haze_distance_m, turbidity;
};

// CARLA's cloudiness, precipitation, deposits and wetness, as what they do here: its deposits wet the ground.
constexpr std::array<Air, 10> kAirs = {{{"Clear", 0.15, 0, 0, 0, 0, 900, 2.6},
                                        {"Cloudy", 0.62, 0, 0, 0, 0, 800, 3.0},
                                        {"Wet", 0.25, 0, 0.6, 0, 0, 700, 2.4},
                                        {"WetCloudy", 0.65, 0, 0.6, 0, 0, 600, 2.8},
                                        {"SoftRain", 0.86, 0.3, 0.6, 0, 0, 420, 3},
                                        {"MidRain", 0.95, 0.6, 0.8, 0, 2500, 320, 3},
                                        {"HardRain", 1.0, 1.0, 1.0, 0, 700, 220, 3},
                                        {"Overcast", 1.0, 0, 0.1, 0, 0, 600, 3},
                                        {"Fog", 0.9, 0, 0.35, 0, 90, 400, 3},
                                        {"Snow", 0.8, 0, 0.1, 1.0, 0, 600, 2.4}}};

struct Hour {
  const char* name;
  double elevation_deg;
};
constexpr std::array<Hour, 4> kHours = {{{"Noon", 45}, {"Sunset", 15}, {"Dusk", 1.5}, {"Night", -12}}};

// CARLA writes MidRainyNoon and MidRainyNight, but MidRainSunset.
std::string name_of(const Air& air, const Hour& hour) {
  const std::string middle = std::string(air.name) == "MidRain" && std::string(hour.name) != "Sunset" ? "y" : "";
  return air.name + middle + hour.name;
}

}  // namespace

std::vector<std::string> weather_names() {
  std::vector<std::string> names;
  for (const Hour& hour : kHours)
    for (const Air& air : kAirs) names.push_back(name_of(air, hour));
  names.push_back("DustStorm");
  return names;
}

bool set_weather(const std::string& name, SkyScenario& sky) {
  if (name == "DustStorm") {
    sky.cloud_cover = 0.9;
    sky.rain = sky.wetness = sky.snow = 0;
    sky.fog_visibility_m = 0;
    sky.haze_distance_m = 60;
    sky.turbidity = 10;
    sky.sun_elevation_deg = 45;
    return true;
  }
  for (const Hour& hour : kHours)
    for (const Air& air : kAirs) {
      if (name_of(air, hour) != name) continue;
      sky.cloud_cover = air.cloud_cover;
      sky.rain = air.rain;
      sky.wetness = air.wetness;
      sky.snow = air.snow;
      sky.fog_visibility_m = air.fog_visibility_m;
      sky.haze_distance_m = air.haze_distance_m;
      sky.turbidity = air.turbidity;
      sky.sun_elevation_deg = hour.elevation_deg;
      return true;
    }
  return false;
}

}  // namespace bramble
