#include "bramble/world/variation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {
namespace {

using Kind = VariationRule::Kind;

const std::string kDrawnText = "drawn";  // stands for the file in messages about drawn values

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
  if (!node.IsMap()) fail("variation of {}: '{}' leads into what is no map of keys", whole, path);
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

// The scenario with these values in it, read again. What is wrong in it is thrown.
Scenario read_again(const Scenario& scenario, const VariationDraws& draws) {
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
  Scenario varied = parse_scenario(text.c_str(), kDrawnText, scenario.home, scenario.file.parent_path());
  varied.file = scenario.file;
  return varied;
}

// What is wrong with the scenario when these values stand in it: messages without name and line, which are those of
// a text of its own.
std::set<std::string> problems_with(const Scenario& scenario, const VariationDraws& draws) {
  std::set<std::string> problems;
  try {
    read_again(scenario, draws);
  } catch (const Error& error) {
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) {
      const std::string prefix = kDrawnText + ":";
      if (line.starts_with(prefix)) line.erase(0, line.find(' ') + 1);
      problems.insert(line);
    }
  }
  return problems;
}

// Tries the borders and choices of a rule; complains of the first that brings a problem which was not there without it.
void check_values(const VariationRule& rule, const char* key, const Scenario& scenario,
                  const std::set<std::string>& unvaried, YamlBlock& entry) {
  for (const std::string& value : borders(rule))
    for (const std::string& problem : problems_with(scenario, {{rule.parameter, value}}))
      if (!unvaried.contains(problem))
        return entry.complain(key, fmt::format("cannot be: the value {} does not fit: {}", value, problem));
}

}  // namespace

std::vector<VariationRule> read_variation(YamlBlock& root, const Scenario& scenario) {
  std::vector<VariationRule> rules;
  std::vector<YamlBlock> entries = root.list("variation");
  const auto unvaried = entries.empty() ? std::set<std::string>() : problems_with(scenario, {});
  for (YamlBlock& entry : entries) {
    VariationRule rule;
    const char* distribution_key = "";
    bool sound = true;
    const auto complain = [&](const std::string& key, const std::string& what) {
      sound = false;
      entry.complain(key, what);
    };
    entry.get("parameter", rule.parameter);
    if (rule.parameter.empty() && entry.sound("parameter"))
      complain("", "needs a 'parameter', for example sky.cloud_cover");
    if (rule.parameter.starts_with("variation") || rule.parameter == "name")
      complain("parameter", fmt::format("'{}' cannot be varied", rule.parameter));
    for (const auto& other : rules)
      if (!rule.parameter.empty() && other.parameter == rule.parameter)
        complain("parameter", fmt::format("'{}' is varied twice", rule.parameter));
    int given = 0;
    for (const Distribution& distribution : kDistributions) {
      if (!entry.has(distribution.key)) continue;
      ++given;
      distribution_key = distribution.key;
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
      complain("", "needs one distribution: uniform, log_uniform, integer, normal or choice");
    } else if (!entry.sound(distribution_key)) {
      sound = false;
    } else if (rule.kind == Kind::kChoice) {
      if (rule.choices.empty()) complain("choice", "is empty");
    } else {
      if (rule.kind == Kind::kNormal ? n[1] < 0 : n[0] > n[1])
        complain(distribution_key,
                 rule.kind == Kind::kNormal ? "has a negative standard deviation" : "has its borders swapped");
      if (rule.kind == Kind::kLogUniform && n[0] <= 0) complain("log_uniform", "must lie above 0");
      if (rule.kind == Kind::kInteger &&
          (n[0] != std::floor(n[0]) || n[1] != std::floor(n[1]) || n[1] - n[0] > 4e9 || std::abs(n[0]) > 9e15))
        complain("integer", "must be two whole numbers less than 4e9 apart");
    }
    if (!rule.within.empty() && (rule.kind != Kind::kNormal || rule.within[0] > rule.within[1]))
      complain("within", "belongs to normal: and is [low, high]");
    if (sound && entry.sound("parameter") && entry.sound("within"))
      check_values(rule, distribution_key, scenario, unvaried, entry);
    rules.push_back(std::move(rule));
  }
  return rules;
}

VariationDraws draw_variation(const Scenario& scenario, std::uint64_t seed, double time_s) {
  return draws_of(scenario, seed, time_s, false);
}

VariationDraws draw_world(const Scenario& scenario, std::uint64_t seed) { return draws_of(scenario, seed, 0, true); }

Scenario with_draws(const Scenario& scenario, const VariationDraws& draws) {
  if (draws.empty()) return scenario;
  Scenario varied = read_again(scenario, draws);
  varied.name = scenario.name;
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
