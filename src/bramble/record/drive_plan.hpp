#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/sim/simulation.hpp"

namespace bramble {

/// One drive to be recorded into a bag of its own.
struct PlannedDrive {
  std::string name;                  ///< of the bag; letters, digits, _ and -
  std::filesystem::path scenario;    ///< full path
  std::string driver = "autopilot";  ///< see make_driver; traces by full path
  std::int64_t samples = 0;          ///< frames in which the sensors deliver
  double start_s_m = 0;
  std::uint64_t seed = 0;                ///< of driver and sensor noise; 0: the world's
  std::uint64_t variation_seed = 0;      ///< 0: the scenario's
  std::vector<VariationRule> variation;  ///< the plan's, beside the scenario's own
};

/// Several drives that belong together: training, validation and test of one model. A YAML file:
///
///   scenario: meadow                  # file, or the name of one that ships; a drive may name its own
///   vehicle: jeep
///   size: 1024x768                    # of every camera; default: as the rig says
///   quality: preview                  # of RGB cameras; default: as the rig says
///   sensor_every: 1                   # cameras and LiDARs deliver in every n-th frame of 50 ms
///   topics: [/carla/hero/rgb_front/image, /carla/hero/semantic_segmentation_front/image]
///   samples_per_file: 200             # bags are split so; what is split off survives a kill
///   variation:                        # as in a scenario, and beside each one's own: many worlds, many lights
///     - {parameter: seed, integer: [1, 1000000]}
///   drives:                           # also seed, variation_seed, start_s_m
///     - {name: train, driver: autopilot, samples: 1886}
///     - {name: val, driver: "trace:config/traces/meadow_manual.csv", samples: 405}
///     - {name: test, driver: reverse, samples: 1827}
struct DrivePlan {
  std::string name;
  std::string text;  ///< as it was read
  std::filesystem::path vehicle;
  int width = 0, height = 0;
  std::string quality;
  int sensor_every = 1;
  std::vector<std::string> topics;  ///< empty: all
  std::int64_t samples_per_file = 200;
  std::vector<PlannedDrive> drives;
};

/// Reads a plan. Files in it (scenarios, vehicle, traces) are looked for as they are given, beside the plan, and among
/// what ships in `home`. Throws one Error that lists every mistake with file, line and key.
DrivePlan load_drive_plan(const std::filesystem::path& file, const std::filesystem::path& home);

}  // namespace bramble
