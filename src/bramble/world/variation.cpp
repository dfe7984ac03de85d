#include "bramble/world/variation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {
namespace {

using Kind = VariationRule::Kind;

struct Distribution {
  const char* key;
  Kind kind;
};
constexpr Distribution kDistributions[] = {{"uniform", Kind::kUniform},
                                           {"log_uniform", Kind::kLogUniform},
                                           {"integer", Kind::kInteger},
                                           {"normal", Kind::kNormal},
                                           {"choice", Kind::kChoice}};

void read_every(YamlBlock& entry, VariationRule& rule) {
  std::string every = "drive";
  entry.get("every", every);
  double seconds = 0;
  int used = 0;
  if (every == "drive") {
    rule.every_s = -1;
  } else if (every == "frame") {
    rule.every_s = 0;
  } else if (std::sscanf(every.c_str(), "%lf s%n", &seconds, &used) == 1 && used == static_cast<int>(every.size()) &&
             seconds >= 0.05 && seconds <= 1e6) {
    rule.every_s = seconds;
  } else {
    entry.complain("every", fmt::format("is '{}'; it is drive, frame, or a time like 10 s (0.05 s or more)", every));
  }
  const bool any_time = rule.parameter.starts_with("sky.") ||
                        (rule.parameter.starts_with("camera.") && !rule.parameter.starts_with("camera.distortion"));
  if (!rule.once() && !any_time)
    entry.complain("every",
                   fmt::format("is '{}', but {} forms the world or the lens and can only be drawn once a drive", every,
                               rule.parameter));
}

std::string number_text(double value) { return fmt::format("{:.6g}", value); }

std::string drawn(const VariationRule& rule, Random random) {
  const auto& n = rule.numbers;
  switch (rule.kind) {
    case Kind::kUniform:
      return number_text(random.uniform(n[0], n[1]));
    case Kind::kLogUniform:
      return number_text(n[0] * std::pow(n[1] / n[0], random.uniform(0.0, 1.0)));
    case Kind::kInteger:
      return fmt::format("{}",
                         static_cast<std::int64_t>(n[0]) + random.below(static_cast<std::uint32_t>(n[1] - n[0]) + 1));
    case Kind::kNormal: {
      const double value = random.normal(n[0], n[1]);
      return number_text(rule.within.empty() ? value : std::clamp(value, rule.within[0], rule.within[1]));
    }
    case Kind::kChoice:
      return rule.choices[random.below(static_cast<std::uint32_t>(rule.choices.size()))];
  }
  return "";
}

// Values that a rule must be able to give.
std::vector<std::string> borders(const VariationRule& rule) {
  if (rule.kind == Kind::kChoice) return rule.choices;
  if (rule.kind == Kind::kInteger)
    return {fmt::format("{:.0f}", rule.numbers[0]), fmt::format("{:.0f}", rule.numbers[1])};
  if (rule.kind == Kind::kNormal) {
    if (rule.within.empty()) return {number_text(rule.numbers[0])};
    return {number_text(rule.within[0]), number_text(rule.within[1])};
  }
  return {number_text(rule.numbers[0]), number_text(rule.numbers[1])};
}

// Puts a value where «vegetation.bushes.density_per_m2» says. Entries of lists are found by their name (the longest
// that fits, as names may hold dots) or by number.
void put(YAML::Node node, const std::string& path, const std::string& value, const std::string& whole) {
  if (node.IsSequence()) {
    YAML::Node found;
    std::size_t used = 0;
    for (std::size_t i = 0; i < node.size(); ++i) {
      const std::string name = node[i].IsMap() && node[i]["name"] ? node[i]["name"].as<std::string>() : "";
      for (const std::string& key : {name, std::to_string(i)})
        if (!key.empty() && path.starts_with(key + ".") && key.size() > used) {
          found.reset(node[i]);
          used = key.size();
        }
    }
    if (used == 0) fail("variation of {}: the list has no entry that '{}' begins with", whole, path);
    return put(found, path.substr(used + 1), value, whole);
  }
  const std::size_t dot = path.find('.');
  const std::string key = path.substr(0, dot);
  if (key.empty()) fail("variation of {}: this is no path of keys", whole);
  if (dot == std::string::npos) {
    node[key] = value;
    return;
  }
  if (!node[key]) node[key] = YAML::Node(YAML::NodeType::Map);
  put(node[key], path.substr(dot + 1), value, whole);
}

std::uint64_t stream_of_rule(const VariationRule& rule) { return stream_of("variation " + rule.parameter); }

VariationDraws draws_of(const Scenario& scenario, std::uint64_t seed, double time_s, bool only_once) {
  VariationDraws draws;
  for (const VariationRule& rule : scenario.variation) {
    if (only_once && !rule.once()) continue;
    // Which draw of the rule is in force; frames are 50 ms apart, whatever the sensors' rate.
    const double period_s = rule.every_s == 0 ? 0.05 : rule.every_s;
    const std::uint64_t number = rule.once() ? 0 : static_cast<std::uint64_t>(std::floor(time_s / period_s + 1e-6));
    draws.push_back({rule.parameter, drawn(rule, Random(seed, stream_of_rule(rule), number))});
  }
  return draws;
}

}  // namespace

std::vector<VariationRule> read_variation(YamlBlock& root) {
  std::vector<VariationRule> rules;
  for (YamlBlock& entry : root.list("variation")) {
    VariationRule rule;
    entry.get("parameter", rule.parameter);
    if (rule.parameter.empty()) entry.complain("", "needs a 'parameter', for example sky.cloud_cover");
    if (rule.parameter.starts_with("variation") || rule.parameter == "name")
      entry.complain("parameter", fmt::format("'{}' cannot be varied", rule.parameter));
    for (const auto& other : rules)
      if (other.parameter == rule.parameter)
        entry.complain("parameter", fmt::format("'{}' is varied twice", rule.parameter));
    int given = 0;
    for (const Distribution& distribution : kDistributions) {
      if (!entry.has(distribution.key)) continue;
      ++given;
      rule.kind = distribution.kind;
      if (rule.kind == Kind::kChoice)
        entry.get(distribution.key, rule.choices);
      else
        entry.get(distribution.key, rule.numbers, 2);
    }
    entry.get("within", rule.within, 2);
    read_every(entry, rule);
    const auto& n = rule.numbers;
    if (given != 1) {
      entry.complain("", "needs one distribution: uniform, log_uniform, integer, normal or choice");
    } else if (rule.kind == Kind::kChoice) {
      if (rule.choices.empty()) entry.complain("choice", "is empty");
    } else if (n.size() == 2) {
      if (rule.kind == Kind::kNormal ? n[1] < 0 : n[0] > n[1])
        entry.complain("",
                       rule.kind == Kind::kNormal ? "has a negative standard deviation" : "has its borders swapped");
      if (rule.kind == Kind::kLogUniform && n[0] <= 0) entry.complain("log_uniform", "must lie above 0");
      if (rule.kind == Kind::kInteger &&
          (n[0] != std::floor(n[0]) || n[1] != std::floor(n[1]) || n[1] - n[0] > 4e9 || std::abs(n[0]) > 9e15))
        entry.complain("integer", "must be two whole numbers less than 4e9 apart");
    }
    if (!rule.within.empty() &&
        (rule.kind != Kind::kNormal || rule.within.size() != 2 || rule.within[0] > rule.within[1]))
      entry.complain("within", "belongs to normal: and is [low, high]");
    rules.push_back(std::move(rule));
  }
  return rules;
}

void check_variation(const Scenario& scenario) {
  for (const VariationRule& rule : scenario.variation)
    for (const std::string& value : borders(rule)) {
      try {
        with_draws(scenario, {{rule.parameter, value}});
      } catch (const Error& error) {
        fail("variation of {}: the value {} does not fit: {}", rule.parameter, value, error.what());
      }
    }
}

VariationDraws draw_variation(const Scenario& scenario, std::uint64_t seed, double time_s) {
  return draws_of(scenario, seed, time_s, false);
}

VariationDraws draw_world(const Scenario& scenario, std::uint64_t seed) { return draws_of(scenario, seed, 0, true); }

Scenario with_draws(const Scenario& scenario, const VariationDraws& draws) {
  if (draws.empty()) return scenario;
  YAML::Node node = YAML::Load(scenario.text);
  node.remove("variation");
  // A weather that is drawn brings its clouds and its air, a drawn hour its sun: what the file says of them gives way.
  const auto give_way = [&](std::initializer_list<const char*> keys) {
    if (!node["sky"]) return;
    for (const char* key : keys) node["sky"].remove(key);
  };
  for (const VariationDraw& draw : draws) {
    if (draw.parameter == "sky.weather")
      give_way({"cloud_cover", "rain", "wetness", "snow", "fog_visibility_m", "haze_distance_m", "turbidity",
                "sun_elevation_deg"});
    if (draw.parameter == "sky.time" || draw.parameter == "sky.date")
      give_way({"sun_azimuth_deg", "sun_elevation_deg"});
  }
  for (const VariationDraw& draw : draws) put(node, draw.parameter, draw.value, draw.parameter);
  YAML::Emitter text;
  text << node;
  Scenario varied = parse_scenario(text.c_str(), scenario.name, scenario.home, scenario.file.parent_path());
  varied.file = scenario.file;
  varied.text = scenario.text;
  varied.variation = scenario.variation;
  return varied;
}

nlohmann::ordered_json to_json(const VariationDraws& draws) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const VariationDraw& draw : draws) json[draw.parameter] = draw.value;
  return json;
}

}  // namespace bramble
