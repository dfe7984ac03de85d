#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

namespace bramble {

struct LatencyBenchOptions {
  int messages = 200;
  double rate_hz = 20;
  std::uint32_t width = 1024, height = 768;  ///< of a bgra8 picture
  std::filesystem::path python;              ///< with cyclonedds
  std::filesystem::path peer_script;         ///< bench/latency_peer.py
};

/// Time from publishing a picture to its arrival at a subscriber in another process on this machine, from the clock
/// that both share: our node (shared memory), and CycloneDDS (its own transport between processes) with the same bytes,
/// QoS and rate, in the same run. Must be called before the process has threads: it forks. Keys: bytes, rate_hz;
/// ours_received, ours_median_ms, ours_p99_ms; peer_…, median_ratio = ours / peer; the peer's are null and `note` says
/// why when it could not run.
nlohmann::json bench_latency(const LatencyBenchOptions& options);

}  // namespace bramble
