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
  /// rgb [H, W, 3], label [H, W, 1]. Thread-safe.
  void add(const std::string& name, StampNs stamp_ns, const std::string& split, const ImageU8& rgb,
           const ImageU8& label);
  /// Takes up a sample that has() says is there: counts its label without writing. Thread-safe.
  void keep(const std::string& name, StampNs stamp_ns, const std::string& split);
  /// Writes ontology.yaml, ontology.json, dataset.parquet and, last, index.csv; samples in order of split, stamp and
  /// name.
  void finish();
  std::size_t size() const { return rows_.size(); }

 private:
  struct Row {
    StampNs stamp_ns;
    std::string split;
  };
  void count(const ImageU8& label);
  std::filesystem::path folder_;
  Ontology ontology_;
  mutable std::mutex mutex_;
  std::map<std::string, Row> rows_;
  std::array<std::uint64_t, 256> label_count_{};
};

}  // namespace bramble
