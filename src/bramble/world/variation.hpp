#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bramble/core/yaml.hpp"

namespace bramble {

struct Scenario;

/// `variation:` one parameter of the scenario that is drawn anew, again and again (domain randomisation):
///
///   variation:
///     - {parameter: sky.cloud_cover, uniform: [0, 0.95]}                          # once a drive
///     - {parameter: sky.weather, choice: [ClearNoon, SoftRainNoon], every: 30 s}
///     - {parameter: sky.exposure, normal: [1, 0.1], within: [0.7, 1.4], every: frame}
///     - {parameter: vegetation.bushes.density_per_m2, log_uniform: [0.01, 0.2]}
///
/// What forms the world or the lens (everything outside `sky:` and `camera:`, and its distortion) is drawn once a
/// drive.
struct VariationRule {
  enum class Kind { kUniform, kLogUniform, kInteger, kNormal, kChoice };
  std::string parameter;  ///< path of keys; entries of lists by their name or number
  Kind kind = Kind::kUniform;
  std::vector<double> numbers;       ///< low and high, or mean and standard deviation
  std::vector<double> within;        ///< kNormal: what lies outside is moved to the border; empty: none
  std::vector<std::string> choices;  ///< kChoice
  double every_s = -1;               ///< -1: once a drive, 0: every frame

  bool once() const { return every_s < 0; }
};

/// A parameter and the value drawn for it, as text of the scenario.
struct VariationDraw {
  std::string parameter, value;
  friend bool operator==(const VariationDraw&, const VariationDraw&) = default;
};
using VariationDraws = std::vector<VariationDraw>;

/// The rules of a scenario's `variation:`. Mistakes are complained of, also when the borders or choices of a rule do
/// not fit the parameter: `scenario` is the one that the rules belong to (its text, file and home are used).
std::vector<VariationRule> read_variation(YamlBlock& root, const Scenario& scenario);

/// The draws in force `time_s` after the drive's begin. A pure function of its arguments: any frame's draws can be had
/// without those before it. Numbers have six digits, so that their text is the number that was used.
VariationDraws draw_variation(const Scenario& scenario, std::uint64_t seed, double time_s);
/// Those of them that form the world: what is drawn once a drive.
VariationDraws draw_world(const Scenario& scenario, std::uint64_t seed);

/// The scenario with these values in it. Throws Error when one does not fit.
Scenario with_draws(const Scenario& scenario, const VariationDraws& draws);

/// {"sky.cloud_cover": "0.31", …}
nlohmann::ordered_json to_json(const VariationDraws& draws);

}  // namespace bramble
