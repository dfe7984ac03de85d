#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "bramble/core/image.hpp"
#include "bramble/core/stamp.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Writes a data set (layout: dataset.hpp). Samples are written as they come, from any thread; finish() writes the
/// index, so a data set without index.csv is one that was not finished.
class DatasetWriter {
 public:
  /// Throws Error when the folder holds anything, unless `resume`: then samples that are already there are kept.
  DatasetWriter(const std::filesystem::path& folder, const Ontology& ontology, bool resume);

  /// Whether both files of a sample are already there (whole: they are written atomically).
  bool has(const std::string& name) const;
  std::size_t size() const;
  /// rgb [H, W, 3], label [H, W, 1]. Thread-safe.
  void add(const std::string& name, StampNs stamp_ns, const std::string& split, const ImageU8& rgb,
           const ImageU8& label);
  /// Takes up a sample of an earlier run: counts its label without writing. False when it is not there or its label
  /// cannot be read: then add() it. Thread-safe.
  bool keep(const std::string& name, StampNs stamp_ns, const std::string& split);
  /// Writes ontology.yaml, ontology.json, dataset.parquet and, last, index.csv; samples in order of split, stamp and
  /// name.
  void finish();
  /// Removes what the constructor made when no sample is in it, so that a job that failed early leaves no trace.
  void discard_if_empty();

 private:
  struct Row {
    StampNs stamp_ns;
    std::string split;
  };
  void count(const ImageU8& label);
  std::filesystem::path folder_;
  bool made_folder_ = false;
  Ontology ontology_;
  mutable std::mutex mutex_;
  std::map<std::string, Row> rows_;
  std::array<std::uint64_t, 256> label_count_{};
};

}  // namespace bramble
