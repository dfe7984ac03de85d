// bramble drive: the drives of a plan, each into a bag of its own.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <map>
#include <memory>
#include <thread>

#include "bag_options.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/record/drive_plan.hpp"
#include "bramble/record/recorder.hpp"
#include "command.hpp"

extern char** environ;  // NOLINT: POSIX's own

namespace bramble {
namespace {

namespace fs = std::filesystem;

// Worlds of a plan; drives through the same one share it.
class Worlds {
 public:
  const OpenWorld& open(const PlannedDrive& drive) {
    const auto [at, fresh] = worlds_.try_emplace({drive.scenario, drive.variation_seed});
    if (fresh) {
      worlds_.erase(worlds_.begin(), at);  // drives through one world follow one another: hold that one
      worlds_.erase(std::next(at), worlds_.end());
      Scenario scenario = load_scenario(drive.scenario, home_folder());
      scenario.variation.insert(scenario.variation.end(), drive.variation.begin(), drive.variation.end());
      at->second = OpenWorld::open(scenario, drive.variation_seed, true);
    }
    return at->second;
  }

 private:
  std::map<std::pair<fs::path, std::uint64_t>, OpenWorld> worlds_;
};

// The folder belongs to one plan and the scenarios it names: others would mix drives.
void claim(const fs::path& folder, const DrivePlan& plan) {
  nlohmann::json mine = {{"plan", plan.text}};
  for (const PlannedDrive& drive : plan.drives) mine["scenarios"][drive.name] = read_text_file(drive.scenario);
  const fs::path file = folder / "plan.json";
  if (!fs::exists(file)) return write_file_atomically(file, mine.dump(1) + "\n");
  if (nlohmann::json::parse(read_text_file(file), nullptr, false) != mine)
    fail(
        "{} holds drives of another plan or of scenarios that have changed; choose another folder with -o, or remove "
        "it",
        folder.string());
}

nlohmann::json record(const fs::path& folder, const DrivePlan& plan, const PlannedDrive& drive, Worlds& worlds,
                      const BagOptions& bag) {
  const auto simulation = [&](std::int64_t first_frame, bool continued) {
    SimulationOptions options;
    options.driver = drive.driver;
    options.topics = plan.topics;
    options.frames = drive.samples * plan.sensor_every - first_frame;
    options.first_frame = first_frame;
    options.continued = continued;
    options.width = plan.width;
    options.height = plan.height;
    options.quality = plan.quality;
    options.sensor_every = plan.sensor_every;
    options.start_s_m = drive.start_s_m;
    options.seed = drive.seed;
    return worlds.open(drive).simulation(plan.vehicle, options);
  };
  const RecordedDrive made =
      record_drive(folder / drive.name, simulation, drive.samples, plan.sensor_every, plan.samples_per_file, bag);
  fmt::print("{:<20} {:>6} samples  {:>8} messages{}\n", drive.name, made.samples, made.messages,
             made.was_complete     ? "  (was complete)"
             : made.resumed_at > 0 ? fmt::format("  (taken up at sample {})", made.resumed_at)
                                   : "");
  return {{"bag", (folder / drive.name).string()},
          {"samples", made.samples},
          {"messages", made.messages},
          {"resumed_at", made.resumed_at}};
}

// Runs this program once more for one drive.
pid_t start_process(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: POSIX
  argv.push_back(nullptr);
  pid_t child = 0;
  if (const int error = posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), environ); error != 0)
    fail("cannot start another process: {}", std::strerror(error));
  return child;
}

void run_in_processes(const std::vector<std::vector<std::string>>& commands, int jobs) {
  std::size_t next = 0, running = 0, failed = 0;
  while (next < commands.size() || running > 0) {
    while (next < commands.size() && static_cast<int>(running) < jobs && !interrupted()) {
      start_process(commands[next++]);
      ++running;
    }
    if (running == 0) break;
    int status = 0;
    if (wait(&status) > 0) {
      --running;
      failed += status != 0;
    }
  }
  throw_if_interrupted();
  if (failed > 0)
    fail("{} of {} drives were not completed; the same call takes them up again", failed, commands.size());
}

}  // namespace

void add_drive_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    fs::path plan = "reference", output;
    std::vector<std::string> only;
    int jobs = 1;
    BagOptions bag;
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("drive", "Record the drives of a plan, each into a bag; can be taken up after a kill");
  cmd->add_option("PLAN", options->plan, "plan of drives, or the name of one in scenarios/")->required();
  cmd->add_option("-o,--out,--output", options->output, "folder for the bags, one of the drive's name each")
      ->required();
  cmd->add_option("--only", options->only, "only drives of these names");
  cmd->add_option("-j,--jobs", options->jobs, "drives at the same time, each in a process of its own")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  add_bag_options(*cmd, options->bag);
  cmd->footer(
      "The plan «reference» has the reference's three drives: 1,886, 405 and 1,827 samples at 1024x768.\n"
      "Examples:\n  bramble drive reference -o bags\n  bramble drive my_plan.yaml -o bags/mine -j 3 -s mcap");
  cmd->callback([options, &common] {
    const fs::path file = find_shipped(options->plan, "scenarios", ".yaml");
    DrivePlan plan = load_drive_plan(file, home_folder());
    for (const std::string& name : options->only)
      if (std::none_of(plan.drives.begin(), plan.drives.end(), [&](const auto& drive) { return drive.name == name; })) {
        std::vector<std::string> names;
        for (const auto& drive : plan.drives) names.push_back(drive.name);
        fail("{} has no drive '{}'; drives: {}", file.string(), name, fmt::join(names, ", "));
      }
    std::erase_if(plan.drives, [&](const PlannedDrive& drive) {
      return !options->only.empty() &&
             std::find(options->only.begin(), options->only.end(), drive.name) == options->only.end();
    });
    claim(options->output, load_drive_plan(file, home_folder()));
    if (options->jobs > 1 && plan.drives.size() > 1) {
      const int threads =
          std::max(1, thread_count() / std::min<int>(options->jobs, static_cast<int>(plan.drives.size())));
      std::vector<std::vector<std::string>> commands;
      for (const PlannedDrive& drive : plan.drives)
        commands.push_back({"bramble", "--threads", std::to_string(threads), "drive", file.string(), "-o",
                            options->output.string(), "--ros-distro", options->bag.ros_distro, "-s",
                            options->bag.storage, "--only", drive.name});
      return run_in_processes(commands, options->jobs);
    }
    Worlds worlds;
    nlohmann::json figures = nlohmann::json::array();
    for (const PlannedDrive& drive : plan.drives)
      figures.push_back(record(options->output, plan, drive, worlds, options->bag));
    write_json(common, figures);
  });
}

}  // namespace bramble
