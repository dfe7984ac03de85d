#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bramble/ontology/ontology.hpp"

namespace bramble {

struct ExtractBenchOptions {
  std::filesystem::path bag;
  Ontology ontology;
  std::filesystem::path python;       ///< with rosbags, numpy and OpenCV
  std::filesystem::path peer_script;  ///< bench/extract_peer.py
};

/// Extraction beside the usual script (Python rosbags, NumPy and OpenCV, one process) on the same bag in the same run;
/// ours before and after the peer, the better one counts. The pixels of both are compared. Keys: samples, threads,
/// ours_samples_per_s, peer_samples_per_s, ratio = ours / peer, pixels_equal; the peer's are null and `note` says why
/// when it could not run.
nlohmann::json bench_extract(const ExtractBenchOptions& options);

}  // namespace bramble
