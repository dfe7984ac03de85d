#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/dataset/decode.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

struct ExtractOptions {
  std::vector<std::filesystem::path> bags;
  std::filesystem::path output;
  std::string image_topic = "/carla/hero/rgb_front/image";
  std::string label_topic = "/carla/hero/semantic_segmentation_front/image";
  Ontology ontology;
  LabelFormat label_format = LabelFormat::kAuto;
  std::string split = "train";
  std::int64_t slop_ns = 0;   ///< largest difference of stamps within a pair, at most 10 s; 0: equal stamps
  int every = 1;              ///< keep every n-th pair of a bag, from its first on
  int width = 0, height = 0;  ///< resize to this; 0: as recorded
  bool strict = false;        ///< refuse instead of dropping
  bool recover = false;       ///< read on after damage in a bag
  bool resume = false;        ///< go on with an unfinished extraction
};

/// What came of it; every message that gave no sample is in one of the counts:
///   images = samples + image_without_label + skipped_by_every + size_mismatch + its share of the two others.
struct ExtractReport {
  std::uint64_t images = 0, labels = 0;
  std::uint64_t samples = 0;
  std::uint64_t kept = 0;  ///< of these, taken over from an earlier, unfinished run
  std::uint64_t image_without_label = 0;
  std::uint64_t label_without_image = 0;
  std::uint64_t duplicate_stamp = 0;
  std::uint64_t size_mismatch = 0;
  std::uint64_t undecodable = 0;  ///< messages that are no image, and pairs in an encoding that is not read
  std::uint64_t skipped_by_every = 0;
  std::uint64_t label_pixels = 0;           ///< of the samples written in this run, before resizing
  std::uint64_t unknown_label_pixels = 0;   ///< of these, became 255 (ignored)
  std::uint64_t label_with_unknown = 0;     ///< samples that hold such pixels
  std::vector<std::string> first_problems;  ///< what and where, at most 20
};

/// Pairs pictures and labels of the bags by header stamp (rules: pairing.hpp) and writes them as a data set; a sample
/// is named BAG_STAMP (ns). The bags are read one after the other with bounded memory, while decoding and encoding run
/// on the thread pool. Files and report do not depend on the number of threads. The settings are kept in
/// extraction.json; `resume` refuses others. What a simulation's variation had drawn goes to variation.jsonl. Throws
/// Error when a topic is missing (it lists those there are), nothing matched, no label value is known, the disk is
/// full, or `strict` and something was dropped or unknown. After an Error or Interrupted what was written stays,
/// without index.csv, for `resume`; nothing stays when nothing was written.
ExtractReport extract(const ExtractOptions& options);

}  // namespace bramble
