#pragma once
#include <string>
#include <vector>

#include "bramble/world/scenario.hpp"

namespace bramble {

/// The weathers that a scenario may name (`sky: {weather: HardRainSunset}`): CARLA's presets, by CARLA's names, and our
/// Fog, Snow, Dusk and Overcast, each with Noon, Sunset or Night where that makes sense.
std::vector<std::string> weather_names();

/// Sets clouds, rain, wetness, snow, fog, haze and the sun's elevation; leaves azimuth, seed and exposure. False when
/// there is no such weather.
bool set_weather(const std::string& name, SkyScenario& sky);

}  // namespace bramble
