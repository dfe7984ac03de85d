#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/ontology/ontology.hpp"

namespace bramble {

struct ExtractOptions {
  std::vector<std::filesystem::path> bags;
  std::filesystem::path output;
  std::string image_topic = "/carla/hero/rgb_front/image";
  std::string label_topic = "/carla/hero/semantic_segmentation_front/image";
  Ontology ontology;
  std::string split = "train";
  std::int64_t slop_ns = 0;   ///< largest difference of stamps within a pair; 0: equal stamps
  int every = 1;              ///< keep every n-th pair
  int width = 0, height = 0;  ///< resize to this; 0: as recorded
  bool strict = false;        ///< refuse instead of dropping
  bool resume = false;        ///< go on with an unfinished extraction
};

/// What came of it; every message that gave no sample is in one of the counts.
struct ExtractReport {
  std::uint64_t images = 0, labels = 0;
  std::uint64_t samples = 0;
  std::uint64_t kept = 0;  ///< of these, taken over from an earlier, unfinished run
  std::uint64_t image_without_label = 0;
  std::uint64_t label_without_image = 0;
  std::uint64_t duplicate_stamp = 0;
  std::uint64_t size_mismatch = 0;
  std::uint64_t undecodable = 0;
  std::uint64_t skipped_by_every = 0;
  std::uint64_t unknown_label_pixels = 0;   ///< became 255 (ignored)
  std::vector<std::string> first_problems;  ///< what and where, at most 20
};

/// Pairs pictures and labels of the bags by header stamp and writes them as a data set. The bags are read one after the
/// other with bounded memory; decoding and encoding run on the thread pool. The result does not depend on the number of
/// threads. Throws Error when a topic is missing (it lists those there are), nothing matched, or `strict` and something
/// was dropped.
ExtractReport extract(const ExtractOptions& options);

}  // namespace bramble
