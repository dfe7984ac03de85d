#include "bramble/record/drive_plan.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/yaml.hpp"
#include "bramble/world/scenario.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

class PlanReader {
 public:
  PlanReader(const fs::path& file, const fs::path& home) : beside_(fs::absolute(file).parent_path()), home_(home) {}

  // Where a file is, or empty with a complaint.
  fs::path find(YamlBlock& block, const std::string& key, const std::string& given, const fs::path& folder,
                const std::string& extension) const {
    for (const fs::path& candidate : {fs::path(given), beside_ / given, home_ / given, home_ / folder / given,
                                      home_ / folder / (given + extension)})
      if (fs::is_regular_file(candidate)) return fs::absolute(candidate).lexically_normal();
    block.complain(key, fmt::format("names '{}', which is neither a file nor one of {}/*{} that ship", given,
                                    folder.string(), extension));
    return {};
  }

  PlannedDrive drive(YamlBlock& entry, const fs::path& scenario) const {
    PlannedDrive drive;
    entry.get("name", drive.name);
    const bool good = !drive.name.empty() && std::all_of(drive.name.begin(), drive.name.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '_' || c == '-';
    });
    if (!good)
      entry.complain("name", fmt::format("is '{}'; a drive needs a name of letters, digits, _ and -", drive.name));
    drive.scenario = scenario;
    if (entry.has("scenario")) {
      std::string given;
      entry.get("scenario", given);
      drive.scenario = find(entry, "scenario", given, "scenarios", ".yaml");
    } else if (scenario.empty()) {
      entry.complain("", "needs a 'scenario', as the plan names none");
    }
    entry.get("driver", drive.driver);
    if (drive.driver.starts_with("trace:")) {
      drive.driver = "trace:" + find(entry, "driver", drive.driver.substr(6), "config/traces", ".csv").string();
    } else if (drive.driver != "autopilot" && drive.driver != "reverse" && drive.driver != "manual-like") {
      entry.complain("driver",
                     fmt::format("is '{}'; drivers: autopilot, reverse, manual-like, trace:FILE", drive.driver));
    }
    int samples = 0;
    entry.get("samples", samples, 1, 10000000);
    if (!entry.has("samples")) entry.complain("", "needs 'samples', how many the drive is to have");
    drive.samples = samples;
    entry.get("start_s_m", drive.start_s_m, -1e5, 1e5);
    entry.get("seed", drive.seed);
    entry.get("variation_seed", drive.variation_seed);
    return drive;
  }

 private:
  fs::path beside_, home_;
};

}  // namespace

DrivePlan load_drive_plan(const fs::path& file, const fs::path& home) {
  DrivePlan plan;
  plan.text = read_text_file(file);
  plan.name = file.stem().string();
  YamlReader reader(plan.text, file.string());
  const PlanReader files(file, home);
  YamlBlock root = reader.root();
  root.get("name", plan.name);
  fs::path scenario;
  if (root.has("scenario")) {
    std::string given;
    root.get("scenario", given);
    scenario = files.find(root, "scenario", given, "scenarios", ".yaml");
  }
  std::string vehicle = "jeep", size;
  root.get("vehicle", vehicle);
  plan.vehicle = files.find(root, "vehicle", vehicle, "config/vehicles", ".yaml");
  root.get("size", size);
  int used = 0;
  if (!size.empty() && (std::sscanf(size.c_str(), "%dx%d%n", &plan.width, &plan.height, &used) != 2 ||
                        used != static_cast<int>(size.size()) || std::min(plan.width, plan.height) < 8 ||
                        std::max(plan.width, plan.height) > 16384))
    root.complain("size", fmt::format("is '{}'; it must be WIDTHxHEIGHT, for example 512x384", size));
  if (root.has("quality")) root.get("quality", plan.quality, {"preview", "standard", "reference"});
  root.get("sensor_every", plan.sensor_every, 1, 1000);
  root.get("topics", plan.topics);
  int samples_per_file = static_cast<int>(plan.samples_per_file);
  root.get("samples_per_file", samples_per_file, 1, 1000000);
  plan.samples_per_file = samples_per_file;
  for (YamlBlock& entry : root.list("drives")) {
    PlannedDrive drive = files.drive(entry, scenario);
    for (const PlannedDrive& other : plan.drives)
      if (other.name == drive.name && !drive.name.empty())
        entry.complain("name", fmt::format("'{}' stands twice; each drive has a bag of its own", drive.name));
    plan.drives.push_back(std::move(drive));
  }
  // Each scenario has parameters of its own: the rules must fit all of them.
  std::map<fs::path, std::vector<VariationRule>> rules;
  if (root.has("variation"))
    for (PlannedDrive& drive : plan.drives) {
      if (drive.scenario.empty()) continue;
      const auto [at, fresh] = rules.try_emplace(drive.scenario);
      if (fresh) at->second = read_variation(root, load_scenario(drive.scenario, home));
      drive.variation = at->second;
    }
  if (plan.drives.empty()) root.complain("", "needs 'drives', a list of what to record");
  reader.finish();
  return plan;
}

}  // namespace bramble
