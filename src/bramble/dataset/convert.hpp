#pragma once
#include <filesystem>
#include <string>

#include "bramble/dataset/dataset.hpp"
#include "bramble/dataset/problems.hpp"

namespace bramble {

struct ConvertOptions {
  std::filesystem::path input;  ///< as Dataset::open takes it
  std::filesystem::path output;
  std::string format = "bramble";
  std::string map;            ///< ontology or mapping file; empty: the target format's own ontology, where it has one
  int width = 0, height = 0;  ///< resize to this; 0: as it is
  int shards = 0;             ///< of Bramble's layout
  bool strict = false;        ///< refuse what is not whole instead of leaving it out
  bool manifest = false;      ///< write SHA256SUMS too
};

struct ConvertReport {
  std::uint64_t samples = 0;   ///< written
  std::string from, to;        ///< formats
  Ontology ontology;           ///< of what was written
  OntologyMapping::Loss loss;  ///< of the mapping that was applied, if any
  bool mapped = false;
  Problems problems;  ///< kinds: image without label, label without image, missing file, unreadable, sizes
                      ///< differ, unknown label values, …
};

/// Reads a data set and writes it in another format, with other classes, or smaller. Samples that are not whole are
/// left out, counted and named; label values that the ontology lacks become ignored and are counted (strict: both are
/// refused). Pictures are taken over byte for byte where both formats allow it. Files do not depend on the number of
/// threads.
ConvertReport convert(const ConvertOptions& options);

}  // namespace bramble
