#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bramble/bag/bag_writer.hpp"
#include "bramble/sim/simulation.hpp"

namespace bramble {

/// Makes a drive's simulation that begins to deliver at a frame (SimulationOptions::first_frame, continued).
using SimulationFactory = std::function<std::unique_ptr<Simulation>(std::int64_t first_frame, bool continued)>;

/// What was driven, beside the storage files of every recorded bag: for --driver trace:BAG/trace.csv.
inline constexpr const char* kTraceName = "trace.csv";

struct RecordedDrive {
  std::uint64_t messages = 0, bytes = 0;
  std::int64_t samples = 0;
  std::int64_t resumed_at = 0;  ///< samples that an earlier run had made
  bool was_complete = false;    ///< nothing was left to do
};

/// Drives `samples` sensor frames into the bag `folder`, a file for every `samples_per_file` of them. A killed call is
/// taken up by the next with the same arguments: it keeps the whole files, drives up to there without rendering and
/// goes on, and the bag is the same, byte for byte, as that of an undisturbed call. The bag is made as
/// PARENT/.unfinished/NAME and moved when it is whole. Throws what simulation and bag throw, and Interrupted.
RecordedDrive record_drive(const std::filesystem::path& folder, const SimulationFactory& simulation,
                           std::int64_t samples, int sensor_every, std::int64_t samples_per_file, BagOptions bag = {});

}  // namespace bramble
